//! Reads JSON request bodies within bounds of size and time.
//! Must not know what the body means.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde_json::Value;

use super::error::ApiError;

/// The largest body, in bytes.
pub(super) const LIMIT: usize = 64 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is read of a body that is too large, so that its sender comes to reading the answer: an answer in
/// mid-body would reach most clients as a broken connection.
const READ_THROUGH: usize = 1024 * 1024;

/// The body as JSON.
pub(super) async fn read_json(headers: &HeaderMap, body: Body) -> Result<Value, ApiError> {
    let bytes = tokio::time::timeout(PATIENCE, read_bytes(body)).await.map_err(|_| ApiError::BodyTimeout)??;
    if !declares_json(headers) {
        return Err(ApiError::NotJson);
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::malformed(format!("the request body is not JSON: {error}")))
}

async fn read_bytes(body: Body) -> Result<Vec<u8>, ApiError> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while length <= READ_THROUGH
        && let Some(chunk) = chunks.next().await
    {
        let chunk = chunk.map_err(|_| ApiError::malformed("the request body broke off"))?;
        length += chunk.len();
        if length <= LIMIT {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length > LIMIT { Err(ApiError::TooLarge { limit: LIMIT }) } else { Ok(bytes) }
}

fn declares_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}
