//! Every dialect, however its bytes are split, read as the tolerant contract says.
//! Must not open a connection; the client's own tests do.

use serde_json::json;

use super::super::super::error::Retry;
use super::*;

fn event(name: &str, data: &str) -> SseEvent {
    let event = Some(name.to_owned()).filter(|name| !name.is_empty());
    SseEvent { event, data: data.to_owned(), ..SseEvent::default() }
}

fn said(name: &str, data: Value) -> Meaning {
    meaning(event(name, &data.to_string()))
}

fn progress_of(name: &str, data: Value) -> GtmProgress {
    match said(name, data) {
        Meaning::Progress(progress) => progress,
        other => panic!("no progress: {other:?}"),
    }
}

fn failure_of(name: &str, data: Value) -> UpstreamError {
    match said(name, data) {
        Meaning::Failed(error) => error,
        other => panic!("no failure: {other:?}"),
    }
}

#[test]
fn the_name_is_on_the_line_else_in_the_json() {
    let result = json!({"brand_name": "Example"});
    for (name, data) in [
        ("complete", json!({"result": result})),
        ("message", json!({"event": "complete", "result": result})),
        ("", json!({"type": "done", "data": result})),
        ("FINISHED", result.clone()),
    ] {
        assert_eq!(said(name, data.clone()), Meaning::Complete(result.clone()), "{name} {data}");
    }
    let whole = json!({"event": "completed", "progress": 100, "brand_name": "Example"});
    assert_eq!(said("", whole.clone()), Meaning::Complete(whole));
    assert!(matches!(said("progress", json!({"event": "complete", "brand_name": "x"})), Meaning::Progress(_)));
}

#[test]
fn progress_is_a_number_or_a_text_that_is_one() {
    for (value, expected) in [
        (json!(45), Some(45.0)),
        (json!(0.4), Some(0.4)),
        (json!("45.5"), Some(45.5)),
        (json!(" 45 % "), Some(45.0)),
        (json!(-3), Some(0.0)),
        (json!(250), Some(90.0)),
        (json!("inf"), None),
        (json!("NaN"), None),
        (json!("soon"), None),
        (json!(null), None),
    ] {
        assert_eq!(progress_of("", json!({"progress": value})).progress, expected, "{value}");
    }
    assert_eq!(progress_of("", json!({"progress": null, "percent": 12})).progress, Some(12.0));
}

#[test]
fn the_text_is_the_best_of_four_and_fit_to_be_shown() {
    for (data, expected) in [
        (json!({"message": "a", "step": "b"}), Some("a")),
        (json!({"message": " ", "step": "b"}), Some("b")),
        (json!({"step": 3, "current_step": "c"}), Some("c")),
        (json!({"status": "d"}), Some("d")),
        (json!({"status": 4}), None),
        (json!({"message": "x\u{0}y\nz"}), Some("x\u{fffd}y z")),
    ] {
        assert_eq!(progress_of("", data.clone()).text.as_deref(), expected, "{data}");
    }
    let long = progress_of("", json!({"message": "ä".repeat(10_000)})).text.unwrap();
    assert_eq!(long.chars().count(), 500);
}

#[test]
fn the_detail_is_what_else_was_said() {
    let progress = progress_of(
        "page",
        json!({"message": "m", "progress": 5, "page": 3, "total": 12, "url": "https://x/\u{0}", "hues": ["#fff"], "none": null}),
    );
    assert_eq!(
        progress.detail,
        json!({"event": "page", "page": 3, "total": 12, "url": "https://x/\u{fffd}", "hues": ["#fff"]})
    );
    assert_eq!(progress_of("", json!({"progress": 1, "step": "s"})).detail, json!({}));
}

#[test]
fn the_detail_is_bounded() {
    let many: Map<String, Value> = (0..1000).map(|n| (format!("key{n}"), json!("v".repeat(400)))).collect();
    let detail = progress_of("page", Value::Object(many)).detail;
    assert!(detail.as_object().unwrap().len() <= DETAIL_MEMBERS);
    assert!(detail.to_string().len() <= DETAIL_BYTES + 300, "{}", detail.to_string().len());
    let large = progress_of("", json!({"html": ["v".repeat(400), "w".repeat(400), "x".repeat(400)], "count": 1}));
    assert_eq!(large.detail, json!({"count": 1}));
}

#[test]
fn what_is_not_an_object_is_words() {
    for (data, expected) in [
        ("analyzing pages", Some("analyzing pages")),
        ("\"analyzing\\u0000 pages\"", Some("analyzing\u{fffd} pages")),
        ("[3/12] about", Some("[3/12] about")),
        ("complete", Some("complete")),
        ("{\"progress\": 4", None),
        ("", None),
    ] {
        let expected = Meaning::Words(expected.map(str::to_owned));
        assert_eq!(meaning(event("", data)), expected, "{data}");
        assert_eq!(meaning(event("complete", data)), expected, "{data} named complete");
    }
}

#[test]
fn a_failure_is_known_by_name_by_success_or_by_error() {
    for (name, data) in [
        ("error", json!({"message": "m"})),
        ("", json!({"event": "failed", "message": "m"})),
        ("", json!({"success": false, "message": "m"})),
        ("complete", json!({"success": false, "error": "m"})),
        ("complete", json!({"result": {"success": false, "error": "m"}})),
        ("", json!({"error": "m"})),
        ("", json!({"error": {"message": "m"}, "message": "n"})),
    ] {
        let error = failure_of(name, data.clone());
        assert_eq!(
            (error.code.as_str(), error.message.as_str(), error.retry),
            ("analysis_failed", "m", Retry::Backoff),
            "{data}"
        );
    }
    for nothing in [json!(null), json!(false), json!("")] {
        assert!(matches!(said("", json!({"error": nothing})), Meaning::Progress(_)), "{nothing}");
    }
    let done = json!({"event": "complete", "error": "one page failed", "brand_name": "x"});
    assert!(matches!(said("", done), Meaning::Complete(_)));
    assert!(matches!(meaning(event("error", "no way\0")), Meaning::Failed(error) if error.message == "no way"));
    assert!(
        matches!(meaning(event("error", "{\"mess")), Meaning::Failed(error) if error.message == "The brand analysis failed; a later try may succeed")
    );
}

#[test]
fn a_failure_is_retryable_by_what_is_recommended_else_by_its_code() {
    for (data, code, retry) in [
        (json!({"error": "x", "code": "TIMEOUT", "retry": true}), "timeout", Retry::Backoff),
        (json!({"error": "x", "code": "TIMEOUT", "retry": false}), "timeout", Retry::Never),
        (json!({"error": "x", "code": "INVALID_URL"}), "invalid_url", Retry::Never),
        (json!({"error": "x", "code": "INVALID_URL", "retry": true}), "invalid_url", Retry::Backoff),
        (json!({"error": {"code": "INACCESSIBLE_URL"}}), "inaccessible_url", Retry::Never),
        (json!({"error": {"code": "PROTECTED_CONTENT"}}), "protected_content", Retry::Never),
        (json!({"error": {"code": "INSUFFICIENT_DATA"}}), "insufficient_data", Retry::Never),
        (json!({"error": {"code": "SERVICE_UNAVAILABLE"}}), "service_unavailable", Retry::Backoff),
        (json!({"error": {"code": "NEWLY INVENTED"}}), "newly_invented", Retry::Backoff),
        (json!({"error": {"code": "X", "retry_recommended": false}}), "x", Retry::Never),
        (
            json!({"error": {"code": "RATE_LIMIT_EXCEEDED", "retry_after": 7}}),
            "rate_limit_exceeded",
            Retry::After(std::time::Duration::from_secs(7)),
        ),
        (
            json!({"error": {"code": "AI_SERVICE_ERROR", "retry_after": 3600}}),
            "ai_service_error",
            Retry::After(std::time::Duration::from_secs(60)),
        ),
        (json!({"error": {"code": "INTERNAL_ERROR", "retry_after": -1}}), "internal_error", Retry::Backoff),
    ] {
        let error = failure_of("error", data.clone());
        assert_eq!((error.code.as_str(), error.retry), (code, retry), "{data}");
    }
}

#[test]
fn an_end_without_data_is_a_failure() {
    for data in
        [json!({}), json!({"progress": 100, "message": "Analysis complete"}), json!({"result": {"success": true}})]
    {
        let error = failure_of("complete", data.clone());
        assert_eq!(
            (error.code.as_str(), error.message.as_str(), error.retry),
            ("no_data", NO_DATA, Retry::Backoff),
            "{data}"
        );
    }
}

#[test]
fn a_result_can_be_stored() {
    let data = "{\"result\":{\"na\\u0000me\":\"a\\u0000b\\ud83d\"}}";
    assert_eq!(meaning(event("complete", data)), Meaning::Complete(json!({"na\u{fffd}me": "a\u{fffd}b\u{fffd}"})));
}

const NO_DATA: &str = "No brand analysis data received; a later try may succeed";

#[test]
fn whatever_the_stream_says_becomes_something_that_may_be_shown() {
    use super::super::super::sse::{SseDecoder, SseLimits};
    let may_be_shown =
        |text: &str| assert!(!text.chars().any(char::is_control) && text.chars().count() <= 600, "{text:?}");
    let judge = |meaning: Meaning| match meaning {
        Meaning::Progress(progress) => {
            progress.text.iter().for_each(|text| may_be_shown(text));
            assert!(
                progress.progress.is_none_or(|percent| (0.0..=HIGHEST_PROGRESS).contains(&percent)),
                "{progress:?}"
            );
            let detail = progress.detail.as_object().expect("an object");
            assert!(
                detail.len() <= DETAIL_MEMBERS && progress.detail.to_string().len() <= 2 * DETAIL_BYTES,
                "{detail:?}"
            );
        }
        Meaning::Words(words) => words.iter().for_each(|words| may_be_shown(words)),
        Meaning::Complete(result) => assert!(result.as_object().is_some_and(|result| !result.is_empty()), "{result}"),
        Meaning::Failed(error) => {
            may_be_shown(&error.message);
            let is_code = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!((1..=64).contains(&error.code.len()) && error.code.chars().all(is_code), "{error:?}");
        }
    };
    crate::corpus::withstands("gtm", 2000, |bytes| {
        let mut decoder = SseDecoder::new(SseLimits::default());
        let events: Vec<_> = decoder.push(bytes).filter_map(Result::ok).collect();
        events.into_iter().chain(decoder.finish()).for_each(|event| judge(meaning(event)));
        if let Ok(Value::Object(document)) = json::parse_body(bytes) {
            judge(of_document(document));
        }
    });
}
