//! The HTTP interface: routes and layers over the engine and the event log.
//! Must not contain rules about jobs; it reads requests, asks the engine, and writes answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::access::{Keys, Origins};
use crate::engine::Engine;

mod auth;
mod body;
mod client;
mod condition;
mod connections;
mod cors;
mod dashboard;
mod delivery;
mod error;
mod error_body;
mod event_stream;
mod events;
mod health;
mod jobs;
mod metrics;
mod openapi;
mod query;
mod request;
mod serve;
mod shares;
mod socket;
mod start_rate;
mod wire;

pub use client::Proxy;
use delivery::Delivery;
use openapi::Document;
pub use serve::{ServeSettings, listen, serve};
use shares::Shares;
use start_rate::StartRate;

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    engine: Engine,
    settings: Arc<ApiSettings>,
    streams: OpenStreams,
    delivery: Delivery,
    shares: Shares,
    start_rate: StartRate,
    document: Document,
}

/// The settings of the routes.
#[derive(Debug)]
pub struct ApiSettings {
    /// A comment is sent on a stream after this much silence.
    pub keep_alive: Duration,
    /// Open event streams at the most.
    pub max_streams: u32,
    /// Of these, those of one client address, and those of one token.
    pub max_streams_per_address: u32,
    /// Jobs that one brand may start within a minute on this instance.
    pub max_starts_per_minute: u32,
    /// Who tells the client's address.
    pub proxy: Proxy,
    /// Streams end spread over this time when the process drains.
    pub drain_spread: Duration,
    /// Whether the upstreams are the demo's stand-ins, which is told wherever a person sees results.
    pub simulated: bool,
    /// Whether metrics are shown elsewhere ([`metrics_router`]).
    pub metrics_apart: bool,
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
    let shares = Shares::up_to(settings.max_streams_per_address);
    let start_rate = StartRate::up_to(settings.max_starts_per_minute);
    let document = Document::of(&settings);
    let settings = Arc::new(settings);
    let delivery =
        Delivery::new(engine.event_log().clone(), settings.keep_alive, engine.draining(), settings.drain_spread);
    let router = routes(Api { engine, settings, streams: streams.clone(), delivery, shares, start_rate, document });
    (router, streams)
}

/// The one route of a listener that only scrapers reach.
pub fn metrics_router() -> Router {
    answering_errors(Router::new().route("/metrics", get(metrics::text)))
}

/// What these routes do not know, and the methods that they do not take, are answered with the contract's JSON error; to
/// be called when all of them are there.
fn answering_errors<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.fallback(error::unknown_route).method_not_allowed_fallback(error::wrong_method)
}

fn routes(api: Api) -> Router {
    let metrics_apart = api.settings.metrics_apart;
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
        .route("/openapi.json", get(openapi::json))
        .route("/", get(dashboard::page))
        .route("/docs", get(dashboard::docs))
        .route("/static/{*path}", get(dashboard::asset));
    let routes = if metrics_apart { routes } else { routes.route("/metrics", get(metrics::text)) };
    let routes = answering_errors(routes).with_state(api);
    let routes = match cors {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(middleware::from_fn_with_state(engine, request::observe))
}
