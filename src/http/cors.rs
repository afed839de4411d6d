//! Which other origins' pages may call the API, and what they may send and read.
//! Must not let credentials through that a browser sends by itself: a token is sent by the page or not at all.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::request::REQUEST_ID;
use crate::access::Origins;

/// How long a browser may remember the answer to a preflight; browsers cut it to two hours or less.
const MAX_AGE: Duration = Duration::from_secs(7200);

/// What requests may hold besides what any page may send.
const HEADERS: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    header::IF_NONE_MATCH,
    REQUEST_ID,
];

/// What a page may read of an answer besides its body.
const EXPOSED: [HeaderName; 5] =
    [header::ETAG, header::LOCATION, header::RETRY_AFTER, HeaderName::from_static("idempotent-replayed"), REQUEST_ID];

/// The layer that answers preflights and marks answers; nothing where no other origin is let in.
pub(super) fn layer(origins: &Origins) -> Option<CorsLayer> {
    let allowed = match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::These(origins) if origins.is_empty() => return None,
        // Origins were checked when they were read, so none is left out.
        Origins::These(origins) => {
            AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
        }
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(HEADERS)
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE);
    Some(layer)
}
