//! The routes about jobs that answer with JSON: start, status, result, cancel, retry, list, job types.
//! Must not hold a request open without a bound.

use std::pin::pin;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::auth::{self, Knows, Reads, Writes};
use super::error::ApiError;
use super::query::Parameters;
use super::{Api, body, wire};
use crate::access::{Brands, Claims, Scope, Token};
use crate::engine::{EngineError, JobView, StartRequest, Started};
use crate::event::Subject;
use crate::job::{BrandId, Job, JobId, JobStatus, JobType};
use crate::meter::{self, Poll, StartRefusal};
use crate::store::{JobFilter, Position, WebhookState, WebhookStatus};
use crate::write::Refusal;

/// How long the token in a started job's `events_url` is good for.
const EVENTS_TOKEN_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// The members of a start request.
const START_MEMBERS: [&str; 4] = ["brand_id", "job_type", "input_data", "webhook_url"];

/// The header under which a client names a start, and the most characters of such a name.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const LONGEST_KEY: usize = 255;

/// Jobs in one page of the list: by default, and at the most.
const PAGE: u32 = 20;
const LARGEST_PAGE: u32 = 100;

/// The longest that `status` holds an answer, in seconds.
const LONGEST_WAIT: u32 = 60;

/// How often a held answer looks whether the call to a webhook has moved on.
const WEBHOOK_POLL: Duration = Duration::from_secs(1);

pub(super) async fn start(
    State(api): State<Api>,
    Writes(caller): Writes,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    if caller.only_job().is_some() {
        return Err(ApiError::BoundToAJob);
    }
    let request = body::read_json(&headers, body).await?;
    let request = request.as_object().ok_or_else(|| ApiError::invalid("body", "must be a JSON object"))?;
    if let Some(name) = request.keys().find(|name| !START_MEMBERS.contains(&name.as_str())) {
        let name: String = name.chars().take(64).collect();
        return Err(ApiError::invalid(&name, &format!("is not known; known are: {}", START_MEMBERS.join(", "))));
    }
    let start = StartRequest {
        brand_id: BrandId(uuid_member(request, "brand_id")?),
        job_type: job_type_member(request)?,
        input_data: request.get("input_data"),
        idempotency_key: idempotency_key(&headers)?,
        webhook_url: optional_string_member(request, "webhook_url")?,
    };
    // A brand outside the token is as one that does not exist.
    if !caller.sees_brand(start.brand_id) {
        return Err(EngineError::Refused(Refusal::UnknownBrand).into());
    }
    take_turn(&api, start.brand_id)?;
    let Started { job, again } = api.engine.start_job(start).await.inspect_err(|error| {
        if let EngineError::Refused(Refusal::QueueFull { .. }) = error {
            meter::start_refused(StartRefusal::QueueFull);
        }
    })?;
    if again {
        api.start_rate.give_back(job.brand_id);
    }
    let location = HeaderValue::from_str(&wire::status_url(&job)).ok();
    let mut response = (StatusCode::ACCEPTED, Json(wire::started(&job, events_token(&api, &job)))).into_response();
    response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    if again {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A token for the event stream of this job alone, where tokens are asked for.
fn events_token(api: &Api, job: &Job) -> Option<Token> {
    let claims = || Claims {
        brands: Brands::These(vec![job.brand_id]),
        job: Some(job.id),
        scopes: vec![Scope::Read],
        expires_at: Utc::now() + EVENTS_TOKEN_LIFETIME,
    };
    api.settings.keys.as_ref().map(|keys| keys.mint(&claims()))
}

/// One of the starts that the brand may make within a minute. A user's retry is one, since it runs the job as a start does.
fn take_turn(api: &Api, brand_id: BrandId) -> Result<(), ApiError> {
    api.start_rate.take(brand_id, Instant::now()).map_err(|wait| {
        meter::start_refused(StartRefusal::BrandRate);
        ApiError::TooManyStarts { per_minute: api.start_rate.per_minute(), wait }
    })
}

/// The client's name for this start, where it gives one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut sent = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = sent.next() else { return Ok(None) };
    let is_key = |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && !key.contains('\t');
    let key = value.to_str().ok().map(str::trim).filter(is_key);
    match (key, sent.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        (Some(_), Some(_)) => Err(ApiError::invalid(IDEMPOTENCY_KEY, "must be sent once")),
        (None, _) => {
            Err(ApiError::invalid(IDEMPOTENCY_KEY, &format!("must be 1 to {LONGEST_KEY} printable ASCII characters")))
        }
    }
}

fn uuid_member(request: &Map<String, Value>, name: &str) -> Result<Uuid, ApiError> {
    let text = string_member(request, name)?;
    Uuid::parse_str(text)
        .map_err(|_| ApiError::invalid(name, "must be a UUID, such as 7b0d7c1e-2f5a-4c7e-9d52-3c0f4a1b2c3d"))
}

fn job_type_member(request: &Map<String, Value>) -> Result<JobType, ApiError> {
    let known = || JobType::ALL.map(JobType::as_str).join(", ");
    let unknown = |_| ApiError::invalid("job_type", &format!("is not known; known are: {}", known()));
    string_member(request, "job_type")?.parse().map_err(unknown)
}

fn optional_string_member<'a>(request: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ApiError> {
    match request.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => string_member(request, name).map(Some),
    }
}

fn string_member<'a>(request: &'a Map<String, Value>, name: &str) -> Result<&'a str, ApiError> {
    match request.get(name) {
        None | Some(Value::Null) => Err(ApiError::invalid(name, "is required")),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(ApiError::invalid(name, "must be a string")),
    }
}

pub(super) async fn status(
    State(api): State<Api>,
    Reads(caller): Reads,
    id: PathId,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let wait = parameters.number("wait", 0, LONGEST_WAIT)?.unwrap_or(0);
    meter::polled(if wait > 0 { Poll::Wait } else { Poll::Plain });
    let mut view = auth::job_for(&caller, &api, id.0).await?;
    if wait > 0 && is_known(&headers, &etag(&view)) {
        wait_for_change(&api, &view, Duration::from_secs(wait.into())).await;
        view = api.engine.job(id.0).await.map_err(ApiError::about(id.0))?;
    }
    Ok(status_answer(&headers, view))
}

/// Returns after the job's next event, when its webhook has moved on, after `wait`, or when the process drains.
async fn wait_for_change(api: &Api, view: &JobView, wait: Duration) {
    let mut next = pin!(api.engine.event_log().follow(Subject::Job(view.job.id), view.job.last_seq));
    tokio::select! {
        _ = next.next() => {}
        () = webhook_moves(api, view) => {}
        () = tokio::time::sleep(wait) => {}
        () = api.engine.draining().cancelled_owned() => {}
    }
}

/// Returns when the call to the webhook of a job that is over stands otherwise, which no event tells.
async fn webhook_moves(api: &Api, view: &JobView) {
    let pending = |view: &JobView| {
        let webhook = view.webhook.as_ref();
        view.job.status.is_terminal() && webhook.is_some_and(|webhook| webhook.status == WebhookStatus::Pending)
    };
    if !pending(view) {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(WEBHOOK_POLL).await;
        // A database that is away is met by the read that follows the wait.
        if api.engine.job(view.job.id).await.is_ok_and(|now| etag(&now) != etag(view)) {
            return;
        }
    }
}

fn status_answer(headers: &HeaderMap, view: JobView) -> Response {
    let tag = etag(&view);
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(wire::job(view.into())).into_response()
    };
    let etag = HeaderValue::from_str(&format!("W/{tag}")).ok();
    response.headers_mut().extend(etag.map(|etag| (header::ETAG, etag)));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Every visible change of a job is an event, so its last seq names its state, with that of the call to its webhook. To
/// be compared weakly, because the estimate may differ.
fn etag(view: &JobView) -> String {
    let last_seq = view.job.last_seq;
    match view.webhook.as_ref().filter(|_| view.job.status.is_terminal()) {
        None => format!("\"{last_seq}\""),
        Some(WebhookState { status, attempts, next_attempt_at, .. }) => {
            let next = next_attempt_at.map_or(0, |at| at.timestamp_micros());
            format!("\"{last_seq}-{}-{attempts}-{next}\"", status.as_str())
        }
    }
}

/// Whether the client has this state already (RFC 9110, section 13.1.2: weak comparison, a list, or `*`).
fn is_known(headers: &HeaderMap, current: &str) -> bool {
    let sent = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    sent.flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == current)
}

pub(super) async fn result(State(api): State<Api>, Reads(caller): Reads, id: PathId) -> Result<Json<Value>, ApiError> {
    let JobView { job, .. } = auth::job_for(&caller, &api, id.0).await?;
    if job.status != JobStatus::Completed {
        let error_message = job.error_message.filter(|_| job.status == JobStatus::Failed);
        return Err(ApiError::NoResult { status: job.status, error_message });
    }
    let result_data = api.engine.result_data(id.0).await?.unwrap_or(Value::Null);
    Ok(Json(wire::result(&job, &result_data, job.completed_at)))
}

pub(super) async fn cancel(
    State(api): State<Api>,
    Writes(caller): Writes,
    id: PathId,
) -> Result<Json<Value>, ApiError> {
    auth::require_job(&caller, &api, id.0).await?;
    let view = api.engine.cancel(id.0).await.map_err(ApiError::about(id.0))?;
    Ok(Json(wire::job(view.into())))
}

pub(super) async fn retry(State(api): State<Api>, Writes(caller): Writes, id: PathId) -> Result<Response, ApiError> {
    let brand_id = auth::job_for(&caller, &api, id.0).await?.job.brand_id;
    take_turn(&api, brand_id)?;
    let view = api.engine.retry(id.0).await.map_err(ApiError::about(id.0))?;
    Ok((StatusCode::ACCEPTED, Json(wire::job(view.into()))).into_response())
}

pub(super) async fn list(
    State(api): State<Api>,
    Reads(caller): Reads,
    parameters: Parameters,
) -> Result<Json<Value>, ApiError> {
    parameters.only(&["brand_id", "status", "job_type", "limit", "cursor"])?;
    let filter = JobFilter {
        id: caller.only_job(),
        brands: caller.only_brands().map(<[BrandId]>::to_vec),
        brand_id: parameters.parsed("brand_id", "must be a UUID")?.map(BrandId),
        status: parameters
            .parsed("status", &format!("must be one of {}", JobStatus::ALL.map(JobStatus::as_str).join(", ")))?,
        job_type: parameters
            .parsed("job_type", &format!("must be one of {}", JobType::ALL.map(JobType::as_str).join(", ")))?,
    };
    let limit = parameters.number("limit", 1, LARGEST_PAGE)?.unwrap_or(PAGE);
    let after = match parameters.text("cursor") {
        Some(text) => {
            Some(position(text).ok_or_else(|| ApiError::invalid("cursor", "is not a next_cursor of this list"))?)
        }
        None => None,
    };
    // One more than asked for, to know whether there is another page.
    let mut views = api.engine.jobs(&filter, after, limit + 1).await?;
    let more = views.len() > limit as usize;
    views.truncate(limit as usize);
    let next_cursor = views.last().filter(|_| more).map(|view| cursor(&view.job));
    Ok(Json(wire::list(views.into_iter().map(Into::into).collect(), next_cursor)))
}

/// A place in the list as text: the creation time in microseconds and the id.
fn cursor(job: &Job) -> String {
    format!("{}_{}", job.created_at.timestamp_micros(), job.id)
}

fn position(cursor: &str) -> Option<Position> {
    let (micros, id) = cursor.split_once('_')?;
    // Not before 1970 and not past the year 9999, which every database can hold.
    let micros = micros.parse().ok().filter(|micros| (0..=253_402_300_799_999_999).contains(micros))?;
    let created_at = DateTime::from_timestamp_micros(micros)?;
    Some(Position { created_at, id: JobId(id.parse().ok()?) })
}

pub(super) async fn job_types(State(api): State<Api>, _: Knows) -> Json<Value> {
    Json(wire::job_types(&api.engine.job_types().await, api.settings.simulated))
}

/// The job id in the path; what is no UUID is the id of no job.
pub(super) struct PathId(pub(super) JobId);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<PathId, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let text = path.map(|Path(text)| text).unwrap_or_default();
        let id = Uuid::parse_str(&text).map_err(|_| ApiError::UnknownJob { id: text.chars().take(64).collect() })?;
        Ok(PathId(JobId(id)))
    }
}

/// The brand id in the path.
pub(super) struct PathBrandId(pub(super) BrandId);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for PathBrandId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<PathBrandId, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let text = path.map(|Path(text)| text).unwrap_or_default();
        let id = Uuid::parse_str(&text).map_err(|_| ApiError::invalid("brand_id", "in the path must be a UUID"))?;
        Ok(PathBrandId(BrandId(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_list_cursor_is_a_place_in_the_list_or_refused() {
        crate::corpus::withstands("list_cursor", 2000, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let Some(Position { created_at, id }) = position(&text) else { return };
            let micros = created_at.timestamp_micros();
            assert!((0..=253_402_300_799_999_999).contains(&micros), "{text}");
            assert_eq!(position(&format!("{micros}_{id}")), Some(Position { created_at, id }));
        });
    }

    #[test]
    fn any_idempotency_key_is_one_line_of_ascii_or_refused() {
        crate::corpus::withstands("idempotency_key", 2000, |bytes| {
            let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
            let name = axum::http::HeaderName::from_static("idempotency-key");
            let mut headers = HeaderMap::from_iter([(name.clone(), value.clone())]);
            if let Ok(key) = idempotency_key(&headers) {
                let key = key.expect("a header that is there is a key");
                assert!(
                    (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
                );
            }
            headers.append(name, value);
            assert!(idempotency_key(&headers).is_err(), "twice is once too often");
        });
    }
}
