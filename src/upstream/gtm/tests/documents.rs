//! The calls that are answered at once.

use super::*;

fn extract() -> ExtractBrand {
    ExtractBrand { url: "https://example.com/ä".parse().unwrap(), include_screenshot: true }
}

fn discover() -> DiscoverPages {
    DiscoverPages { url: "https://example.com/ä".parse().unwrap(), max_pages: 20, include_scraping: true }
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Extract,
    Discover,
}

const BOTH: [Call; 2] = [Call::Extract, Call::Discover];

impl Call {
    async fn make(self, client: &GtmClient) -> Result<Value, UpstreamError> {
        match self {
            Call::Extract => client.extract_brand(&extract()).await,
            Call::Discover => client.discover_pages(&discover()).await,
        }
    }

    /// The least that is a good answer.
    fn least(self) -> Value {
        match self {
            Call::Extract => json!({"success": true, "brand": {"url": "https://example.com/"}}),
            Call::Discover => json!({"pages": []}),
        }
    }

    /// Makes the call, which one POST must have served.
    async fn with(self, script: Script, limits: GtmLimits) -> Result<Value, UpstreamError> {
        let mut server = RawServer::start(script).await;
        let answer = {
            let client = GtmClient::with_limits(server.url(), limits).unwrap();
            within_deadline(self.make(&client)).await
        };
        assert_eq!(server.requests().await.len(), 1, "one POST a call");
        server.all_closed().await;
        answer
    }

    async fn failure(self, script: Script) -> UpstreamError {
        let error = self.with(script, GtmLimits::default()).await.unwrap_err();
        assert_eq!(error.upstream, "gtm");
        error
    }
}

fn document(body: &str) -> Script {
    Script::new("200 OK", &[("content-type", "application/json; charset=utf-8")]).chunk(body)
}

#[tokio::test]
async fn the_calls_send_what_the_origin_application_sends() {
    for (call, path, body) in [
        (Call::Extract, "extract-brand", json!({"url": "https://example.com/%C3%A4", "includeScreenshot": true})),
        (
            Call::Discover,
            "discover-brand-pages",
            json!({"url": "https://example.com/%C3%A4", "maxPages": 20, "includeScraping": true}),
        ),
    ] {
        let server = RawServer::start(document(&call.least().to_string())).await;
        let base = format!("{}gateway/", server.url()).parse().unwrap();
        call.make(&GtmClient::new(base).unwrap()).await.unwrap();
        let request = server.requests().await.remove(0);
        assert!(request.head.starts_with(&format!("post /gateway/api/{path} http/1.1")), "{}", request.head);
        for header in ["content-type: application/json", "accept: application/json", "user-agent: jobcast/"] {
            assert!(request.head.contains(header), "{}", request.head);
        }
        assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), body);
    }
}

#[tokio::test]
async fn an_answer_is_handed_over_whole_however_it_is_split() {
    let brand = json!({"success": true, "brand": {"logos": {"primary": null}}, "summary": {"name": "Zoë 😀"}});
    let pages =
        json!({"success": true, "pages": [{"url": "https://example.com/ü"}], "insights": {"totalWordCount": 3}});
    for (call, answer) in [(Call::Extract, brand), (Call::Discover, pages)] {
        let bytes = format!("\u{feff}{answer}").into_bytes();
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            let script = Script::new("200 OK", &[]).chunk(head).chunk(tail);
            assert_eq!(call.with(script, GtmLimits::default()).await, Ok(answer.clone()), "{call:?} split at {at}");
        }
    }
    for call in BOTH {
        assert_eq!(call.with(document(&call.least().to_string()), GtmLimits::default()).await, Ok(call.least()));
    }
}

#[tokio::test]
async fn characters_that_no_database_holds_are_replaced() {
    let body = r#"{"success":true,"brand":{"na\u0000me":"Zo\u0000","half":"\ud83d"},"pages":[]}"#;
    let expected = json!({"success": true, "brand": {"na\u{fffd}me": "Zo\u{fffd}", "half": "\u{fffd}"}, "pages": []});
    for call in BOTH {
        assert_eq!(call.with(document(body), GtmLimits::default()).await, Ok(expected.clone()));
    }
}

#[tokio::test]
async fn a_large_picture_is_left_out_and_its_length_is_told() {
    const MIB: usize = 1024 * 1024;
    let answer = |screenshot: Value| json!({"success": true, "brand": {"screenshot": screenshot}});
    let large = "A".repeat(MIB + 1);
    let kept = json!({"url": null, "data": "A".repeat(MIB), "size": 7});
    for (sent, expected) in [
        (json!({"data": large, "size": 7}), json!({"data": null, "size": 7, "data_omitted_bytes": MIB + 1})),
        (kept.clone(), kept),
        (json!({"data": null}), json!({"data": null})),
        (json!({"url": large}), json!({"url": large})),
        (json!(null), json!(null)),
        (json!("picture.png"), json!("picture.png")),
    ] {
        let script = document(&answer(sent).to_string());
        let heard = Call::Extract.with(script, GtmLimits::default()).await.unwrap();
        assert!(heard == answer(expected), "{}", heard.to_string().chars().take(300).collect::<String>());
    }
}

#[tokio::test]
async fn an_answer_that_says_it_failed_is_a_failure() {
    for (call, code, words) in [
        (Call::Extract, "extraction_failed", "The brand extraction failed; a later try may succeed"),
        (Call::Discover, "discovery_failed", "The page discovery failed; a later try may succeed"),
    ] {
        for (body, expected) in [
            (json!({"success": false}), (code, words, Retry::Backoff)),
            (json!({"success": false, "error": "no\u{0} pages"}), (code, "no\u{fffd} pages", Retry::Backoff)),
            (json!({"success": false, "message": "busy", "retry": false}), (code, "busy", Retry::Never)),
            (
                json!({"success": false, "error": {"code": "INVALID_URL", "message": "no such host"}}),
                ("invalid_url", "no such host", Retry::Never),
            ),
            (
                json!({"success": false, "brand": {"a": 1}, "pages": [], "error": "x", "code": "TIMEOUT"}),
                ("timeout", "x", Retry::Backoff),
            ),
        ] {
            let error = call.failure(document(&body.to_string())).await;
            assert_eq!((error.code.as_str(), error.message.as_str(), error.retry), expected, "{call:?} {body}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_something_else_may_be_asked_for_again() {
    let no_brand = "The brand analysis service answered with an extraction without a brand; a later try may succeed";
    let no_pages =
        "The brand analysis service answered with a discovery without a list of pages; a later try may succeed";
    let no_json = "The brand analysis service answered with JSON that is no analysis; a later try may succeed";
    for (call, body, words) in [
        (Call::Extract, "{\"success\":true}", no_brand),
        (Call::Extract, "{\"success\":true,\"brand\":{}}", no_brand),
        (Call::Extract, "{\"success\":true,\"brand\":[1]}", no_brand),
        (Call::Extract, "{\"brand\":{\"a\":1}}", no_brand),
        (Call::Extract, "{\"success\":\"true\",\"brand\":{\"a\":1}}", no_brand),
        (Call::Discover, "{\"success\":true}", no_pages),
        (Call::Discover, "{\"success\":true,\"pages\":{}}", no_pages),
        (Call::Extract, "[]", no_json),
        (Call::Extract, "{\"success\":true,\"brand\":", no_json),
        (Call::Discover, "", no_json),
        (Call::Discover, "data: {\"pages\":[]}\n\n", no_json),
    ] {
        let error = call.failure(document(body)).await;
        assert_eq!((error.code.as_str(), error.retry), ("invalid_answer", Retry::Backoff), "{call:?} {body}");
        assert_eq!(error.message, words, "{call:?} {body}");
    }
    for call in BOTH {
        let page = Script::new("200 OK", &[("content-type", "text/html")]).chunk("<h1>Maintenance</h1>");
        let error = call.failure(page).await;
        assert_eq!((error.code.as_str(), error.retry), ("unexpected_content_type", Retry::Backoff));
    }
}

#[tokio::test]
async fn a_status_is_judged_as_that_of_an_analysis() {
    let seven = Retry::After(Duration::from_secs(7));
    for call in BOTH {
        for (status, headers, code, retry) in [
            ("400 Bad Request", &[][..], "http_400", Retry::Never),
            ("404 Not Found", &[], "http_404", Retry::Never),
            ("429 Too Many Requests", &[("retry-after", "7")], "rate_limited", seven),
            ("500 Internal Server Error", &[], "http_500", Retry::Backoff),
            ("503 Service Unavailable", &[("retry-after", "7")], "http_503", seven),
            ("504 Gateway Timeout", &[], "upstream_timeout", Retry::Backoff),
            ("307 Temporary Redirect", &[("location", "/elsewhere")], "http_307", Retry::Never),
        ] {
            let body = "{\"success\":false,\"error\":\"what happened\"}";
            let error = call.failure(Script::new(status, headers).chunk(body)).await;
            assert_eq!(
                (error.code.as_str(), error.message.as_str(), error.retry),
                (code, "what happened", retry),
                "{call:?} {status}"
            );
        }
    }
}

#[tokio::test]
async fn silence_slowness_and_size_end_a_call() {
    let short = DocumentLimits { total: Duration::from_millis(50), ..GtmLimits::default().extract_brand };
    let small = DocumentLimits { bytes: 1000, ..GtmLimits::default().extract_brand };
    for call in BOTH {
        let limits = |of| match call {
            Call::Extract => GtmLimits { extract_brand: of, ..GtmLimits::default() },
            Call::Discover => GtmLimits { discover_pages: of, ..GtmLimits::default() },
        };
        for script in [document("{").then_hold(), document("{").then_repeat(" ")] {
            let error = call.with(script, limits(short)).await.unwrap_err();
            assert_eq!((error.code.as_str(), error.retry), ("upstream_timeout", Retry::Backoff), "{}", error.message);
        }
        let error = call.with(document("{").then_repeat(" ".repeat(100)), limits(small)).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retry), ("answer_too_large", Retry::Never));
        assert!(error.message.contains("larger than 1000 bytes"), "{}", error.message);
        assert_eq!(call.failure(document("{").then_cut()).await.code, "connection_lost");
    }
}

/// An analysis must speak within its idle time; these calls are silent until they are done.
#[tokio::test]
async fn only_its_own_time_ends_a_silent_call() {
    let total = Duration::from_millis(100);
    let long = DocumentLimits { total: Duration::from_secs(3600), ..GtmLimits::default().extract_brand };
    let brief = DocumentLimits { total, ..GtmLimits::default().discover_pages };
    let limits = GtmLimits {
        idle: Duration::from_millis(1),
        extract_brand: long,
        discover_pages: brief,
        ..GtmLimits::default()
    };
    let error = Call::Discover.with(document("{").then_hold(), limits).await.unwrap_err();
    let words = "The brand analysis service took longer than 0.1 seconds; a later try may succeed";
    assert_eq!(error.message, words);
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection_and_counts_as_cancelled() {
    let metrics = MetricsText::new();
    let _recording = metrics.record();
    for (count, call) in (1..).zip(BOTH) {
        let mut server = RawServer::start(document("{").then_hold()).await;
        let client = GtmClient::new(server.url()).unwrap();
        {
            let work = call.make(&client);
            tokio::pin!(work);
            while server.open() == 0 {
                assert!(futures_util::poll!(&mut work).is_pending());
                tokio::task::yield_now().await;
            }
        }
        server.all_closed().await;
        assert_eq!((metrics.calls("gtm", "cancelled"), metrics.all_calls()), (count, count));
    }
    Call::Extract.with(document(&Call::Extract.least().to_string()), GtmLimits::default()).await.unwrap();
    assert_eq!((metrics.calls("gtm", "ok"), metrics.all_calls()), (1, 3));
}
