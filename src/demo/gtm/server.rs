//! The routes of the site analysis and the check of what is sent to them.
//! It must not fetch anything; `analysis` does.

use super::analysis::{Analysis, Wanted};
use super::fetch::Web;
use super::say;
use crate::demo::answer::{Answer, respond};
use crate::demo::control::{Control, RecordedRequest};
use crate::demo::socket::ResetSwitch;
use crate::demo::stand_in::Api;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// The service's default.
const DEFAULT_MAX_PAGES: u64 = 10;
/// The most pages the stand-in reads, whatever is asked for.
const MOST_PAGES: u64 = 50;

/// The site analysis (`POST /api/analyze-brand-enhanced`, `GET /api/health`).
#[derive(Debug)]
pub struct Gtm;

#[derive(Clone)]
struct Server {
    control: Arc<Control>,
    /// `None` when the platform has no TLS set-up to offer, which every analysis then says.
    web: Option<Web>,
    started: Instant,
}

impl Api for Gtm {
    const PACE_FOR_PEOPLE: Duration = Duration::from_millis(200);

    fn router(control: Arc<Control>) -> Router {
        let server = Server { control, web: Web::new().ok(), started: Instant::now() };
        Router::new()
            .route("/api/health", get(health))
            .route("/api/analyze-brand-enhanced", post(analyse))
            .fallback(unknown_route)
            .with_state(server)
    }
}

async fn health(State(server): State<Server>) -> Json<Value> {
    let uptime = server.started.elapsed().as_secs_f64();
    Json(json!({"status": "OK", "version": concat!(env!("CARGO_PKG_VERSION"), "-simulated"), "uptime": uptime}))
}

async fn unknown_route(uri: Uri) -> (StatusCode, Json<Value>) {
    (StatusCode::NOT_FOUND, Json(refused(format!("there is no route {}", uri.path()))))
}

async fn analyse(
    State(server): State<Server>,
    Extension(reset): Extension<ResetSwitch>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let admitted = server.control.admit(RecordedRequest::new(&method, &uri, &headers, &body));
    respond(admitted, reset, || match (wanted(&body), server.web) {
        (Ok(wanted), Some(web)) => Answer::events(Analysis::new(web, wanted).events()).with_preamble(": ok\n\n"),
        (Ok(_), None) => {
            Answer::json(StatusCode::INTERNAL_SERVER_ERROR, &refused("no HTTP client could be set up".to_owned()))
        }
        (Err(problem), _) => Answer::json(StatusCode::BAD_REQUEST, &refused(problem)),
    })
}

/// Reads the request; the error is for the caller to read.
fn wanted(body: &[u8]) -> Result<Wanted, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let text = body["url"].as_str().ok_or("`url` is required and must be a string")?;
    let url = Url::parse(text).map_err(|error| format!("`url` is not an absolute URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("`url` must be an http or https address with a host".to_owned());
    }
    let max_pages = match &body["maxPages"] {
        Value::Null => DEFAULT_MAX_PAGES,
        value => value.as_u64().filter(|pages| *pages > 0).ok_or("`maxPages` must be a positive whole number")?,
    };
    Ok(Wanted { url, max_pages: max_pages.min(MOST_PAGES) as usize })
}

fn refused(problem: String) -> Value {
    json!({"success": false, "error": say(problem)})
}
