//! The client against real sockets, whose bytes come in exactly the chunks that a test asks for.

use serde_json::json;

use super::super::error::Retry;
use super::super::metrics_text::MetricsText;
use super::super::raw_server::{RawServer, Request, Script, within_deadline};
use super::*;

const KEY: &str = "fp-test-secret";

fn search(query: &str) -> AdSearch {
    AdSearch { query: query.into(), limit: 20, cursor: None }
}

/// Makes one call, which one GET must have served.
async fn search_with(
    script: Script,
    limits: ForeplayLimits,
    search: &AdSearch,
) -> (Result<AdPage, UpstreamError>, Request) {
    let mut server = RawServer::start(script).await;
    let page = {
        let client = ForeplayClient::with_limits(server.url(), ApiKey::new(KEY), limits).unwrap();
        within_deadline(client.search_ads(search)).await
    };
    let mut requests = server.requests().await;
    assert_eq!(requests.len(), 1, "one GET a call: {requests:?}");
    server.all_closed().await;
    (page, requests.remove(0))
}

async fn page(script: Script) -> AdPage {
    search_with(script, ForeplayLimits::default(), &search("Acme")).await.0.unwrap()
}

async fn failure(script: Script) -> UpstreamError {
    failure_with(script, ForeplayLimits::default()).await
}

async fn failure_with(script: Script, limits: ForeplayLimits) -> UpstreamError {
    let error = search_with(script, limits, &search("Acme")).await.0.unwrap_err();
    assert_eq!((error.upstream, error.request_id.as_deref()), ("foreplay", None));
    assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    error
}

fn answer(body: &Value) -> Script {
    Script::new("200 OK", &[("content-type", "application/json")]).chunk(body.to_string())
}

/// The parameters of a request, as often as they were sent.
fn parameters(request: &Request) -> Vec<(String, String)> {
    let url: Url = format!("http://foreplay{}", request.target).parse().unwrap();
    url.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_search_is_sent_as_the_documentation_has_it() {
    let wanted = AdSearch { query: "Acme & Söhne?".into(), limit: 7, cursor: Some("eyJ0=+/&".into()) };
    let (_, request) = search_with(answer(&json!({"data": []})), ForeplayLimits::default(), &wanted).await;
    assert!(request.head.starts_with("get /api/discovery/ads?"), "{}", request.head);
    for header in ["authorization: fp-test-secret\r\n", "accept: application/json\r\n", "user-agent: jobcast/"] {
        assert_eq!(request.head.matches(header).count(), 1, "{}", request.head);
    }
    let sent = parameters(&request);
    let expected = [
        ("query", "Acme & Söhne?"),
        ("limit", "7"),
        ("order", "most_relevant"),
        ("languages", "english"),
        ("geo_location", "US"),
        ("cursor", "eyJ0=+/&"),
    ];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_long_query_is_cut_and_a_limit_is_kept_within_its_bounds() {
    for (limit, sent) in [(0, "1"), (250, "250"), (9999, "250")] {
        let wanted = AdSearch { query: "ö".repeat(300), limit, cursor: None };
        let (_, request) = search_with(answer(&json!({"data": []})), ForeplayLimits::default(), &wanted).await;
        let parameters = parameters(&request);
        assert_eq!(parameters[0], ("query".into(), "ö".repeat(200)));
        assert_eq!(parameters[1], ("limit".into(), sent.into()));
        assert!(parameters.iter().all(|(name, _)| name != "cursor"), "{parameters:?}");
    }
}

#[tokio::test]
async fn a_gateway_may_lie_below_a_path_and_want_a_user() {
    let server = RawServer::start(answer(&json!({"data": []}))).await;
    let base = format!("{}gateway/", server.url()).replace("http://", "http://user:pass@").parse().unwrap();
    let client = ForeplayClient::new(base, ApiKey::new(KEY)).unwrap();
    client.search_ads(&search("Acme")).await.unwrap();
    let request = server.requests().await.remove(0);
    assert!(request.head.starts_with("get /gateway/api/discovery/ads?"), "{}", request.head);
    assert_eq!(request.head.matches("authorization:").count(), 1, "{}", request.head);
    assert!(request.head.contains("authorization: fp-test-secret"), "{}", request.head);
}

#[tokio::test]
async fn a_page_of_ads_is_read_in_any_chunks() {
    let body = json!({
        "metadata": {"success": true, "status_code": 200, "cursor": "eyJ0cyI6IDF9", "count": 2},
        "data": [{"id": "a", "ad_id": "1", "name": "Zoë\u{0} 😀", "headline": null, "cards": null}, {"id": "b"}],
        "error": null
    });
    let expected = AdPage {
        ads: vec![
            json!({"id": "a", "ad_id": "1", "name": "Zoë\u{fffd} 😀", "headline": null, "cards": null}),
            json!({"id": "b"}),
        ],
        cursor: Some("eyJ0cyI6IDF9".into()),
        credit_cost: Some(2),
        credits_remaining: Some(9998),
    };
    let headers = [("content-type", "application/json"), ("X-Credit-Cost", "2"), ("X-Credits-Remaining", "9998")];
    let bytes = format!("\u{feff}{body}").into_bytes();
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(page(Script::new("200 OK", &headers).chunk(head).chunk(tail)).await, expected, "split at {at}");
    }
    assert_eq!(page(Script::new("200 OK", &headers).chunks(bytes.chunks(1))).await, expected);
}

#[tokio::test]
async fn whatever_stands_for_a_list_is_one() {
    let ads = |count: usize| vec![json!({"id": "a"}); count];
    for (body, expected) in [
        (json!({"data": [{"id": "a"}, null, 7, {}, {"id": "a"}]}), ads(2)),
        (json!({"data": {"id": "a"}}), ads(1)),
        (json!({"data": {}}), ads(0)),
        (json!({"data": null}), ads(0)),
        (json!({"metadata": {"success": true}}), ads(0)),
        (json!({"metadata": null, "data": [{"id": "a"}]}), ads(1)),
    ] {
        assert_eq!(page(answer(&body)).await.ads, expected, "{body}");
    }
}

#[tokio::test]
async fn the_last_page_has_no_cursor() {
    for (cursor, expected) in [
        (json!("next"), Some("next")),
        (json!(7), Some("7")),
        (json!(null), None),
        (json!(""), None),
        (json!(" "), None),
        (json!({}), None),
        (json!("x".repeat(5000)), None),
    ] {
        let body = json!({"metadata": {"cursor": cursor}, "data": []});
        assert_eq!(page(answer(&body)).await.cursor.as_deref(), expected, "{cursor}");
    }
    assert_eq!(page(answer(&json!({"data": [{"id": "a"}]}))).await.cursor, None);
}

#[tokio::test]
async fn credits_are_numbers_or_unknown() {
    for (said, expected) in [("12", Some(12)), (" 0 ", Some(0)), ("-1", None), ("1.5", None), ("many", None)] {
        let headers = [("x-credit-cost", said), ("x-credits-remaining", said)];
        let page = page(Script::new("200 OK", &headers).chunk("{\"data\":[]}")).await;
        assert_eq!((page.credit_cost, page.credits_remaining), (expected, expected), "{said}");
    }
    let unsaid = page(answer(&json!({"data": []}))).await;
    assert_eq!((unsaid.credit_cost, unsaid.credits_remaining), (None, None));
}

#[tokio::test]
async fn nothing_found_is_an_empty_page() {
    let headers = [("content-type", "application/json"), ("x-credits-remaining", "5")];
    let told = Script::new("404 Not Found", &headers).chunk("{\"metadata\":{\"success\":false}}");
    assert_eq!(page(told).await, AdPage { credits_remaining: Some(5), ..AdPage::default() });
    let inside = json!({"metadata": {"success": false, "status_code": 404}, "data": null});
    assert_eq!(page(answer(&inside)).await, AdPage::default());
}

#[tokio::test]
async fn each_status_says_what_to_do() {
    let seven = Retry::After(Duration::from_secs(7));
    let minute = Retry::After(Duration::from_secs(60));
    let not_accepted = "Foreplay did not accept the search; change the competitor's name: what •••• did";
    let busy = "Foreplay takes no more requests at the moment; a later try may succeed";
    let late = "Foreplay did not answer in time; a later try may succeed";
    for (status, headers, code, retry, words) in [
        ("400 Bad Request", &[][..], "invalid_request", Retry::Never, not_accepted),
        ("422 Unprocessable Entity", &[("retry-after", "7")], "invalid_request", Retry::Never, not_accepted),
        ("401 Unauthorized", &[], "invalid_key", Retry::Never, "Foreplay refused the API key; check FOREPLAY_API_KEY"),
        (
            "403 Forbidden",
            &[],
            "invalid_key",
            Retry::Never,
            "Foreplay does not allow this API key to search ads; check FOREPLAY_API_KEY and its account",
        ),
        (
            "402 Payment Required",
            &[],
            "no_credits",
            Retry::Never,
            "Foreplay has no credits left: top up the Foreplay account, then retry this job",
        ),
        ("408 Request Timeout", &[], "upstream_timeout", Retry::Backoff, late),
        ("429 Too Many Requests", &[], "rate_limited", Retry::Backoff, busy),
        ("429 Too Many Requests", &[("retry-after", "7")], "rate_limited", seven, busy),
        ("429 Too Many Requests", &[("retry-after", "3600")], "rate_limited", minute, busy),
        ("429 Too Many Requests", &[("retry-after", "soon")], "rate_limited", Retry::Backoff, busy),
        (
            "500 Internal Server Error",
            &[],
            "http_500",
            Retry::Backoff,
            "Foreplay has a problem at the moment (500); a later try may succeed: what •••• did",
        ),
        (
            "503 Service Unavailable",
            &[("retry-after", "7")],
            "http_503",
            seven,
            "Foreplay has a problem at the moment (503); a later try may succeed: what •••• did",
        ),
        ("504 Gateway Timeout", &[], "upstream_timeout", Retry::Backoff, late),
        ("418 Teapot", &[], "http_418", Retry::Never, "Foreplay answered 418, which was not expected: what •••• did"),
        (
            "307 Temporary Redirect",
            &[("location", "/elsewhere")],
            "http_307",
            Retry::Never,
            "Foreplay has moved (307 Temporary Redirect); check FOREPLAY_BASE_URL",
        ),
    ] {
        let body = json!({"metadata": {"success": false, "message": format!("what {KEY} did")}, "error": "x"});
        let error = failure(Script::new(status, headers).chunk(body.to_string())).await;
        assert_eq!((error.code.as_str(), error.retry, error.message.as_str()), (code, retry, words), "{status}");
        let page = failure(Script::new(status, headers).chunk("<html>")).await;
        let silent = words.trim_end_matches(": what •••• did");
        assert_eq!((page.code.as_str(), page.retry, page.message.as_str()), (code, retry, silent), "{status}");
    }
}

#[tokio::test]
async fn what_an_error_says_is_found_wherever_it_stands() {
    for (body, said) in [
        (json!({"metadata": {"message": "m"}, "detail": "d"}), ": m"),
        (json!({"metadata": {"message": ""}, "detail": "d", "message": "x"}), ": d"),
        (json!({"detail": [{"loc": ["query"], "msg": "field required"}]}), ": field required"),
        (json!({"detail": 7, "message": "x\u{0}y"}), ": x\u{fffd}y"),
        (json!({"error": {"message": "e"}}), ": e"),
        (json!({"error": "e"}), ": e"),
        (json!({"error": null}), ""),
        (json!(["e"]), ""),
    ] {
        let error = failure(Script::new("400 Bad Request", &[]).chunk(body.to_string())).await;
        assert_eq!(
            error.message,
            format!("Foreplay did not accept the search; change the competitor's name{said}"),
            "{body}"
        );
    }
    let long = json!({"message": "x".repeat(5000)}).to_string();
    let error = failure(Script::new("400 Bad Request", &[]).chunk(long)).await;
    assert!(error.message.chars().count() <= 600, "{}", error.message);
}

#[tokio::test]
async fn a_failure_inside_a_good_answer_is_a_failure() {
    let failed =
        |status: Value| answer(&json!({"metadata": {"success": false, "message": "m", "status_code": status}}));
    let error = failure(failed(json!(402))).await;
    assert_eq!((error.code.as_str(), error.retry), ("no_credits", Retry::Never));
    for status in [json!(null), json!(200), json!(99999), json!("402")] {
        let error = failure(failed(status)).await;
        assert_eq!((error.code.as_str(), error.retry), ("search_failed", Retry::Backoff));
        assert_eq!(error.message, "Foreplay could not search for ads; a later try may succeed: m");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_list_may_be_asked_for_again() {
    let json = [("content-type", "application/json")];
    let no_list = "Foreplay answered with something that is no list of ads; a later try may succeed";
    for (headers, body, words) in [
        (
            &[("content-type", "text/html; charset=utf-8")][..],
            "<h1>Maintenance</h1>",
            "Foreplay answered with text/html instead of a list of ads; a later try may succeed",
        ),
        (&json, "{\"data\":[{\"id\":", no_list),
        (&json, "", no_list),
        (&json, "[]", no_list),
        (&json, "{}", no_list),
        (&json, "{\"data\":7,\"metadata\":{\"success\":true}}", no_list),
        (&[], "ok", no_list),
    ] {
        let error = failure(Script::new("200 OK", headers).chunk(body)).await;
        assert_eq!((error.code.as_str(), error.retry), ("invalid_answer", Retry::Backoff), "{body}");
        assert_eq!(error.message, words, "{body}");
    }
    let deep = failure(Script::new("200 OK", &json).chunk("[".repeat(100_000))).await;
    assert_eq!(deep.code, "invalid_answer");
}

#[tokio::test]
async fn silence_slowness_and_size_end_the_call() {
    let slow = ForeplayLimits { total: Duration::from_millis(50), ..ForeplayLimits::default() };
    let json = || Script::new("200 OK", &[("content-type", "application/json")]).chunk("{");
    for script in [json().then_hold(), json().then_repeat(" ")] {
        let error = failure_with(script, slow).await;
        assert_eq!((error.code.as_str(), error.retry), ("upstream_timeout", Retry::Backoff), "{}", error.message);
    }
    let small = ForeplayLimits { answer_bytes: 1000, ..ForeplayLimits::default() };
    let error = failure_with(json().then_repeat(" ".repeat(100)), small).await;
    assert_eq!((error.code.as_str(), error.retry), ("answer_too_large", Retry::Never));
    let words = "Foreplay sent too much: the answer is larger than 1000 bytes; start the job again with less to read";
    assert_eq!(error.message, words);
    let endless = failure(Script::new("503 Service Unavailable", &[]).then_repeat("x".repeat(1000))).await;
    assert_eq!((endless.code.as_str(), endless.retry), ("http_503", Retry::Backoff));
}

#[tokio::test]
async fn a_broken_connection_may_be_tried_again() {
    let cut = Script::new("200 OK", &[("content-type", "application/json")]).chunk("{\"data\":[").then_cut();
    let error = failure(cut).await;
    assert_eq!((error.code.as_str(), error.retry), ("connection_lost", Retry::Backoff));
    assert_eq!(error.message, "The connection to Foreplay was lost; a later try may succeed");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let client = ForeplayClient::new(url, ApiKey::new(KEY)).unwrap();
    let error = within_deadline(client.search_ads(&search("Acme"))).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retry), ("upstream_unreachable", Retry::Backoff));
    assert_eq!(error.message, "Foreplay could not be reached; a later try may succeed");
}

#[tokio::test]
async fn dropping_the_call_closes_the_connection() {
    let metrics = MetricsText::new();
    let _recording = metrics.record();
    let mut server = RawServer::start(Script::new("200 OK", &[]).chunk("{").then_hold()).await;
    let client = ForeplayClient::new(server.url(), ApiKey::new(KEY)).unwrap();
    let search = search("Acme");
    {
        let call = client.search_ads(&search);
        tokio::pin!(call);
        while server.open() == 0 {
            assert!(futures_util::poll!(&mut call).is_pending());
            tokio::task::yield_now().await;
        }
    }
    server.all_closed().await;
    assert_eq!((metrics.calls("foreplay", "cancelled"), metrics.all_calls()), (1, 1));
}

#[tokio::test]
async fn calls_and_credits_are_counted() {
    let metrics = MetricsText::new();
    let _recording = metrics.record();
    let headers = |left| [("x-credit-cost", "3"), ("x-credits-remaining", left)];
    page(Script::new("200 OK", &headers("9")).chunk("{\"data\":[]}")).await;
    page(Script::new("404 Not Found", &headers("6"))).await;
    failure(Script::new("402 Payment Required", &[("x-credits-remaining", "0")])).await;
    failure(Script::new("429 Too Many Requests", &[])).await;
    failure(Script::new("200 OK", &[]).chunk("<html>")).await;
    let outcomes =
        ["ok", "refused", "rate_limited", "invalid_answer"].map(|outcome| metrics.calls("foreplay", outcome));
    assert_eq!((outcomes, metrics.all_calls()), ([2, 1, 1, 1], 5));
    assert_eq!(metrics.value("jobcast_foreplay_credits_total", &[]), 6);
    assert_eq!(metrics.value("jobcast_foreplay_credits_remaining", &[]), 0);
}

#[test]
fn a_client_shows_no_key_and_wants_a_good_one() {
    let url: Url = "https://public.api.foreplay.co".parse().unwrap();
    let client = ForeplayClient::new(url.clone(), ApiKey::new(KEY)).unwrap();
    assert!(!format!("{client:?}").contains(KEY));
    let error = ForeplayClient::new(url, ApiKey::new("")).unwrap_err();
    assert_eq!((error.upstream, error.code.as_str()), ("foreplay", "invalid_key"));
    let words = "The key for Foreplay is empty or holds characters no key has; check FOREPLAY_API_KEY";
    assert_eq!(error.message, words);
    let error = ForeplayClient::new("ftp://example.com".parse().unwrap(), ApiKey::new(KEY)).unwrap_err();
    assert_eq!(error.message, "FOREPLAY_BASE_URL must be an http:// or https:// address");
}
