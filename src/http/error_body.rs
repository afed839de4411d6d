//! What an error answer says, and the stable words that tell errors apart.
//! Must not decide which error has which word; `error` does.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::job::JobStatus;

/// What every answer says that is an error.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorBody {
    #[schema(schema_with = always_false)]
    pub(super) success: bool,
    /// What is wrong, in words that a person can act on; they may change.
    pub(super) error: String,
    pub(super) code: ErrorCode,
    /// What it is about: a member of the request's body as a path, a parameter or a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) field: Option<String>,
    /// The status of the job, where that is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = JobStatus, nullable = false, required = false)]
    pub(super) status: Option<JobStatus>,
    /// Why the job failed, where it has no result for that reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) error_message: Option<String>,
}

/// A stable word for what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrorCode {
    /// The request cannot be read.
    Malformed,
    /// There is no good token.
    Unauthorized,
    /// The token does not allow it.
    Forbidden,
    /// There is no such thing for the caller.
    NotFound,
    /// The route does not take the method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The job's status does not allow it.
    WrongState,
    /// There is no result.
    NoResult,
    /// The origin application has created the job.
    NotOurs,
    /// The body is too large.
    TooLarge,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// A value is wrong.
    InvalidInput,
    /// There is no such brand for the caller, or in the origin application's database.
    UnknownBrand,
    /// The key was used for another request.
    IdempotencyKeyReused,
    /// As many jobs wait as may wait.
    QueueFull,
    /// The brand has started as many jobs as it may.
    RateLimited,
    /// As many event streams are open as may be.
    TooManyStreams,
    /// The head of the request is too large.
    HeadTooLarge,
    /// Something went wrong inside.
    Internal,
    /// The job type needs a key that is not set.
    MissingKey,
    /// The server is stopping.
    Draining,
    /// The database does not answer.
    DatabaseUnavailable,
    /// As many connections are open as may be.
    TooManyConnections,
}

/// The schema of the `success` of an error.
fn always_false() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false])).build()
}
