//! gtm: its four dialects, and what becomes of a job when the analysis goes wrong.

use super::*;
use crate::harness::{DEADLINE, on_both_databases};

on_both_databases!(
    every_dialect_leads_to_a_result,
    what_cannot_succeed_is_asked_once,
    what_may_pass_is_asked_again_once_an_attempt,
    retries_end,
    an_event_that_never_ends_is_cut_off,
    characters_that_a_database_cannot_hold_are_replaced,
);

async fn every_dialect_leads_to_a_result(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    let dialects = [
        (
            "Scraping page 3 of 12",
            "event: page\ndata: {\"message\":\"Scraping page 3 of 12\",\"progress\":45,\"page\":3}\n\n\
             event: complete\ndata: {\"progress\":100,\"result\":{\"brand\":{\"name\":\"Northwind\"}}}\n\n",
        ),
        (
            "Analyzing all pages",
            "data: {\"event\":\"progress\",\"progress\":45,\"message\":\"Analyzing all pages\"}\n\n\
             data: {\"event\":\"complete\",\"progress\":100,\"brand\":{\"name\":\"Northwind\"}}\n\n",
        ),
        (
            "Extracting brand elements",
            "data: {\"progress\":60,\"step\":\"Extracting brand elements\",\"total_steps\":5}\n\n\
             event: result\ndata: {\"brand\":{\"name\":\"Northwind\"}}\n\n",
        ),
        ("looking around", "data: looking around\n\nevent: complete\ndata: {\"brand\":{\"name\":\"Northwind\"}}\n\n"),
    ];
    for (said, text) in dialects {
        let course = bench.with_gtm([stream(text, Ending::Close)]).await;
        course.assert_completed(said, 1, (1, 1));
        let shown = format!("Step 1/3: {said}");
        assert!(course.history.iter().any(|received| received.data["current_step"] == shown), "{said}");
        assert_eq!(course.result["result_data"]["raw_analysis"]["brand"]["name"], "Northwind", "{said}");
    }
    let document = bench.with_gtm([Behaviour::status(200, &json!({"brand": {"name": "Northwind"}}))]).await;
    document.assert_completed("a document instead of a stream", 1, (1, 1));
}

async fn what_cannot_succeed_is_asked_once(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    let error = |data: Value| stream(format!("event: error\ndata: {data}\n\n"), Ending::Close);
    for (behaviour, code, words) in [
        (
            error(json!({"error": {"code": "INVALID_URL", "message": "This is no web site"}})),
            "invalid_url",
            "This is no web site",
        ),
        (error(json!({"error": "Too little to read", "retry": false})), "analysis_failed", "Too little to read"),
        (Behaviour::status(400, &json!({"success": false, "error": "url is required"})), "http_400", "url is required"),
    ] {
        let course = bench.with_gtm([behaviour]).await;
        assert_eq!(course.failure(), (code, words));
        assert_eq!((course.calls, course.count("retrying")), ((1, 0), 0), "{code}");
    }
}

async fn what_may_pass_is_asked_again_once_an_attempt(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    let begun = "event: page\ndata: {\"message\":\"Scraping\",\"progress\":45}\n\n";
    let cut = "event: complete\ndata: {\"result\":{\"brand\":{\"na";
    let timeout = "event: error\ndata: {\"error\":\"Connection timeout\",\"code\":\"TIMEOUT\",\"retry\":true}\n\n";
    for (case, behaviour, told) in [
        ("an error that recommends it", stream(timeout, Ending::Close), "Connection timeout"),
        ("an end without a result", stream(begun, Ending::Close), "No brand analysis data received"),
        ("an end inside the result", stream([begun, cut].concat(), Ending::Close), "No brand analysis data received"),
        ("a connection cut", stream(begun, Ending::Abort), "The connection to"),
        ("a connection reset", stream([begun, cut].concat(), Ending::Reset), "The connection to"),
        ("a 503", Behaviour::status(503, &json!({"error": "busy"})), "busy"),
        ("a page of a proxy", page(503), "answered 503"),
        ("a page with status 200", page(200), "text/html"),
        ("JSON that is no analysis", Behaviour::status(200, &json!([])), "JSON that is no analysis"),
        ("an empty result", Behaviour::status(200, &json!({"success": true})), "No brand analysis data received"),
    ] {
        let course = bench.with_gtm([behaviour]).await;
        course.assert_completed(case, 2, (2, 1));
        let retrying = course.history.iter().find(|received| received.event == "retrying").unwrap();
        let error = retrying.data["error"].as_str().unwrap();
        assert!(error.contains(told), "{case}: {error}");
        assert!(retrying.data["next_attempt_at"].is_string(), "{case}");
    }
}

async fn retries_end(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    let course = bench.with_gtm(vec![Behaviour::status(503, &json!({"error": "busy"})); 4]).await;
    assert_eq!(course.failure(), ("http_503", "busy"));
    assert_eq!((course.count("started"), course.count("retrying"), course.calls), (4, 3, (4, 0)));
    assert_eq!((&course.job["retry_count"], &course.job["max_retries"]), (&json!(3), &json!(3)));
}

async fn an_event_that_never_ends_is_cut_off(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    let begin = Bytes::from_static(b"data: {\"event\":\"complete\",\"text\":\"");
    let more = Bytes::from(vec![b'x'; 1024 * 1024]);
    let chunks = std::iter::once(begin).chain(std::iter::repeat_n(more, 9)).collect();
    let course = bench.with_gtm([Behaviour::event_stream(chunks, Ending::Hang)]).await;
    assert_eq!(course.failure().0, "answer_too_large");
    assert_eq!(course.calls, (1, 0));
    assert!(bench.stand_ins.gtm.wait_until(|counts| counts.open == 0, DEADLINE).await, "the connection is closed");
}

async fn characters_that_a_database_cannot_hold_are_replaced(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    // A NUL, and halves of surrogate pairs as a program writes them that cut a string in the middle of a character.
    let text = concat!(
        r#"data: {"message":"page \u0000 \ud83d one","progress":10,"url\u0000":"\udc00"}"#,
        "\n\n",
        r#"data: {"event":"complete","result":{"brand":{"name":"North\u0000wind","sign\u0000":"\ud83d","ok":"\ud83d\ude00"}}}"#,
        "\n\n"
    );
    let course = bench.with_gtm([stream(text, Ending::Close)]).await;
    course.assert_completed("odd characters", 1, (1, 1));
    let brand = &course.result["result_data"]["raw_analysis"]["brand"];
    assert_eq!(brand, &json!({"name": "North\u{fffd}wind", "sign\u{fffd}": "\u{fffd}", "ok": "😀"}));
    let shown = course.history.iter().filter_map(|received| received.data["current_step"].as_str());
    assert!(shown.into_iter().any(|step| step == "Step 1/3: page \u{fffd} \u{fffd} one"), "{:?}", course.history);
}
