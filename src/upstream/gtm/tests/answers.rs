//! Answers to an analysis that are no event stream.

use super::*;

#[tokio::test]
async fn a_json_answer_is_the_result() {
    let json = |body: &str| Script::new("200 OK", &[("content-type", "Application/JSON; charset=utf-8")]).chunk(body);
    let body = "\u{feff}{\"brand_name\":\"Zo\\u0000\",\"pages_analyzed\":12}";
    let result = json!({"brand_name": "Zo\u{fffd}", "pages_analyzed": 12});
    assert_eq!(analyze(json(body)).await, [Ok(GtmEvent::Complete(result))]);
    let inner = "{\"success\":true,\"result\":{\"brand_name\":\"x\"}}";
    assert_eq!(analyze(json(inner)).await, [Ok(GtmEvent::Complete(json!({"brand_name": "x"})))]);
    for (body, code, message) in [
        ("{\"success\":false,\"error\":\"no pages\"}", "analysis_failed", "no pages"),
        ("{}", "no_data", NO_DATA_YET),
        (
            "[]",
            "invalid_answer",
            "The brand analysis service answered with JSON that is no analysis; a later try may succeed",
        ),
        (
            "{\"brand",
            "invalid_answer",
            "The brand analysis service answered with JSON that is no analysis; a later try may succeed",
        ),
    ] {
        let error = failure(json(body)).await;
        assert_eq!((error.code.as_str(), error.message.as_str(), error.retry), (code, message, Retry::Backoff));
    }
    assert_eq!(failure(json("{\"brand\":1").then_cut()).await.code, "connection_lost");
}

#[tokio::test]
async fn a_web_page_is_no_analysis() {
    let page = Script::new("200 OK", &[("content-type", "text/html")]).chunk("<h1>Maintenance</h1>");
    let error = failure(page).await;
    assert_eq!((error.code.as_str(), error.retry), ("unexpected_content_type", Retry::Backoff));
    assert_eq!(
        error.message,
        "The brand analysis service answered with text/html instead of an analysis; a later try may succeed"
    );
}

#[tokio::test]
async fn events_without_a_content_type_are_read() {
    for script in [Script::new("200 OK", &[]), Script::new("200 OK", &[("content-type", "text/plain")])] {
        SAMPLES[3].assert_heard(&analyze(script.chunk(SAMPLES[3].text)).await, "no telling type");
    }
}

#[tokio::test]
async fn each_status_says_whether_to_try_again() {
    let seven = Retry::After(Duration::from_secs(7));
    let minute = Retry::After(Duration::from_secs(60));
    for (status, headers, code, retry) in [
        ("400 Bad Request", &[][..], "http_400", Retry::Never),
        ("403 Forbidden", &[], "http_403", Retry::Never),
        ("404 Not Found", &[("retry-after", "7")], "http_404", Retry::Never),
        ("408 Request Timeout", &[], "upstream_timeout", Retry::Backoff),
        ("429 Too Many Requests", &[], "rate_limited", Retry::Backoff),
        ("429 Too Many Requests", &[("retry-after", "7")], "rate_limited", seven),
        ("429 Too Many Requests", &[("retry-after", "86400")], "rate_limited", minute),
        ("500 Internal Server Error", &[], "http_500", Retry::Backoff),
        ("503 Service Unavailable", &[("retry-after", "7")], "http_503", seven),
        ("504 Gateway Timeout", &[], "upstream_timeout", Retry::Backoff),
        ("307 Temporary Redirect", &[("location", "/elsewhere")], "http_307", Retry::Never),
    ] {
        let error = failure(Script::new(status, headers).chunk("<html>nothing to parse</html>")).await;
        assert_eq!((error.code.as_str(), error.retry), (code, retry), "{status} {headers:?}");
        let advice = match (status.split(' ').next().unwrap(), retry) {
            ("307", _) => format!("The brand analysis service has moved ({status}); check GTM_BASE_URL"),
            ("404", _) => answered(status, "check the site's address and GTM_BASE_URL"),
            (_, Retry::Never) => answered(status, "check the site's address"),
            _ => answered(status, "a later try may succeed"),
        };
        assert_eq!(error.message, advice);
    }
}

fn answered(status: &str, advice: &str) -> String {
    format!("The brand analysis service answered {status}; {advice}")
}

#[tokio::test]
async fn what_a_status_says_in_its_body_is_told() {
    let answer = |status, body: &str| Script::new(status, &[("content-type", "application/json")]).chunk(body);
    let error = failure(answer("400 Bad Request", "{\"success\":false,\"error\":\"url is required\"}")).await;
    assert_eq!(
        (error.code.as_str(), error.message.as_str(), error.retry),
        ("http_400", "url is required", Retry::Never)
    );
    let body = "{\"error\":{\"code\":\"INVALID_URL\",\"message\":\"no such host\"}}";
    let error = failure(answer("500 Internal Server Error", body)).await;
    assert_eq!(
        (error.code.as_str(), error.message.as_str(), error.retry),
        ("invalid_url", "no such host", Retry::Never)
    );
    let body = "{\"error\":\"x\",\"retry\":true}";
    assert_eq!(failure(answer("400 Bad Request", body)).await.retry, Retry::Never);
    let endless = failure(answer("503 Service Unavailable", "").then_repeat("x".repeat(1000))).await;
    assert_eq!((endless.code.as_str(), endless.retry), ("http_503", Retry::Backoff));
}
