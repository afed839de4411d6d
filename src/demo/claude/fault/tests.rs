//! Every fault of the language model as it stands on the wire.
//! It must not know how a fault is made.

use crate::demo::claude::Claude;
use crate::demo::claude::compose::tests::{assert_valid, object, texts};
use crate::demo::heard::{End, Heard};
use crate::demo::stand_in::{Api, StandIn};
use serde_json::{Value, json};

fn schema() -> Value {
    let text = || json!({"type": "string"});
    let campaign = object(json!({"name": text(), "start_date": text(), "end_date": text(), "channels": texts()}));
    let list = |items: Value| json!({"type": "array", "items": items});
    object(json!({
        "campaigns": list(campaign), "products": list(object(json!({"name": text()}))), "confidence": {"type": "number"},
    }))
}

fn request(streaming: bool, more: &str) -> Value {
    let content = format!("<brand_context>{{\"today\": \"2026-11-23\"}}</brand_context> Plan. {more}");
    json!({"model": "claude-sonnet-5-5", "max_tokens": 8000, "stream": streaming,
           "messages": [{"role": "user", "content": content}],
           "output_config": {"format": {"type": "json_schema", "schema": schema()}}})
}

async fn post(stand_in: &StandIn<Claude>, body: &Value, fault: Option<&str>) -> Heard {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(stand_in.base_url().join("v1/messages").unwrap()).json(body);
    let request = request.header("x-api-key", "k").header("anthropic-version", "2023-06-01");
    let request = fault.into_iter().fold(request, |request, fault| request.header("x-stand-in-fault", fault));
    Heard::of(request, (fault == Some("silence")).then_some(11)).await
}

/// All text of a streamed answer, of blocks that begin as text.
fn text(heard: &Heard) -> String {
    let told = heard.told();
    let is_start = |data: &&Value| data["type"] == "content_block_start" && data["content_block"]["type"] == "text";
    let block = told.iter().map(|(_, data)| data).find(is_start).map(|data| data["index"].clone());
    let deltas =
        told.iter().filter(|(_, data)| Some(&data["index"]) == block.as_ref() && data["delta"]["type"] == "text_delta");
    deltas.map(|(_, data)| data["delta"]["text"].as_str().unwrap()).collect()
}

fn answer(heard: &Heard) -> Value {
    let text = text(heard);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn stop_reason(heard: &Heard) -> Value {
    let told = heard.told();
    told.iter()
        .find(|(name, _)| name == "message_delta")
        .map(|(_, data)| data["delta"]["stop_reason"].clone())
        .unwrap_or_default()
}

fn ends_with_stop(heard: &Heard) -> bool {
    heard.end == End::Orderly && heard.events().last().unwrap().0 == "message_stop"
}

/// A whole streamed answer that is valid by the schema.
fn is_usable(heard: &Heard) -> bool {
    let answer = answer(heard);
    assert_valid(&answer, &schema(), &schema(), "answer");
    let confidence = answer["confidence"].as_f64().unwrap();
    heard.status == 200 && ends_with_stop(heard) && stop_reason(heard) == "end_turn" && confidence <= 1.0
}

fn is_error(heard: &Heard, status: u16, kind: &str) -> bool {
    let body = heard.json();
    let given = (heard.status, &body["type"], &body["error"]["type"], body["request_id"].as_str());
    given == (status, &json!("error"), &json!(kind), Some(heard.header("request-id")))
}

fn is_as_told(name: &str, heard: &Heard) -> bool {
    let count = |wanted: &str| heard.events().iter().filter(|(name, _)| name == wanted).count();
    match name {
        "bad-request" => is_error(heard, 400, "invalid_request_error"),
        "bad-key" => is_error(heard, 401, "authentication_error"),
        "retired-model" => is_error(heard, 404, "not_found_error"),
        "rate-limited" => is_error(heard, 429, "rate_limit_error") && heard.header("retry-after") == "1",
        "rate-limited-silent" => {
            let silent = heard.header("retry-after").is_empty() && heard.json()["error"]["details"].is_null();
            is_error(heard, 429, "rate_limit_error") && silent
        }
        "spend-limit" => {
            let code = &heard.json()["error"]["details"]["error_code"];
            is_error(heard, 429, "rate_limit_error")
                && code == "enforced_spend_limit_reached"
                && heard.header("retry-after").is_empty()
        }
        "overloaded" => is_error(heard, 529, "overloaded_error"),
        "should-not-retry" => is_error(heard, 500, "api_error") && heard.header("x-should-retry") == "false",
        "server-error" => is_error(heard, 500, "api_error") && heard.header("x-should-retry").is_empty(),
        "error-midstream" => {
            let (name, data) = heard.told().pop().unwrap();
            let error = name == "error" && data["type"] == "error" && data["error"]["type"] == "overloaded_error";
            error && !text(heard).is_empty() && heard.end == End::Orderly
        }
        "no-message-stop" => {
            heard.end == End::Orderly
                && heard.events().last().unwrap().0 == "message_delta"
                && answer(heard).is_object()
        }
        "cut-off" => {
            let cut = serde_json::from_str::<Value>(&text(heard)).is_err();
            cut && text(heard).starts_with('{') && stop_reason(heard) == "max_tokens" && ends_with_stop(heard)
        }
        "refusal" => {
            let told = heard.told();
            let details =
                told.iter().map(|(_, data)| &data["delta"]["stop_details"]).any(|details| details["type"] == "refusal");
            details && text(heard).is_empty() && stop_reason(heard) == "refusal" && ends_with_stop(heard)
        }
        "unknown-events" => {
            let told = heard.told();
            let unknown = |kind: &str| {
                told.iter().any(|(_, data)| data["content_block"]["type"] == kind || data["delta"]["type"] == kind)
            };
            is_usable(heard)
                && count("hologram") == 1
                && unknown("hologram")
                && unknown("hologram_delta")
                && unknown("glow_delta")
        }
        "fenced" => {
            let text = text(heard);
            let inner =
                text.split_once("```json\n").and_then(|(_, rest)| rest.split_once("\n```")).unwrap_or_default().0;
            serde_json::from_str::<Value>(inner).unwrap_or_default()["campaigns"].is_array()
                && !text.starts_with('{')
                && stop_reason(heard) == "end_turn"
        }
        "no-json" => !text(heard).contains(['{', '[']) && text(heard).len() > 10 && stop_reason(heard) == "end_turn",
        "wrong-shape" => {
            let answer = answer(heard);
            answer["campaigns"].is_null() && answer["verdict"].is_string() && stop_reason(heard) == "end_turn"
        }
        "out-of-range" => {
            let answer = answer(heard);
            assert_valid(&answer, &schema(), &schema(), "answer");
            let campaigns = answer["campaigns"].as_array().unwrap();
            let reversed = campaigns[0]["start_date"].as_str().unwrap() > campaigns[0]["end_date"].as_str().unwrap();
            answer["confidence"] == 7 && campaigns.len() == 1 && answer["products"] == json!([]) && reversed
        }
        "ping-flood" => is_usable(heard) && count("ping") > 4_000,
        "silence" => heard.end == End::Silent && !text(heard).is_empty() && stop_reason(heard).is_null(),
        "reset" => heard.end == End::Reset && !text(heard).is_empty() && !heard.text().ends_with("\n\n"),
        "rate-limit-headers" => {
            let reset = heard.header("anthropic-ratelimit-requests-reset");
            let limits = ["requests", "tokens", "input-tokens", "output-tokens"]
                .map(|what| format!("anthropic-ratelimit-{what}-remaining"));
            is_usable(heard)
                && limits.iter().all(|name| !heard.header(name).is_empty())
                && chrono::DateTime::parse_from_rfc3339(reset).is_ok()
        }
        _ => panic!("{name} is not tested"),
    }
}

#[tokio::test]
async fn each_fault_is_what_its_name_says() {
    let stand_in = StandIn::<Claude>::start().await.unwrap();
    let normal = post(&stand_in, &request(true, ""), None).await;
    assert!(is_usable(&normal), "{normal:?}");
    for note in Claude::faults() {
        assert!(!is_as_told(note.name, &normal), "{} would pass as it is not", note.name);
        let heard = post(&stand_in, &request(true, ""), Some(note.name)).await;
        assert!(is_as_told(note.name, &heard), "{}: {:.3000}", note.name, format!("{heard:?}"));
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_has_the_faults_that_make_sense_for_it() {
    let stand_in = StandIn::<Claude>::start().await.unwrap();
    let refusal = post(&stand_in, &request(false, ""), Some("refusal")).await.json();
    assert_eq!((&refusal["stop_reason"], &refusal["stop_details"]["type"]), (&json!("refusal"), &json!("refusal")));
    let stream_only = post(&stand_in, &request(false, ""), Some("ping-flood")).await;
    let known = stream_only.json()["known_faults"].to_string();
    assert!(stream_only.status == 400 && known.contains("refusal") && !known.contains("ping-flood"), "{known}");
}

#[tokio::test]
async fn a_fault_in_the_prompt_is_given_so_often_and_what_the_api_refuses_is_refused_still() {
    let stand_in = StandIn::<Claude>::start().await.unwrap();
    let asking = request(true, "The site is https://a.example/?fault=claude:wrong-shape*1 and more.");
    assert!(is_as_told("wrong-shape", &post(&stand_in, &asking, None).await));
    let mut revision = asking.clone();
    let answered =
        [json!({"role": "assistant", "content": "{}"}), json!({"role": "user", "content": "`campaigns` is missing"})];
    revision["messages"].as_array_mut().unwrap().extend(answered);
    let corrected = post(&stand_in, &revision, None).await;
    assert!(is_usable(&corrected) && !text(&corrected).contains("fault="), "{corrected:?}");

    let mut prefilled = request(true, "fault=claude:fenced");
    prefilled["messages"].as_array_mut().unwrap().push(json!({"role": "assistant", "content": "{"}));
    assert!(is_error(&post(&stand_in, &prefilled, None).await, 400, "invalid_request_error"));
    let mut retired = request(true, "");
    retired["model"] = json!("claude-3-5-sonnet-20241022");
    assert!(is_error(&post(&stand_in, &retired, Some("rate-limit-headers")).await, 404, "not_found_error"));
}
