//! Liveness and readiness for load balancers.
//! Must not wait long: an answer that comes late is a no.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::error::ApiError;
use super::wire::always_true;
use crate::engine::EngineError;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// That the server is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    #[schema(schema_with = always_true)]
    success: bool,
    status: HealthStatus,
}

/// In which way the server is well.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    /// The process runs.
    Ok,
    /// It takes jobs, and the database answers.
    Ready,
}

impl Health {
    fn of(status: HealthStatus) -> Health {
        Health { success: true, status }
    }
}

/// The process runs.
pub(super) async fn alive() -> Json<Health> {
    Json(Health::of(HealthStatus::Ok))
}

/// The process takes jobs and the database answers.
pub(super) async fn ready(State(api): State<Api>) -> Result<Json<Health>, ApiError> {
    if api.engine.is_draining() {
        return Err(EngineError::Draining.into());
    }
    api.engine.ping(PATIENCE).await.map_err(EngineError::Store)?;
    Ok(Json(Health::of(HealthStatus::Ready)))
}
