//! The OpenAPI document: what every route takes and answers, made from the types and limits that the routes use.
//! Must not say anything that a route does not do; a route's own words stay beside its neighbours' in one file here.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Paths, PathsBuilder, Tag};

use operation::Route;

use super::auth::ACCESS_TOKEN;
use super::{Api, ApiSettings, condition};

mod errors;
mod example;
mod jobs;
mod operation;
mod parameters;
mod schemas;
mod service;
mod start;
mod streams;
#[cfg(test)]
mod tests;
mod webhook;

/// The names of the two ways to send a token.
const BEARER: &str = "bearer";
const IN_THE_QUERY: &str = "access_token";

const ABOUT: &str = "\
Runs long AI jobs in the background and pushes their progress to browsers over Server-Sent Events.

Start a job with one POST, and follow its event stream: every connection begins with a `sync` frame that has the whole job, \
then come all events after the reader's cursor, and live ones from there on. A reader that comes back with `Last-Event-ID` \
misses nothing and sees nothing twice.

Every error is JSON with a stable `code`; answers with 429 and 503 say in `Retry-After` when to try again. Every answer has an \
`X-Request-Id`. Unknown routes and methods are answered as `UnknownRoute` and `WrongMethod` among the components.";

/// What differs from one server to another.
#[derive(Clone, Copy)]
struct Server {
    asks_for_tokens: bool,
    /// Whether they are among the routes, rather than on a port of their own.
    shows_metrics: bool,
}

/// The document as it is sent.
#[derive(Clone)]
pub(super) struct Document {
    text: Bytes,
    etag: Arc<str>,
}

impl Document {
    /// The document about a server with these settings.
    pub(super) fn of(settings: &ApiSettings) -> Document {
        let server = Server { asks_for_tokens: settings.keys.is_some(), shows_metrics: !settings.metrics_apart };
        let text = document(server).to_json().expect("the document has string keys and finite numbers only");
        let digest: String = Sha256::digest(&text)[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        Document { text: Bytes::from(text), etag: format!("\"{digest}\"").into() }
    }
}

pub(super) async fn json(State(api): State<Api>, headers: HeaderMap) -> Response {
    let Document { text, etag } = api.document.clone();
    let mut response = if condition::is_known(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
    };
    response.headers_mut().extend(HeaderValue::from_str(&etag).ok().map(|etag| (header::ETAG, etag)));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn document(server: Server) -> OpenApi {
    let info = InfoBuilder::new()
        .title("jobcast")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()));
    OpenApiBuilder::new()
        .info(info)
        .tags(Some(tags()))
        .paths(paths(server))
        .webhooks(Some(webhook::paths()))
        .components(Some(components()))
        .build()
}

fn tags() -> Vec<Tag> {
    let tags = [
        (jobs::TAG, "Start jobs, ask about them, stop them and put them back in the queue."),
        (streams::TAG, "Follow what happens, live and without a gap."),
        (service::TAG, "What operators and their tools ask."),
        (webhook::TAG, "What this server calls."),
    ];
    tags.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build()).to_vec()
}

/// In the order of the router.
fn paths(server: Server) -> Paths {
    let routes =
        [jobs::operations(), streams::operations(), service::operations(server.shows_metrics)].into_iter().flatten();
    let add = |paths: PathsBuilder, route: Route| paths.path(route.path, route.item(server.asks_for_tokens));
    routes.fold(PathsBuilder::new(), add).build()
}

fn components() -> Components {
    let mut components = Components::new();
    schemas::add_to(&mut components);
    errors::add_to(&mut components);
    operation::add_to(&mut components);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(
        "An HS256 token with `exp`, `brands`, `scope` and perhaps `job`, signed with the server's secret. Not asked for where \
         the server has none.",
    ));
    let in_the_query = ApiKeyValue::with_description(
        ACCESS_TOKEN,
        "The same token, on event streams alone: an EventSource sends no headers. The header wins.",
    );
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    components.add_security_scheme(IN_THE_QUERY, SecurityScheme::ApiKey(ApiKey::Query(in_the_query)));
    components
}
