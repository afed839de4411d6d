//! Answers that are one JSON document, as some gateways give.

use super::*;

fn json_answer(body: &Value) -> Script {
    let headers = [("content-type", "Application/JSON; charset=utf-8"), ("request-id", "req_head")];
    Script::new("200 OK", &headers).chunk(body.to_string())
}

/// UPSTREAMS §3.4.
fn message(content: Value, stop_reason: &str) -> Value {
    json!({
        "id": "msg_01ABC", "type": "message", "role": "assistant", "model": "a-local-model", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "stop_details": null,
        "usage": {"input_tokens": 1820, "cache_read_input_tokens": 512, "output_tokens": 640}
    })
}

#[tokio::test]
async fn a_message_that_is_not_streamed_is_a_whole_answer() {
    let content = json!([
        {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
        {"type": "brand_new", "text": 7},
        {"type": "text", "text": "{\"a\":"},
        {"type": "text", "text": "\"Zo\u{0}\"}"},
    ]);
    let answer = ClaudeAnswer {
        text: "{\"a\":\"Zo\u{fffd}\"}".into(),
        content: AnswerContent::Object(json!({"a": "Zo\u{fffd}"})),
        model: "a-local-model".into(),
        stop_reason: "end_turn".into(),
        usage: USAGE,
        request_id: Some("req_head".into()),
        message_id: Some("msg_01ABC".into()),
    };
    let expected = [
        ClaudeEvent::Started { model: "a-local-model".into() },
        ClaudeEvent::Thinking,
        ClaudeEvent::Text("{\"a\":".into()),
        ClaudeEvent::Text("\"Zo\u{fffd}\"}".into()),
        ClaudeEvent::Complete(answer),
    ];
    assert_eq!(ask(json_answer(&message(content, "end_turn"))).await, expected.map(Ok));
}

#[tokio::test]
async fn its_stop_reason_counts_as_in_a_stream() {
    let text = json!([{"type": "text", "text": "{\"a\":1}"}]);
    assert_eq!(answer(json_answer(&message(text.clone(), "max_tokens"))).await.content, AnswerContent::CutOff);
    let tool = json!([{"type": "tool_use", "id": "t", "name": "n", "input": {"b": 2}}]);
    assert_eq!(object(json_answer(&message(tool, "tool_use"))).await, json!({"b": 2}));
    let error = failure(json_answer(&message(text, "refusal"))).await;
    assert_eq!((error.code.as_str(), error.request_id.as_deref()), ("refused", Some("req_head")));
}

#[tokio::test]
async fn an_error_with_status_200_is_an_error() {
    for body in [
        json!({"type": "error", "error": {"type": "overloaded_error", "message": KEY}}),
        json!({"error": {"type": "overloaded_error", "message": KEY}}),
    ] {
        let error = failure(json_answer(&body)).await;
        assert_eq!((error.code.as_str(), error.retry), ("overloaded_error", Retry::Backoff));
        assert_eq!(error.message, "Claude stopped in the middle of its answer; a later try may succeed: ••••");
        assert_eq!(error.request_id.as_deref(), Some("req_head"));
    }
}

#[tokio::test]
async fn json_that_is_no_message_is_not_asked_for_again() {
    for body in [json!({}), json!([]), json!({"type": "completion", "text": "{}"})] {
        let error = failure(json_answer(&body)).await;
        assert_eq!((error.code.as_str(), error.retry), ("unexpected_content_type", Retry::Never), "{body}");
    }
    let error = failure(json_answer(&json!({"type": "message", "content": "text"}))).await;
    assert_eq!((error.code.as_str(), error.retry), ("invalid_stream", Retry::Backoff));
}

#[tokio::test]
async fn it_is_read_within_the_bounds_of_the_call() {
    let json = Script::new("200 OK", &[("content-type", "application/json")]);
    let brief = ClaudeLimits { text_bytes: 1000, ..ClaudeLimits::default() };
    let error = failure_with(json.clone().then_repeat("[[[[[[[["), brief).await;
    assert_eq!((error.code.as_str(), error.retry), ("answer_too_large", Retry::Never));
    let silent = ClaudeLimits { idle: Duration::from_millis(50), ..ClaudeLimits::default() };
    assert_eq!(failure_with(json.clone().chunk("{").then_hold(), silent).await.code, "upstream_timeout");
    assert_eq!(failure(json.chunk("{").then_cut()).await.code, "connection_lost");
}
