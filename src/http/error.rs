//! The contract's error answers, and the one place where an error becomes a status code.
//! Must not send an internal cause; that is logged.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::error_body::{ErrorBody, ErrorCode};
use super::request::{REQUEST_ID, new_id};
use super::serve::HEAD_LIMIT;
use crate::access::{BadToken, Scope};
use crate::engine::EngineError;
use crate::job::{BrandId, JobId, JobStatus};
use crate::store::StoreError;
use crate::write::Refusal;

/// An answer that says what is wrong.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The request itself cannot be read.
    Malformed { field: Option<String>, message: String },
    /// The body does not arrive.
    BodyTimeout,
    /// The body is larger than this many bytes.
    TooLarge { limit: usize },
    /// The body is not declared as JSON.
    NotJson,
    /// A value is wrong.
    Invalid { field: String, message: String },
    /// There is no such job.
    UnknownJob { id: String },
    /// There is no such brand for the caller.
    UnknownBrand { id: BrandId },
    /// The caller has not said in a way that can be believed who it is.
    Unauthorized { problem: TokenProblem },
    /// The caller's token does not allow this.
    MissingScope { scope: Scope },
    /// The caller's token is for one job, and this is not about a job.
    BoundToAJob,
    /// There is no such route.
    UnknownRoute { path: String },
    /// The route does not take this method.
    WrongMethod { method: String, path: String },
    /// There is no result yet, or there will be none.
    NoResult { status: JobStatus, error_message: Option<String> },
    /// What came is not a request of HTTP/1.1.
    NotHttp,
    /// The head of the request is larger than is read.
    HeadTooLarge,
    /// As many connections are open as may be.
    TooManyConnections,
    /// An event stream was asked for on a connection whose socket cannot be had.
    NoSocket,
    /// Every event stream that may be open is open.
    TooManyStreams { limit: u32 },
    /// The client's address or its token has as many event streams open as it may.
    TooManyOfClient { limit: u32 },
    /// The brand has started as many jobs as it may within a minute.
    TooManyStarts { per_minute: u32, wait: Duration },
    /// The engine did not do it.
    Engine(EngineError),
}

/// Why no token was taken.
#[derive(Debug)]
pub(super) enum TokenProblem {
    /// There is none.
    Missing,
    /// It stands in the query of a route that takes none there.
    InTheQuery,
    /// The header that would hold it cannot be read.
    Header,
    /// It is not to be believed.
    Bad(BadToken),
}

impl ApiError {
    pub(super) fn malformed(message: impl Into<String>) -> ApiError {
        ApiError::Malformed { field: None, message: message.into() }
    }

    pub(super) fn invalid(field: &str, problem: &str) -> ApiError {
        ApiError::Invalid { field: field.to_owned(), message: format!("{field} {problem}") }
    }

    /// An error of the engine about the job of this id.
    pub(super) fn about(id: JobId) -> impl Fn(EngineError) -> ApiError {
        move |error| match error {
            EngineError::Refused(Refusal::NotFound) => ApiError::UnknownJob { id: id.to_string() },
            error => ApiError::Engine(error),
        }
    }

    /// The status, the stable code and, where waiting helps, after how many seconds.
    pub(super) fn answer(&self) -> (StatusCode, ErrorCode, Option<u32>) {
        match self {
            ApiError::Malformed { .. } => (StatusCode::BAD_REQUEST, ErrorCode::Malformed, None),
            ApiError::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, ErrorCode::BodyTimeout, None),
            ApiError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, None),
            ApiError::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::UnsupportedMediaType, None),
            ApiError::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidInput, None),
            ApiError::UnknownJob { .. } | ApiError::UnknownBrand { .. } | ApiError::UnknownRoute { .. } => {
                (StatusCode::NOT_FOUND, ErrorCode::NotFound, None)
            }
            ApiError::Unauthorized { .. } => (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, None),
            ApiError::MissingScope { .. } | ApiError::BoundToAJob => {
                (StatusCode::FORBIDDEN, ErrorCode::Forbidden, None)
            }
            ApiError::WrongMethod { .. } => (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, None),
            ApiError::NoResult { .. } => (StatusCode::CONFLICT, ErrorCode::NoResult, None),
            ApiError::NotHttp => (StatusCode::BAD_REQUEST, ErrorCode::Malformed, None),
            ApiError::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, ErrorCode::HeadTooLarge, None),
            ApiError::NoSocket => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, None),
            ApiError::TooManyConnections => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TooManyConnections, Some(5)),
            ApiError::TooManyStreams { .. } => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TooManyStreams, Some(5)),
            ApiError::TooManyOfClient { .. } => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyStreams, Some(5)),
            ApiError::TooManyStarts { wait, .. } => {
                (StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, Some(whole_seconds(*wait)))
            }
            ApiError::Engine(EngineError::InvalidInput(_)) => {
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidInput, None)
            }
            ApiError::Engine(EngineError::MissingKey { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::MissingKey, Some(60))
            }
            ApiError::Engine(EngineError::Draining) => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Draining, Some(1)),
            ApiError::Engine(EngineError::Store(StoreError::Unavailable(_))) => {
                (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::DatabaseUnavailable, Some(2))
            }
            ApiError::Engine(EngineError::Store(StoreError::Rejected(_))) => {
                (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, None)
            }
            ApiError::Engine(EngineError::Refused(refusal)) => match refusal {
                Refusal::NotFound => (StatusCode::NOT_FOUND, ErrorCode::NotFound, None),
                Refusal::WrongState { .. } | Refusal::Fenced { .. } | Refusal::LeaseHeld { .. } => {
                    (StatusCode::CONFLICT, ErrorCode::WrongState, None)
                }
                Refusal::NotOurs => (StatusCode::CONFLICT, ErrorCode::NotOurs, None),
                Refusal::QueueFull { .. } => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::QueueFull, Some(10)),
                Refusal::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::IdempotencyKeyReused, None),
                Refusal::UnknownBrand => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::UnknownBrand, None),
            },
        }
    }

    fn message(&self) -> String {
        match self {
            ApiError::Malformed { message, .. } | ApiError::Invalid { message, .. } => message.clone(),
            ApiError::BodyTimeout => "the request body did not arrive in time".to_owned(),
            ApiError::TooLarge { limit } => format!("the request body is larger than {} KiB", limit / 1024),
            ApiError::NotJson => "the request body must be JSON, sent with Content-Type: application/json".to_owned(),
            ApiError::UnknownJob { id } => format!("there is no job with id {id}"),
            ApiError::UnknownBrand { id } => format!("there is no brand with id {id}"),
            ApiError::Unauthorized { problem } => match problem {
                TokenProblem::Missing => "a token is needed: send it as Authorization: Bearer <token>".to_owned(),
                TokenProblem::InTheQuery => {
                    "access_token is taken on event streams alone; send the token as Authorization: Bearer <token>"
                        .to_owned()
                }
                TokenProblem::Header => "Authorization must be sent once, as Bearer <token>".to_owned(),
                TokenProblem::Bad(problem) => format!("the token {problem}"),
            },
            ApiError::MissingScope { scope } => format!("the token does not have the scope {}", scope.as_str()),
            ApiError::BoundToAJob => "the token is for one job alone, and starts no others".to_owned(),
            ApiError::UnknownRoute { path } => format!("there is nothing at {path}"),
            ApiError::WrongMethod { method, path } => format!("{path} does not take {method}"),
            ApiError::NoResult { status, .. } => format!("the job is {status}; it has no result"),
            ApiError::NotHttp => "what was sent is not a request of HTTP/1.1".to_owned(),
            ApiError::HeadTooLarge => {
                format!("the head of the request is larger than {} KiB or has more than 100 headers", HEAD_LIMIT / 1024)
            }
            ApiError::NoSocket => "event streams need the server's own connection loop".to_owned(),
            ApiError::TooManyConnections => {
                "as many connections are open as may be; try again in a few seconds".to_owned()
            }
            ApiError::TooManyStreams { limit } => {
                format!("as many event streams are open as may be ({limit}); try again in a few seconds")
            }
            ApiError::TooManyOfClient { limit } => {
                format!("you have as many event streams open as one client may ({limit}); close some first")
            }
            ApiError::TooManyStarts { per_minute, wait } => format!(
                "the brand has started as many jobs as it may within a minute ({per_minute}); try again in {} s",
                whole_seconds(*wait)
            ),
            // What the database said stays inside.
            ApiError::Engine(EngineError::Store(StoreError::Unavailable(_))) => {
                "the database does not answer; try again".to_owned()
            }
            ApiError::Engine(EngineError::Store(StoreError::Rejected(_))) => "something went wrong here".to_owned(),
            ApiError::Engine(EngineError::Refused(Refusal::WrongState { status })) => {
                format!("the job is {status}, which does not allow this")
            }
            ApiError::Engine(error) => error.to_string(),
        }
    }

    /// What the answer says.
    pub(super) fn body(&self) -> ErrorBody {
        let (_, code, _) = self.answer();
        let (status, error_message) = self.job_state();
        ErrorBody { success: false, error: self.message(), code, field: self.field(), status, error_message }
    }

    /// The whole answer as bytes, for a connection that no request was read from; it closes the connection.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let (code, _, retry_after) = self.answer();
        let body = serde_json::to_string(&self.body()).unwrap_or_default();
        let retry_after = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
        let (length, id) = (body.len(), new_id());
        let id = id.to_str().unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {code}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{retry_after}\
             cache-control: no-store\r\nx-content-type-options: nosniff\r\n{REQUEST_ID}: {id}\r\nconnection: close\r\n\r\n"
        );
        (head + &body).into_bytes()
    }

    fn field(&self) -> Option<String> {
        match self {
            ApiError::Invalid { field, .. } => Some(field.clone()),
            ApiError::Malformed { field, .. } => field.clone(),
            ApiError::Engine(EngineError::InvalidInput(invalid)) => Some(invalid.field.clone()),
            ApiError::Engine(EngineError::Refused(Refusal::UnknownBrand)) => Some("brand_id".to_owned()),
            ApiError::Engine(EngineError::Refused(Refusal::KeyReused)) => Some("Idempotency-Key".to_owned()),
            _ => None,
        }
    }

    /// What the answer says about tokens (RFC 6750, section 3).
    pub(super) fn challenge(&self) -> Option<&'static str> {
        match self {
            ApiError::Unauthorized { problem: TokenProblem::Missing } => Some("Bearer"),
            ApiError::Unauthorized { problem: TokenProblem::Bad(_) } => Some("Bearer error=\"invalid_token\""),
            ApiError::Unauthorized { .. } => Some("Bearer error=\"invalid_request\""),
            ApiError::MissingScope { scope: Scope::Read } => {
                Some("Bearer error=\"insufficient_scope\", scope=\"jobs:read\"")
            }
            ApiError::MissingScope { scope: Scope::Write } => {
                Some("Bearer error=\"insufficient_scope\", scope=\"jobs:write\"")
            }
            _ => None,
        }
    }

    fn job_state(&self) -> (Option<JobStatus>, Option<String>) {
        match self {
            ApiError::NoResult { status, error_message } => (Some(*status), error_message.clone()),
            ApiError::Engine(EngineError::Refused(Refusal::WrongState { status })) => (Some(*status), None),
            _ => (None, None),
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> ApiError {
        ApiError::Engine(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let ApiError::Engine(EngineError::Store(error)) = &self {
            tracing::error!(%error, "could not answer a request");
        }
        let challenge = self.challenge();
        let (code, _, retry_after) = self.answer();
        let mut response = (code, Json(self.body())).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

pub(super) async fn unknown_route(uri: Uri) -> ApiError {
    ApiError::UnknownRoute { path: shown(uri.path()) }
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::WrongMethod { method: method.to_string(), path: shown(uri.path()) }
}

/// What is said in the place of an answer that hyper gives by itself, without a body, when it cannot read a request. No
/// route gives one without a body and with such a status.
pub(super) fn in_place_of(head: &[u8]) -> Option<Vec<u8>> {
    let status = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    let error = match status {
        b"400" => ApiError::NotHttp,
        b"431" => ApiError::HeadTooLarge,
        _ => return None,
    };
    let empty = b"\r\ncontent-length: 0\r\n";
    head.windows(empty.len()).any(|part| part == empty).then(|| error.into_bytes())
}

/// Rounded up, so that whoever waits that long is not too early.
fn whole_seconds(wait: Duration) -> u32 {
    wait.as_secs_f64().ceil().clamp(1.0, f64::from(u32::MAX)) as u32
}

/// A path that a client sent, short enough to send back.
fn shown(path: &str) -> String {
    path.chars().take(200).collect()
}
