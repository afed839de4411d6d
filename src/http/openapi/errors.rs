//! The error answers of the routes, made from the errors themselves: status, code, words and headers are those that are sent.
//! Must not decide what an error is answered with.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{AllOfBuilder, Components, ContentBuilder, ObjectBuilder, Ref, Schema, Type};

use super::example::JOB_ID;
use super::operation::{Access, RETRY_AFTER, header, header_ref, optional_header, text};
use crate::access::{BadToken, Scope};
use crate::engine::EngineError;
use crate::http::error::{ApiError, TokenProblem};
use crate::http::error_body::{ErrorBody, ErrorCode};
use crate::job::{JobId, JobStatus};
use crate::pipeline::InvalidInput;
use crate::store::StoreError;
use crate::write::Refusal;

/// What may be wrong with every request, whatever its route.
pub(super) fn anywhere() -> Vec<ApiError> {
    vec![ApiError::NotHttp, ApiError::HeadTooLarge, ApiError::TooManyConnections]
}

/// What may be wrong with its token.
pub(super) fn of_tokens(access: Access) -> Vec<ApiError> {
    let unauthorized = |problem| ApiError::Unauthorized { problem };
    let scope = match access {
        Access::Open => return Vec::new(),
        Access::Knows => None,
        Access::Reads | Access::Watches => Some(Scope::Read),
        Access::Writes => Some(Scope::Write),
    };
    let mut errors = vec![unauthorized(TokenProblem::Missing), unauthorized(TokenProblem::Bad(BadToken::Expired))];
    errors.extend(scope.map(|scope| ApiError::MissingScope { scope }));
    errors
}

/// Where a query is read.
pub(super) fn query() -> ApiError {
    ApiError::malformed("the query cannot be read: Failed to deserialize query string")
}

/// Where a job is asked for.
pub(super) fn unknown_job() -> ApiError {
    ApiError::UnknownJob { id: JobId(JOB_ID).to_string() }
}

/// Where the database is asked.
pub(super) fn database() -> [ApiError; 2] {
    [StoreError::Unavailable(String::new()), StoreError::Rejected(String::new())]
        .map(|error| EngineError::Store(error).into())
}

/// Where something is written that a full queue, the rules or a drain may refuse.
pub(super) fn refused(refusal: Refusal) -> ApiError {
    EngineError::Refused(refusal).into()
}

pub(super) fn draining() -> ApiError {
    EngineError::Draining.into()
}

pub(super) fn missing_key() -> ApiError {
    let (job_type, variable) = (crate::job::JobType::CompetitorAnalysis, "FOREPLAY_API_KEY");
    EngineError::MissingKey { job_type, variable }.into()
}

pub(super) fn queue_full() -> ApiError {
    refused(Refusal::QueueFull { limit: 10_000 })
}

pub(super) fn too_many_starts() -> ApiError {
    ApiError::TooManyStarts { per_minute: 120, wait: Duration::from_secs(7) }
}

pub(super) fn invalid(field: &str, problem: &str) -> ApiError {
    EngineError::InvalidInput(InvalidInput::new(field, problem)).into()
}

pub(super) fn wrong_state(status: JobStatus) -> ApiError {
    refused(Refusal::WrongState { status })
}

/// The answers to these errors, one for each status.
pub(super) fn answers(errors: &[ApiError]) -> BTreeMap<StatusCode, ResponseBuilder> {
    let mut by_status: BTreeMap<StatusCode, Vec<&ApiError>> = BTreeMap::new();
    for error in errors {
        by_status.entry(error.answer().0).or_default().push(error);
    }
    by_status.into_iter().map(|(status, errors)| (status, answer(&errors))).collect()
}

/// The answer to errors of one status.
fn answer(errors: &[&ApiError]) -> ResponseBuilder {
    let mut codes: Vec<ErrorCode> = errors.iter().map(|error| error.answer().1).collect();
    codes.sort();
    codes.dedup();
    let described = errors.iter().map(|error| format!("- `{}`: {}", word(error.answer().1), error.body().error));
    let content = ContentBuilder::new().schema(Some(schema(&codes))).examples_from_iter(examples(errors));
    let mut answer = ResponseBuilder::new()
        .description(described.collect::<Vec<_>>().join("\n"))
        .content("application/json", content.build());
    if errors.iter().all(|error| error.answer().2.is_some()) {
        answer = answer.header_ref("Retry-After", header_ref(RETRY_AFTER));
    }
    let challenged = errors.iter().filter(|error| error.challenge().is_some()).count();
    if challenged > 0 {
        let about = "What is asked for, or what is wrong with the token (RFC 6750).";
        let always = challenged == errors.len();
        let challenge = if always { header(about, text()) } else { optional_header(about, text()) };
        answer = answer.header("WWW-Authenticate", challenge);
    }
    answer
}

/// An error with one of these codes.
fn schema(codes: &[ErrorCode]) -> Schema {
    let codes = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.iter().map(|code| json!(code))));
    let narrowed = ObjectBuilder::new().schema_type(Type::Object).property("code", codes).required("code");
    AllOfBuilder::new().item(Ref::from_schema_name(ErrorBody::name())).item(narrowed).into()
}

/// Bodies as they are sent, named by their codes.
fn examples(errors: &[&ApiError]) -> Vec<(String, ExampleBuilder)> {
    let mut named: BTreeMap<String, ExampleBuilder> = BTreeMap::new();
    for error in errors {
        let body = error.body();
        let word = word(body.code);
        let taken = named.keys().filter(|name| name.split('-').next() == Some(&word)).count();
        let name = if taken == 0 { word } else { format!("{word}-{}", taken + 1) };
        named.insert(name, ExampleBuilder::new().value(Some(json!(body))));
    }
    named.into_iter().collect()
}

fn word(code: ErrorCode) -> String {
    json!(code).as_str().unwrap_or_default().to_owned()
}

/// What is answered where there is no route, or none for the method.
pub(super) fn add_to(components: &mut Components) {
    let unknown_route = ApiError::UnknownRoute { path: "/api/job".to_owned() };
    let wrong_method = ApiError::WrongMethod { method: "GET".to_owned(), path: "/api/jobs/start".to_owned() };
    let methods = header("The methods that the route takes.", text());
    let others = [
        ("UnknownRoute", answer(&[&unknown_route])),
        ("WrongMethod", answer(&[&wrong_method]).header("Allow", methods)),
    ];
    components.responses.extend(others.map(|(name, answer)| (name.to_owned(), answer.into())));
}
