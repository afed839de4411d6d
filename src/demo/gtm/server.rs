//! The routes of the site analysis.
//! It must not work anything out; `analysis`, `extraction` and `discovery` do.

use super::analysis::Analysis;
use super::crawl::{Crawl, Site};
use super::discovery::discover;
use super::extraction::extract;
use super::fault::{self, Effect, Fault};
use super::fetch::{Failure, Web};
use super::request::Request;
use super::{say, told};
use crate::demo::answer::{Answer, respond};
use crate::demo::control::{Admitted, Control};
use crate::demo::fault::{Catalogue, FaultNote};
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

/// How many times the pace passes before a JSON answer, so that a person sees the step.
const LEAD_IN: u32 = 12;

/// The site analysis (`POST /api/analyze-brand-enhanced`, `/api/extract-brand` and `/api/discover-brand-pages`,
/// `GET /api/health`).
#[derive(Debug)]
pub struct Gtm;

#[derive(Clone)]
struct Server {
    control: Arc<Control>,
    started: Instant,
}

/// What is asked for, told apart by the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Analysis,
    Extraction,
    Discovery,
}

impl Api for Gtm {
    const PACE_FOR_PEOPLE: Duration = Duration::from_millis(200);
    const NAME: &'static str = "gtm";

    fn faults() -> &'static [FaultNote] {
        fault::notes()
    }

    fn router(control: Arc<Control>) -> Router {
        let server = Server { control, started: Instant::now() };
        Router::new()
            .route("/api/health", get(health))
            .route("/api/analyze-brand-enhanced", post(main_call).layer(Extension(Endpoint::Analysis)))
            .route("/api/extract-brand", post(main_call).layer(Extension(Endpoint::Extraction)))
            .route("/api/discover-brand-pages", post(main_call).layer(Extension(Endpoint::Discovery)))
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

async fn main_call(
    State(server): State<Server>,
    Extension(endpoint): Extension<Endpoint>,
    Extension(reset): Extension<ResetSwitch>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let admitted = server.control.admit(&method, &uri, &headers, &body);
    let (admitted, effect) = with_effect(admitted, server.control.catalogue(), endpoint);
    respond(admitted, reset, || server.answer(endpoint, effect, &body)).await
}

/// Finds out what the fault does that was asked for, if any; a fault that answers by itself becomes the behaviour.
fn with_effect(mut admitted: Admitted, catalogue: Catalogue, endpoint: Endpoint) -> (Admitted, Option<Effect>) {
    let Some(name) = admitted.fault else { return (admitted, None) };
    let effect = match Fault::find(name, endpoint).map(|fault| fault.effect) {
        None => {
            admitted.behaviour = catalogue.refused(name, Fault::names(endpoint));
            None
        }
        Some(Effect::Instead(behaviour)) => {
            admitted.behaviour = behaviour();
            None
        }
        Some(Effect::StreamOr(_, behaviour)) if endpoint != Endpoint::Analysis => {
            admitted.behaviour = behaviour();
            None
        }
        effect => effect,
    };
    (admitted, effect)
}

impl Server {
    async fn answer(&self, endpoint: Endpoint, effect: Option<Effect>, body: &[u8]) -> Answer {
        let web = Web::new(self.control.reach());
        let answer = match endpoint {
            Endpoint::Analysis => analysis(web, effect, body),
            Endpoint::Extraction => extraction(web, effect, body).await,
            Endpoint::Discovery => discovery(web, effect, body).await,
        };
        let answer = answer.unwrap_or_else(|problem| Answer::json(StatusCode::BAD_REQUEST, &refused(problem)));
        if let Some(Effect::Late(wait)) = effect { answer.after(wait) } else { answer }
    }
}

fn analysis(web: Web, effect: Option<Effect>, body: &[u8]) -> Result<Answer, String> {
    let events = Analysis::new(web, Request::read(body)?.wanted()?).events();
    Ok(match effect {
        Some(Effect::Stream(tell) | Effect::StreamOr(tell, _)) => tell(events),
        _ => told::answer(events),
    })
}

async fn extraction(web: Web, effect: Option<Effect>, body: &[u8]) -> Result<Answer, String> {
    let request = Request::read(body)?;
    let with_screenshot = request.screenshot()?;
    let describe = move |site: &Site, seconds| changed(extract(site, with_screenshot, seconds), effect);
    Ok(described(web, request.url, 1, describe).await)
}

async fn discovery(web: Web, effect: Option<Effect>, body: &[u8]) -> Result<Answer, String> {
    let request = Request::read(body)?;
    let (wanted, detail) = (request.wanted()?, request.detail()?);
    let describe = move |site: &Site, seconds| changed(discover(site, detail, seconds), effect);
    Ok(described(web, wanted.url, wanted.max_pages, describe).await)
}

fn changed(mut body: Value, effect: Option<Effect>) -> Value {
    if let Some(Effect::Body(change) | Effect::Extraction(change)) = effect {
        change(&mut body);
    }
    body
}

/// Walks the site, then tells what `describe` makes of it.
async fn described(
    web: Web,
    url: Url,
    max_pages: usize,
    describe: impl FnOnce(&Site, f64) -> Value + Send + 'static,
) -> Answer {
    let began = Instant::now();
    let site = match walked(web, url.clone(), max_pages).await {
        Ok(site) => site,
        Err(failure) => return unreadable(&url, &failure),
    };
    let seconds = began.elapsed().as_secs_f64();
    // Reading megabytes of style rules takes long enough to hold up the other tasks of this thread.
    match tokio::task::spawn_blocking(move || describe(&site, seconds)).await {
        Ok(body) => Answer::json(StatusCode::OK, &body).after_paces(LEAD_IN),
        Err(_) => unreadable(&url, &Failure::Unreadable),
    }
}

async fn walked(web: Web, url: Url, max_pages: usize) -> Result<Site, Failure> {
    let mut crawl = Crawl::start(web, url, max_pages).await?;
    while crawl.next().await.is_some() {}
    Ok(crawl.finish().await)
}

fn unreadable(url: &Url, failure: &Failure) -> Answer {
    let status = match failure {
        Failure::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
        Failure::Status(404) => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    Answer::json(status, &refused(format!("{url} could not be read: {failure}"))).after_paces(LEAD_IN)
}

fn refused(problem: String) -> Value {
    json!({"success": false, "error": say(problem)})
}
