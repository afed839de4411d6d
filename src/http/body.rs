//! Reads JSON request bodies within bounds of size and time.
//! Must not know what the body means.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde_json::Value;

use super::error::ApiError;

/// The largest body, in bytes.
const LIMIT: usize = 64 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body as JSON.
pub(super) async fn read_json(headers: &HeaderMap, body: Body) -> Result<Value, ApiError> {
    if !declares_json(headers) {
        return Err(ApiError::NotJson);
    }
    if declared_length(headers).is_some_and(|length| length > LIMIT) {
        return Err(ApiError::TooLarge { limit: LIMIT });
    }
    let bytes = tokio::time::timeout(PATIENCE, read_bytes(body)).await.map_err(|_| ApiError::BodyTimeout)??;
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::malformed(format!("the request body is not JSON: {error}")))
}

async fn read_bytes(body: Body) -> Result<Vec<u8>, ApiError> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::malformed("the request body broke off"))?;
        if bytes.len() + chunk.len() > LIMIT {
            return Err(ApiError::TooLarge { limit: LIMIT });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn declares_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
