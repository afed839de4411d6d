//! Liveness and readiness for load balancers.
//! Must not wait long: an answer that comes late is a no.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Api;
use super::error::ApiError;
use crate::engine::EngineError;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process runs.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({"success": true, "status": "ok"}))
}

/// The process takes jobs and the database answers.
pub(super) async fn ready(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    if api.engine.is_draining() {
        return Err(EngineError::Draining.into());
    }
    api.engine.ping(PATIENCE).await.map_err(EngineError::Store)?;
    Ok(Json(json!({"success": true, "status": "ready"})))
}
