//! The routes of the Messages API.
//! It must not decide what the answer says; `compose` does.

use super::fault::{self, Effect};
use super::refusal::{self, Refusal};
use super::{compose, wire};
use crate::demo::answer::{Answer, respond};
use crate::demo::control::Control;
use crate::demo::fault::FaultNote;
use crate::demo::socket::ResetSwitch;
use crate::demo::stand_in::Api;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The API's limit on a request, in bytes.
const MAX_REQUEST: usize = 32 * 1024 * 1024;

/// The language model (`POST /v1/messages`, `GET /v1/models/MODEL`).
#[derive(Debug)]
pub struct Claude;

#[derive(Clone)]
struct Server {
    control: Arc<Control>,
    /// Numbers the answers, for their ids.
    answers: Arc<AtomicU64>,
}

impl Api for Claude {
    const PACE_FOR_PEOPLE: Duration = Duration::from_millis(40);
    const NAME: &'static str = "claude";

    fn faults() -> &'static [FaultNote] {
        fault::notes()
    }

    fn router(control: Arc<Control>) -> Router {
        Router::new()
            .route("/v1/messages", post(messages))
            .route("/v1/models/{model}", get(model))
            .fallback(unknown_route)
            .layer(DefaultBodyLimit::max(MAX_REQUEST))
            .with_state(Server { control, answers: Arc::default() })
    }
}

async fn unknown_route(uri: Uri) -> Response {
    let refusal = Refusal::not_found(format!("no route {}", uri.path()));
    (StatusCode::NOT_FOUND, Json(refusal.to_json("req_standin_0"))).into_response()
}

async fn model(Path(model): Path<String>, headers: HeaderMap) -> Response {
    match refusal::check_model_question(&headers, &model) {
        Err(refusal) => (refusal.status, Json(refusal.to_json("req_standin_0"))).into_response(),
        Ok(()) => Json(json!({
            "type": "model",
            "id": model,
            "display_name": format!("{model} (simulated)"),
            "created_at": "2026-01-01T00:00:00Z",
        }))
        .into_response(),
    }
}

async fn messages(
    State(server): State<Server>,
    Extension(reset): Extension<ResetSwitch>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut admitted = server.control.admit(&method, &uri, &headers, &body);
    let request_id = format!("req_standin_{}", server.answers.fetch_add(1, Ordering::Relaxed) + 1);
    let effect = admitted.fault.and_then(fault::effect);
    let checked = refusal::check(&headers, &body);
    let streams = checked.as_ref().is_ok_and(|request| request["stream"] == Value::Bool(true));
    match (admitted.fault, effect) {
        (_, Some(Effect::Error(error))) => admitted.behaviour = error.behaviour(&request_id),
        (Some(name), Some(Effect::Stream(_))) if checked.is_ok() && !streams => {
            admitted.behaviour = server.control.catalogue().refused(name, fault::names_for_whole_answers());
        }
        _ => {}
    }
    respond(admitted, reset, || std::future::ready(answer(&request_id, effect, checked))).await
}

fn answer(request_id: &str, effect: Option<Effect>, checked: Result<Value, Refusal>) -> Answer {
    let answer = match checked {
        Err(refusal) => Answer::json(refusal.status, &refusal.to_json(request_id)),
        Ok(request) => composed(request_id, effect, &request),
    };
    answer.with_header("request-id", request_id)
}

fn composed(request_id: &str, effect: Option<Effect>, request: &Value) -> Answer {
    let mut message = compose::message(request_id.replace("req", "msg"), request);
    if let Some(Effect::Message(change)) = effect {
        change(&mut message);
    }
    let answer = match (request["stream"] == Value::Bool(true), effect) {
        (true, Some(Effect::Stream(tell))) => tell(wire::events(&message)),
        (true, _) => Answer::events(futures_util::stream::iter(wire::events(&message)).map(|event| event.written())),
        (false, _) => Answer::json(StatusCode::OK, &wire::whole(&message)),
    };
    if let Some(Effect::Answer(change)) = effect { change(answer) } else { answer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::stand_in::StandIn;

    async fn post(stand_in: &StandIn<Claude>, body: &Value) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(stand_in.base_url().join("v1/messages").unwrap()).json(body);
        request.header("x-api-key", "k").header("anthropic-version", "2023-06-01").send().await.unwrap()
    }

    fn request() -> Value {
        json!({"model": "claude-sonnet-5-5", "max_tokens": 500, "messages": [{"role": "user", "content": "Hello there"}]})
    }

    #[tokio::test]
    async fn both_ways_of_answering_carry_the_model_and_an_id() {
        let stand_in = StandIn::<Claude>::start().await.unwrap();
        let whole = post(&stand_in, &request()).await;
        assert_eq!(whole.headers()["request-id"], "req_standin_1");
        let whole: Value = whole.json().await.unwrap();
        assert_eq!(
            (&whole["model"], &whole["stop_reason"]),
            (&json!("claude-sonnet-5-5 (simulated)"), &json!("end_turn"))
        );

        let mut streaming = request();
        streaming["stream"] = json!(true);
        let streamed = post(&stand_in, &streaming).await;
        assert_eq!(streamed.headers()["request-id"], "req_standin_2");
        assert!(streamed.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        let streamed = streamed.text().await.unwrap();
        assert!(streamed.starts_with("event: message_start\ndata: {"));
        assert!(streamed.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
        assert_eq!(stand_in.calls(), 2);
        assert_eq!(stand_in.requests()[1].headers["x-api-key"], "k");
    }

    #[tokio::test]
    async fn a_refusal_has_the_shape_of_an_error_and_counts_as_a_call() {
        let stand_in = StandIn::<Claude>::start().await.unwrap();
        let mut retired = request();
        retired["model"] = json!("claude-3-5-sonnet-20241022");
        let response = post(&stand_in, &retired).await;
        assert_eq!(response.status(), 404);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], json!({"type": "not_found_error", "message": "model: claude-3-5-sonnet-20241022"}));
        assert_eq!((&body["type"], &body["request_id"]), (&json!("error"), &json!("req_standin_1")));
        assert_eq!(stand_in.calls(), 1);
    }
}
