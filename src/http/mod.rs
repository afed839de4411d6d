//! The HTTP interface: routes and layers over the engine and the event log.
//! Must not contain rules about jobs; it reads requests, asks the engine, and writes answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::access::{Keys, Origins};
use crate::engine::Engine;

mod auth;
mod body;
mod cors;
mod dashboard;
mod error;
mod event_stream;
mod events;
mod health;
mod jobs;
mod metrics;
mod query;
mod serve;
mod wire;

pub use serve::{ServeSettings, serve};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    engine: Engine,
    settings: Arc<ApiSettings>,
    streams: OpenStreams,
}

/// The settings of the routes.
#[derive(Debug)]
pub struct ApiSettings {
    /// A comment is sent on a stream after this much silence.
    pub keep_alive: Duration,
    /// Open event streams at the most.
    pub max_streams: u32,
    /// Streams end spread over this time when the process drains.
    pub drain_spread: Duration,
    /// Whether the upstreams are the demo's stand-ins, which is told wherever a person sees results.
    pub simulated: bool,
    /// What signs and checks tokens; without it anybody may do anything.
    pub keys: Option<Arc<Keys>>,
    /// The web origins whose pages may call the API, besides its own.
    pub origins: Origins,
}

/// The event streams that are open.
#[derive(Clone)]
pub struct OpenStreams {
    permits: Arc<Semaphore>,
    limit: u32,
}

impl OpenStreams {
    fn up_to(limit: u32) -> OpenStreams {
        OpenStreams { permits: Arc::new(Semaphore::new(limit as usize)), limit }
    }

    /// Returns when none is open.
    pub async fn none_left(&self) {
        // It fails only on a closed semaphore, and nobody closes this one.
        let _ = self.permits.acquire_many(self.limit).await;
    }
}

/// All routes, and the streams that they open. Whatever the routes do not know is answered with the contract's JSON error.
pub fn router(engine: Engine, settings: ApiSettings) -> (Router, OpenStreams) {
    let streams = OpenStreams::up_to(settings.max_streams);
    let router = routes(Api { engine, settings: Arc::new(settings), streams: streams.clone() });
    (router, streams)
}

fn routes(api: Api) -> Router {
    let (engine, cors) = (api.engine.clone(), cors::layer(&api.settings.origins));
    let routes = Router::new()
        .route("/api/jobs/start", post(jobs::start))
        .route("/api/jobs", get(jobs::list))
        .route("/api/jobs/{id}/events", get(events::of_job))
        .route("/api/jobs/{id}/status", get(jobs::status))
        .route("/api/jobs/{id}/result", get(jobs::result))
        .route("/api/jobs/{id}/cancel", post(jobs::cancel))
        .route("/api/jobs/{id}/retry", post(jobs::retry))
        .route("/api/brands/{brand_id}/events", get(events::of_brand))
        .route("/api/job-types", get(jobs::job_types))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::text))
        .route("/", get(dashboard::page))
        .route("/static/{*path}", get(dashboard::asset))
        .fallback(error::unknown_route)
        .method_not_allowed_fallback(error::wrong_method)
        .with_state(api);
    let routes = match cors {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(middleware::from_fn_with_state(engine, log_and_harden))
}

/// Logs each request without its query, which may hold a token; sets what all answers say; and asks clients to connect
/// anew once the process drains (cutting idle connections could meet a request on its way).
async fn log_and_harden(State(engine): State<Engine>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The address of an event stream may hold a token.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // What a route does not say may be kept is not: a 204 or a readiness from a cache would mislead.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if engine.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    tracing::debug!(%method, path, status = response.status().as_u16(), "request");
    response
}
