//! Claude: overload, refusals, answers that end early or say the wrong thing. The site's analysis is never paid twice.

use super::*;
use crate::harness::{Process, on_both_databases, soon};

on_both_databases!(
    what_cannot_succeed_is_asked_once,
    what_may_pass_is_asked_again_and_the_analysis_is_kept,
    the_text_of_a_voided_attempt_is_followed_by_retrying,
    characters_that_a_database_cannot_hold_are_replaced,
    the_key_appears_in_no_event_and_no_log,
);

/// More pieces than the pipeline gathers into one delta.
const MANY: usize = 600;

async fn what_cannot_succeed_is_asked_once(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    let refusal = answer(&["I"], "refusal");
    for (behaviour, code, words) in [
        (error(401, "authentication_error", "invalid x-api-key"), "invalid_key", "ANTHROPIC_API_KEY"),
        (error(400, "invalid_request_error", "max_tokens: too high"), "invalid_request_error", "max_tokens: too high"),
        (refusal, "refused", "declined"),
    ] {
        let course = bench.with_claude([behaviour]).await;
        let (said_code, said_words) = course.failure();
        assert_eq!(said_code, code);
        assert!(said_words.contains(words), "{said_words}");
        assert_eq!((course.calls, course.count("retrying")), ((1, 1), 0), "{code}");
    }
}

async fn what_may_pass_is_asked_again_and_the_analysis_is_kept(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    let mut endless = events(&["{\"brand_name\": "], "end_turn");
    endless.truncate(3);
    let without_stop = || Behaviour::event_stream(endless.clone(), Ending::Close);
    for (case, behaviour) in [
        ("overloaded", error(529, "overloaded_error", "Overloaded")),
        ("rate limited", error(429, "rate_limit_error", "Slow down")),
        ("no message_stop", without_stop()),
        ("a connection reset", Behaviour::event_stream(endless.clone(), Ending::Reset)),
        ("an answer that is no JSON", answer(&["I would rather", " talk about tea."], "end_turn")),
        ("an answer that is cut off", answer(&["{\"brand_name\": \"Nor"], "max_tokens")),
        ("an answer of another form", answer(&["{\"name\": \"Northwind\"}"], "end_turn")),
    ] {
        bench.with_claude([behaviour]).await.assert_completed(case, 2, (1, 2));
    }
    let course = bench.with_claude(vec![error(529, "overloaded_error", "Overloaded"); 4]).await;
    assert_eq!(course.failure().0, "overloaded_error");
    assert_eq!((course.count("started"), course.calls), (4, (1, 4)));
}

async fn the_text_of_a_voided_attempt_is_followed_by_retrying(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    let mut chunks = events(&vec!["voided "; MANY], "end_turn");
    chunks.truncate(2 + MANY);
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    chunks.push(event(overloaded));
    let course = bench.with_claude([Behaviour::event_stream(chunks, Ending::Close)]).await;
    course.assert_completed("an error in the middle of the answer", 2, (1, 2));

    let at = |name: &str| course.history.iter().position(|received| received.event == name);
    assert!(at("delta").unwrap() < at("retrying").unwrap(), "text came before the failure");
    let (voided, valid): (Vec<_>, Vec<_>) = course
        .history
        .iter()
        .filter(|received| received.event == "delta")
        .partition(|delta| delta.data["attempt"] == 1);
    let text =
        |deltas: &[&Received]| deltas.iter().map(|delta| delta.data["text"].as_str().unwrap()).collect::<String>();
    assert!(text(&voided).starts_with("voided voided "));
    let answer: Value = serde_json::from_str(&text(&valid)).expect("the second attempt's text is a whole answer");
    assert_eq!(answer["mission"], course.result["result_data"]["mission"]);
    let retrying = at("retrying").unwrap();
    assert!(voided.iter().all(|delta| delta.id <= retrying as i64), "no voided text after `retrying`");
}

async fn characters_that_a_database_cannot_hold_are_replaced(database: TestDatabase) {
    let bench = Bench::start(&database).await;
    let answer = json!({
        "brand_name": "North\0wind", "tagline": "LONE", "mission": "m", "vision": "v", "values": ["a\0"],
        "brand_tone": "t", "brand_voice": {"personality": "p", "style": "s", "vocabulary": []},
        "messaging_themes": [], "industry": "i", "target_market": "t", "unique_value_proposition": "u",
        "key_messages": [], "content_themes": [], "confidence": 0.5,
    });
    // serde_json writes no half of a surrogate pair; one is put inside the text, and another into the wire's own JSON.
    let text = answer.to_string().replace("LONE", "\\ud83d HALF");
    let chunks = events(&[&text], "end_turn").into_iter().map(|chunk| {
        let chunk = String::from_utf8(chunk.to_vec()).unwrap();
        Bytes::from(chunk.replace("HALF", "\\udc00"))
    });
    let course = bench.with_claude([Behaviour::event_stream(chunks.collect(), Ending::Close)]).await;
    course.assert_completed("odd characters", 1, (1, 1));
    let result = &course.result["result_data"];
    assert_eq!(result["brand_name"], "North\u{fffd}wind");
    assert_eq!(result["tagline"], "\u{fffd} \u{fffd}");
    assert_eq!(result["values"], json!(["a\u{fffd}"]));
    assert!(course.history.iter().all(|received| !received.data.to_string().contains("\\u0000\"")));
    let rows = "SELECT count(*) FROM brand_intelligence WHERE brand_name = 'North\u{fffd}wind'";
    assert_eq!(database.number(rows).await, 1);
}

async fn the_key_appears_in_no_event_and_no_log(database: TestDatabase) {
    /// The harness's key.
    const KEY: &str = "a-key-for-tests";
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    // A gateway that repeats the key in each of its answers.
    stand_ins.claude.script(error(400, "invalid_request_error", &format!("bad key {KEY}")));
    let mut chunks = events(&["{"], "end_turn");
    chunks.truncate(2);
    chunks.push(event(json!({"type": "error", "error": {"type": "api_error", "message": format!("key {KEY}")}})));
    stand_ins.claude.script(Behaviour::event_stream(chunks, Ending::Close));
    stand_ins.claude.script(error(401, "authentication_error", &format!("invalid x-api-key {KEY}")));
    let process = Process::logging("debug", &database.url, &stand_ins, &[]);
    let client = process.client();
    let mut shown = String::new();
    for _ in 0..2 {
        let id = client.start(&site.url).await;
        let mut reader = client.events(&id, None).await;
        reader.sync().await;
        for received in soon("the end of the job", reader.rest()).await {
            shown.push_str(&received.data.to_string());
        }
        shown.push_str(&client.job(&id).await.to_string());
    }
    assert_eq!(stand_ins.claude.requests()[0].headers["x-api-key"], KEY);
    assert_eq!(stand_ins.claude.calls(), 3, "{shown}");
    assert!(shown.contains("ANTHROPIC_API_KEY"), "{shown}");
    assert!(!shown.contains(KEY), "{shown}");
    assert!(process.log().contains("attempt ends"));
    assert!(!process.log().contains(KEY), "the key was logged");
}

/// An error as the API answers it.
fn error(status: u16, kind: &str, message: &str) -> Behaviour {
    Behaviour::status(status, &json!({"type": "error", "error": {"type": kind, "message": message}}))
}

/// A whole answer of these pieces of text.
fn answer(pieces: &[&str], stop_reason: &str) -> Behaviour {
    Behaviour::event_stream(events(pieces, stop_reason), Ending::Close)
}

/// Two events, one for each piece of text, three more.
fn events(pieces: &[&str], stop_reason: &str) -> Vec<Bytes> {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
                         "content": [], "stop_reason": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    let block = json!({"type": "text", "text": ""});
    let mut events = vec![
        event(json!({"type": "message_start", "message": message})),
        event(json!({"type": "content_block_start", "index": 0, "content_block": block})),
    ];
    let delta =
        |text| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    events.extend(pieces.iter().map(|piece| event(delta(piece))));
    events.push(event(json!({"type": "content_block_stop", "index": 0})));
    let stop = json!({"stop_reason": stop_reason, "stop_sequence": null});
    events.push(event(json!({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 9}})));
    events.push(event(json!({"type": "message_stop"})));
    events
}

fn event(data: Value) -> Bytes {
    Bytes::from(format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap()))
}
