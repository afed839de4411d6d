//! The routes of the event streams: that of a job, which ends with it, and that of a brand, which does not end.
//! Must not send a frame; `event_stream` does.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Api;
use super::auth::{self, Watches};
use super::error::ApiError;
use super::event_stream::{self, AskedFor, Line, Resume};
use super::jobs::{PathBrandId, PathId};
use super::query::Parameters;
use super::wire::{BrandSyncEvent, SyncEvent};
use crate::event::Subject;

pub(super) async fn of_job(
    State(api): State<Api>,
    watches: Watches,
    line: Line,
    id: PathId,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let asked_for = AskedFor::read(&headers, &parameters)?;
    let view = auth::job_for(&watches.caller, &api, id.0).await?;
    let (cursor, resume) = asked_for.resume(view.job.last_seq, view.job.pruned_through);
    if view.job.status.is_terminal() && cursor == view.job.last_seq && resume != Resume::Reset {
        // A browser's EventSource takes this as the word to stop coming back.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let sync = SyncEvent::of(view, resume);
    event_stream::open(api, watches, line, Subject::Job(id.0), cursor, &sync)
}

/// A brand without jobs has an empty stream: its first job may be about to start.
pub(super) async fn of_brand(
    State(api): State<Api>,
    watches: Watches,
    line: Line,
    id: PathBrandId,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let asked_for = AskedFor::read(&headers, &parameters)?;
    if !watches.caller.sees_brand(id.0) {
        return Err(ApiError::UnknownBrand { id: id.0 });
    }
    let view = api.engine.brand(id.0).await?;
    let (cursor, resume) = asked_for.resume(view.stream.last_seq, view.stream.pruned_through);
    let sync = BrandSyncEvent::of(view, resume);
    event_stream::open(api, watches, line, Subject::Brand(id.0), cursor, &sync)
}
