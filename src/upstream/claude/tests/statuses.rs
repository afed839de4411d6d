//! Answers that are no event stream.

use super::*;

fn error_body(kind: &str, details: Value) -> String {
    let error = json!({"type": kind, "message": format!("what {KEY} did"), "details": details});
    json!({"type": "error", "error": error, "request_id": "req_body"}).to_string()
}

#[tokio::test]
async fn each_status_says_whether_to_try_again() {
    for (status, kind, code, retry) in [
        ("400 Bad Request", "invalid_request_error", "invalid_request_error", Retry::Never),
        ("401 Unauthorized", "authentication_error", "invalid_key", Retry::Never),
        ("402 Payment Required", "billing_error", "billing_error", Retry::Never),
        ("403 Forbidden", "permission_error", "permission_error", Retry::Never),
        ("404 Not Found", "not_found_error", "not_found_error", Retry::Never),
        ("408 Request Timeout", "timeout_error", "upstream_timeout", Retry::Backoff),
        ("409 Conflict", "conflict_error", "conflict_error", Retry::Backoff),
        ("413 Payload Too Large", "request_too_large", "request_too_large", Retry::Never),
        ("429 Too Many Requests", "rate_limit_error", "rate_limited", Retry::Backoff),
        ("500 Internal Server Error", "api_error", "api_error", Retry::Backoff),
        ("504 Gateway Timeout", "timeout_error", "upstream_timeout", Retry::Backoff),
        ("529 Overloaded", "overloaded_error", "overloaded_error", Retry::Backoff),
        ("201 Created", "brand_new", "brand_new", Retry::Never),
    ] {
        let json = Script::new(status, &[("content-type", "application/json")]).chunk(error_body(kind, json!(null)));
        let error = failure(json).await;
        assert_eq!((error.code.as_str(), error.retry), (code, retry), "{status}");
        assert_eq!(error.request_id.as_deref(), Some("req_body"));
        let page = Script::new(status, &[("content-type", "text/html"), ("request-id", "req_head")]).chunk("<html>");
        let error = failure(page).await;
        assert_eq!((error.retry, error.request_id.as_deref()), (retry, Some("req_head")), "{status} with a page");
    }
}

#[tokio::test]
async fn each_status_is_told_in_words() {
    for (status, kind, words) in [
        ("400 Bad Request", "invalid_request_error", "Claude did not accept the request: what •••• did"),
        ("401 Unauthorized", "authentication_error", "Claude refused the API key; check ANTHROPIC_API_KEY"),
        (
            "402 Payment Required",
            "billing_error",
            "Claude's account cannot pay for this; check its billing, then retry this job: what •••• did",
        ),
        (
            "403 Forbidden",
            "permission_error",
            "Claude does not allow this API key to do that; check the key's permissions: what •••• did",
        ),
        (
            "404 Not Found",
            "not_found_error",
            "Claude has no model claude-sonnet-5-5 here; check ANTHROPIC_MODEL and ANTHROPIC_BASE_URL: what •••• did",
        ),
        ("408 Request Timeout", "timeout_error", "Claude did not answer in time; a later try may succeed"),
        (
            "413 Payload Too Large",
            "request_too_large",
            "The request is larger than Claude accepts; start the job again with less to read",
        ),
        (
            "429 Too Many Requests",
            "rate_limit_error",
            "Claude takes no more requests at the moment; a later try may succeed: what •••• did",
        ),
        (
            "500 Internal Server Error",
            "api_error",
            "Claude has a problem at the moment (500); a later try may succeed: what •••• did",
        ),
        ("504 Gateway Timeout", "timeout_error", "Claude did not answer in time; a later try may succeed"),
        (
            "529 Overloaded",
            "overloaded_error",
            "Claude is overloaded at the moment; a later try may succeed: what •••• did",
        ),
        ("418 Teapot", "brand_new", "Claude answered 418, which was not expected: what •••• did"),
    ] {
        let error = failure(Script::new(status, &[]).chunk(error_body(kind, json!(null)))).await;
        assert_eq!(error.message, words, "{status}");
    }
    let detailed = Script::new("529 Overloaded", &[]).chunk(error_body("overloaded_error", json!("of any shape")));
    assert_eq!(failure(detailed).await.code, "overloaded_error");
    let page = failure(Script::new("529 Overloaded", &[]).chunk("<html>")).await;
    assert_eq!(page.message, "Claude is overloaded at the moment; a later try may succeed");
}

#[tokio::test]
async fn the_headers_say_when_to_try_again() {
    let soon = (chrono::Utc::now() + Duration::from_secs(59)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let late = (chrono::Utc::now() + Duration::from_secs(600)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let seven = Retry::After(Duration::from_secs(7));
    let limited = "429 Too Many Requests";
    for (status, headers, retry) in [
        (limited, &[("retry-after", "7")][..], seven),
        (limited, &[("retry-after-ms", "7000"), ("retry-after", "9")], seven),
        (limited, &[("retry-after-ms", "0"), ("retry-after", "7")], seven),
        (limited, &[("retry-after-ms", "soon"), ("retry-after", "7")], seven),
        (limited, &[("retry-after", "0")], Retry::Backoff),
        (limited, &[("retry-after", "61")], Retry::Backoff),
        (limited, &[("retry-after", &late)], Retry::Backoff),
        (limited, &[("x-should-retry", "false"), ("retry-after", "7")], Retry::Never),
        ("529 Overloaded", &[("retry-after", "7")], seven),
        ("529 Overloaded", &[("x-should-retry", "false")], Retry::Never),
        ("400 Bad Request", &[("x-should-retry", "true"), ("retry-after", "7")], seven),
        ("400 Bad Request", &[("x-should-retry", "true")], Retry::Backoff),
        ("400 Bad Request", &[("retry-after", "7")], Retry::Never),
    ] {
        assert_eq!(failure(Script::new(status, headers)).await.retry, retry, "{status} {headers:?}");
    }
    let error = failure(Script::new(limited, &[("retry-after", &soon)])).await;
    assert!(matches!(error.retry, Retry::After(wait) if wait <= Duration::from_secs(60)), "{error:?}");
}

#[tokio::test]
async fn a_monthly_cap_is_not_waited_for() {
    let body = error_body("rate_limit_error", json!({"error_code": "enforced_spend_limit_reached"}));
    let capped = Script::new("429 Too Many Requests", &[("x-should-retry", "true")]).chunk(body.clone());
    let error = failure(capped).await;
    assert_eq!((error.code.as_str(), error.retry), ("spend_limit_reached", Retry::Never));
    let words = "Claude's account has reached its spend limit; raise the limit, then retry this job";
    assert_eq!(error.message, words);
    let waiting = Script::new("429 Too Many Requests", &[("retry-after", "7")]).chunk(body);
    assert_eq!(failure(waiting).await.retry, Retry::After(Duration::from_secs(7)));
}

#[tokio::test]
async fn an_answer_that_is_no_event_stream_is_not_asked_for_again() {
    let page = Script::new("200 OK", &[("content-type", "text/html")]).chunk("<h1>Welcome</h1>");
    let error = failure(page).await;
    assert_eq!((error.code.as_str(), error.retry), ("unexpected_content_type", Retry::Never));
    let words = "Claude answered with text/html instead of an event stream; check ANTHROPIC_BASE_URL";
    assert_eq!(error.message, words);
}

#[tokio::test]
async fn an_endless_error_body_is_read_to_its_bound() {
    let error = failure(Script::new("500 Internal Server Error", &[]).then_repeat("x".repeat(1000))).await;
    assert_eq!((error.code.as_str(), error.retry), ("http_500", Retry::Backoff));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error = failure(Script::new("307 Temporary Redirect", &[("location", "/elsewhere")])).await;
    assert_eq!((error.code.as_str(), error.retry), ("http_307", Retry::Never));
    assert_eq!(error.message, "Claude has moved (307 Temporary Redirect); check ANTHROPIC_BASE_URL");
}
