//! The route `/_faults` of every stand-in: lists the faults, and arms one for the next calls.
//! It must not be counted among the calls.

use super::memory::MAX_ARMED;
use crate::demo::control::Control;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;

/// The most calls that one request can arm a fault for.
const MAX_TIMES: u64 = 10_000;

pub(in crate::demo) fn router(control: Arc<Control>) -> Router {
    Router::new().route("/_faults", get(list).post(arm)).with_state(control)
}

/// One line for each fault.
async fn list(State(control): State<Arc<Control>>) -> String {
    let notes = control.catalogue().notes.iter();
    notes.map(|note| format!("{:<22} {}\n", note.name, note.description)).collect()
}

/// `{"fault": "<name>", "times": N}`: 1 unless stated; 0 takes back whatever is armed.
async fn arm(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    match armed(&control, &body) {
        Ok(armed) => Json(armed).into_response(),
        Err(problem) => (StatusCode::BAD_REQUEST, Json(problem)).into_response(),
    }
}

fn armed(control: &Control, body: &[u8]) -> Result<Value, Value> {
    let refused = |problem: String| json!({"error": problem});
    let body: Value =
        serde_json::from_slice(body).map_err(|error| refused(format!("the body is not JSON: {error}")))?;
    let times = match &body["times"] {
        Value::Null => 1,
        times => times
            .as_u64()
            .filter(|times| *times <= MAX_TIMES)
            .ok_or_else(|| refused(format!("`times` must be a whole number up to {MAX_TIMES}, not {times}")))?,
    };
    let name = body["fault"].as_str().ok_or_else(|| refused("`fault` is required and must be a name".to_owned()))?;
    let catalogue = control.catalogue();
    let name = catalogue.find(name).ok_or_else(|| {
        let known: Vec<&str> = catalogue.names().collect();
        json!({"error": format!("there is no fault '{name}'; known: {}", known.join(", ")), "known_faults": known})
    })?;
    control.with_faults(|memory| {
        if times == 0 {
            memory.disarm();
        } else if !memory.arm(name, times as u32) {
            return Err(refused(format!("{MAX_ARMED} faults are armed already; `times` 0 takes them back")));
        }
        let armed = memory.armed().map(|(fault, times)| json!({"fault": fault, "times": times}));
        Ok(json!({"armed": armed.collect::<Vec<_>>()}))
    })
}
