//! How an answer ends: its stop reasons, errors in mid-stream, and ends before the end.

use super::*;

#[tokio::test]
async fn an_error_in_mid_stream_ends_the_call() {
    for (kind, code, retry) in [
        ("overloaded_error", "overloaded_error", Retry::Backoff),
        ("api_error", "api_error", Retry::Backoff),
        ("rate_limit_error", "rate_limited", Retry::Backoff),
        ("timeout_error", "upstream_timeout", Retry::Backoff),
        ("Brand-New error", "brand_new_error", Retry::Backoff),
        ("invalid_request_error", "invalid_request_error", Retry::Never),
        ("authentication_error", "invalid_key", Retry::Never),
        ("billing_error", "billing_error", Retry::Never),
    ] {
        let message = format!("No\u{0}w: {KEY}");
        let error = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011ABC"});
        let script = Script::events().chunk(message_start()).chunk(text(0, "{}")).chunk(event(error));
        let error = failure(script.chunk(message_end(json!("end_turn")))).await;
        assert_eq!((error.code.as_str(), error.retry, error.request_id.as_deref()), (code, retry, Some("req_011ABC")));
        let advice = if retry == Retry::Never { "" } else { "; a later try may succeed" };
        assert_eq!(error.message, format!("Claude stopped in the middle of its answer{advice}: No\u{fffd}w: ••••"));
    }
    let unnamed = json!({"type": "error", "error": {"type": "api_error", "message": null}});
    let error = failure(Script::events().chunk(message_start()).chunk(event(unnamed))).await;
    assert_eq!(error.message, "Claude stopped in the middle of its answer; a later try may succeed");
    assert_eq!(error.request_id.as_deref(), Some("msg_01ABC"), "the message stands in for the request");
}

/// The cap is the account's, also where it is told in mid-stream.
#[tokio::test]
async fn a_monthly_cap_in_mid_stream_is_not_waited_for() {
    let details = json!({"error_code": "enforced_spend_limit_reached"});
    let capped = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "cap", "details": details}});
    let error = failure(Script::events().chunk(message_start()).chunk(event(capped))).await;
    assert_eq!((error.code.as_str(), error.retry), ("spend_limit_reached", Retry::Never));
}

#[tokio::test]
async fn an_end_without_message_stop_is_a_failure() {
    let begun = || Script::events().chunk(message_start()).chunk(text_start(0)).chunk(text(0, "{\"a\":1}"));
    let without_blank_line = begun().chunk("event: message_stop\ndata: {\"type\":\"message_stop\"}");
    for (script, id) in
        [(Script::events(), None), (begun(), Some("msg_01ABC")), (without_blank_line, Some("msg_01ABC"))]
    {
        let error = failure(script).await;
        assert_eq!((error.code.as_str(), error.retry), ("stream_ended_early", Retry::Backoff));
        assert_eq!(error.message, "Claude's answer ended before it was complete; a later try may succeed");
        assert_eq!(error.request_id.as_deref(), id);
    }
    let error = failure(begun().then_cut()).await;
    assert_eq!((error.code.as_str(), error.retry), ("connection_lost", Retry::Backoff));
    assert_eq!(error.message, "The connection to Claude was lost; a later try may succeed");
    assert_eq!(error.request_id.as_deref(), Some("msg_01ABC"));
}

#[tokio::test]
async fn each_stop_reason_has_its_outcome() {
    let object = || AnswerContent::Object(json!({"a": 1}));
    for (reason, text, content) in [
        (json!("end_turn"), "{\"a\":1}", object()),
        (json!("stop_sequence"), "{\"a\":1}", object()),
        (json!("pause_turn"), "{\"a\":1}", object()),
        (json!("brand_new"), "{\"a\":1}", object()),
        (json!(null), "{\"a\":1}", object()),
        (json!("max_tokens"), "{\"a\":", AnswerContent::CutOff),
        (json!("max_tokens"), "{\"a\":1}", AnswerContent::CutOff),
        (json!("model_context_window_exceeded"), "", AnswerContent::CutOff),
        (json!("end_turn"), "{\"a\":", AnswerContent::NoObject),
        (json!("end_turn"), "[{\"a\":1}]", AnswerContent::NoObject),
        (json!("stop_sequence"), "I would rather not.", AnswerContent::NoObject),
    ] {
        let answer = answer(one_text(text, reason.clone())).await;
        assert_eq!((&answer.content, answer.text.as_str()), (&content, text), "{reason}");
        assert_eq!((answer.stop_reason.as_str(), answer.usage), (reason.as_str().unwrap_or(""), USAGE));
    }
    let no_call = answer(one_text("{\"a\":1}", json!("tool_use"))).await;
    assert_eq!((no_call.content, no_call.text.as_str()), (AnswerContent::NoObject, ""));
    for (reason, words) in [
        (json!("pause_turn"), "Claude stopped before its answer was complete (pause_turn); a later try may succeed"),
        (json!(null), "Claude stopped before its answer was complete (without a reason); a later try may succeed"),
    ] {
        let error = failure(one_text("{\"a\":", reason)).await;
        assert_eq!((error.code.as_str(), error.message.as_str()), ("unexpected_stop", words));
        assert_eq!((error.retry, error.request_id.as_deref()), (Retry::Backoff, Some("msg_01ABC")));
    }
}

#[tokio::test]
async fn a_refusal_tells_its_reason() {
    let details = json!({"type": "refusal", "category": "cyber", "explanation": "Not\nthis."});
    let refusal = json!({"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": details}});
    let script =
        Script::events().chunk(message_start()).chunk(event(refusal)).chunk(event(json!({"type": "message_stop"})));
    assert_eq!(
        failure(script).await.message,
        "Claude declined to answer (cyber: Not this.); start the job with other input"
    );
    let silent = failure(one_text("", json!("refusal"))).await;
    assert_eq!(silent.message, "Claude declined to answer (it gave no reason); start the job with other input");
    assert_eq!((silent.code.as_str(), silent.retry), ("refused", Retry::Never));
    assert_eq!(silent.request_id.as_deref(), Some("msg_01ABC"));
}

#[tokio::test]
async fn a_byte_order_mark_ends_the_call_and_not_the_worker() {
    let error = failure(Script::events().chunk(format!("\u{feff}{}", message_start()))).await;
    assert_eq!((error.code.as_str(), error.retry), ("invalid_stream", Retry::Never));
    assert_eq!(error.message, "Claude's answer is not a readable event stream; check ANTHROPIC_BASE_URL");
}

#[tokio::test]
async fn bytes_that_are_not_utf8_end_the_call() {
    let error = failure(Script::events().chunk(b"data: \xff\n\n".as_slice())).await;
    assert_eq!((error.code.as_str(), error.retry), ("invalid_stream", Retry::Backoff));
    assert_eq!(error.message, "Claude's answer was garbled on the way; a later try may succeed");
}
