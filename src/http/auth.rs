//! Who asks: takes the token of a request, has it checked, and refuses a caller who may not do what its route does.
//! Must not answer about another tenant's job or brand otherwise than about one that does not exist.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use url::form_urlencoded;

use super::Api;
use super::client::{Client, TokenKey};
use super::error::{ApiError, TokenProblem};
use crate::access::{Caller, Scope};
use crate::engine::{EngineError, JobView};
use crate::job::JobId;
use crate::write::Refusal;

/// The name of a token in a query.
pub(super) const ACCESS_TOKEN: &str = "access_token";

/// A caller with any good token.
pub(super) struct Knows;

/// A caller who may read.
pub(super) struct Reads(pub(super) Caller);

/// A caller who may start, cancel and retry.
pub(super) struct Writes(pub(super) Caller);

/// A caller who may read, on an event stream: a browser's EventSource sends no headers, so its token may be in the query.
pub(super) struct Watches {
    pub(super) caller: Caller,
    /// Whose share of the streams it is.
    pub(super) client: Client,
}

impl FromRequestParts<Api> for Knows {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Knows, ApiError> {
        caller(parts, api, QueryToken::Refused).map(|_| Knows)
    }
}

impl FromRequestParts<Api> for Reads {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Reads, ApiError> {
        caller_with(Scope::Read, parts, api, QueryToken::Refused).map(|(caller, _)| Reads(caller))
    }
}

impl FromRequestParts<Api> for Writes {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Writes, ApiError> {
        caller_with(Scope::Write, parts, api, QueryToken::Refused).map(|(caller, _)| Writes(caller))
    }
}

impl FromRequestParts<Api> for Watches {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Watches, ApiError> {
        let (caller, token) = caller_with(Scope::Read, parts, api, QueryToken::Taken)?;
        let token = token.map(|token| TokenKey::of(&token));
        Ok(Watches { caller, client: Client::of(parts, api.settings.proxy, token) })
    }
}

/// A job that is there for the caller. Another's is answered exactly as one that does not exist.
pub(super) async fn job_for(caller: &Caller, api: &Api, id: JobId) -> Result<JobView, ApiError> {
    let about = ApiError::about(id);
    let view = api.engine.job(id).await.map_err(&about)?;
    if caller.sees_job(&view.job) { Ok(view) } else { Err(about(EngineError::Refused(Refusal::NotFound))) }
}

/// The same for the first frame of the job's stream, where a view that is a moment old serves as well if it `will_do` and
/// shows the caller the job.
pub(super) async fn job_to_watch(
    caller: &Caller,
    api: &Api,
    id: JobId,
    will_do: impl FnOnce(&JobView) -> bool,
) -> Result<JobView, ApiError> {
    let about = ApiError::about(id);
    let view = api.engine.job_to_watch(id, |view| caller.sees_job(&view.job) && will_do(view)).await.map_err(&about)?;
    if caller.sees_job(&view.job) {
        Ok(Arc::unwrap_or_clone(view))
    } else {
        Err(about(EngineError::Refused(Refusal::NotFound)))
    }
}

/// Refuses a caller for whom this job is not there, before anything is done to it.
pub(super) async fn require_job(caller: &Caller, api: &Api, id: JobId) -> Result<(), ApiError> {
    match caller {
        Caller::Anyone => Ok(()),
        Caller::Holder(_) => job_for(caller, api, id).await.map(drop),
    }
}

/// What becomes of a token in the query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QueryToken {
    Taken,
    Refused,
}

fn caller_with<'a>(
    scope: Scope,
    parts: &'a Parts,
    api: &Api,
    query: QueryToken,
) -> Result<(Caller, Option<Cow<'a, str>>), ApiError> {
    let (caller, token) = caller(parts, api, query)?;
    if caller.may(scope) { Ok((caller, token)) } else { Err(ApiError::MissingScope { scope }) }
}

/// The caller by its token, and that. Where no tokens are asked for, none is read.
fn caller<'a>(parts: &'a Parts, api: &Api, query: QueryToken) -> Result<(Caller, Option<Cow<'a, str>>), ApiError> {
    let Some(keys) = &api.settings.keys else { return Ok((Caller::Anyone, None)) };
    let unauthorized = |problem| ApiError::Unauthorized { problem };
    let token = token(parts, query).map_err(unauthorized)?;
    let claims = keys.check(&token).map_err(|problem| unauthorized(TokenProblem::Bad(problem)))?;
    Ok((Caller::Holder(claims), Some(token)))
}

/// The token of the header, else that of the query where it is taken.
fn token(parts: &Parts, query: QueryToken) -> Result<Cow<'_, str>, TokenProblem> {
    match (header_token(&parts.headers), query_token(parts)) {
        (Ok(Some(token)), _) => Ok(token.into()),
        // Another kind of credentials in the header may be meant for a proxy in between.
        (Ok(None) | Err(TokenProblem::Header), Some(token)) if query == QueryToken::Taken => Ok(token.into()),
        (Ok(None), Some(_)) => Err(TokenProblem::InTheQuery),
        (Ok(None), None) => Err(TokenProblem::Missing),
        (Err(problem), _) => Err(problem),
    }
}

/// The token of `Authorization: Bearer`; the scheme may be written in any case (RFC 9110, section 11.1).
fn header_token(headers: &HeaderMap) -> Result<Option<&str>, TokenProblem> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = sent.next() else { return Ok(None) };
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(TokenProblem::Header)?;
    if sent.next().is_some() || !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(TokenProblem::Header);
    }
    Ok(Some(token.trim()))
}

fn query_token(parts: &Parts) -> Option<String> {
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let mut tokens = query.filter(|(name, token)| name == ACCESS_TOKEN && !token.is_empty());
    tokens.next().map(|(_, token)| token.into_owned())
}
