//! The client against real sockets, whose bytes come in exactly the chunks that a test asks for.

use futures_util::{StreamExt as _, pin_mut};
use serde_json::json;

use super::super::error::Retry;
use super::super::metrics_text::MetricsText;
use super::super::raw_server::{RawServer, Request, Script, within_deadline};
use super::*;

mod documents;
mod endings;
mod logs;
mod statuses;

const KEY: &str = "sk-test-secret";

/// What [`message_start`] and [`message_end`] say together.
const USAGE: ClaudeUsage = ClaudeUsage {
    input_tokens: 1820,
    output_tokens: 640,
    cache_read_input_tokens: 512,
    cache_creation_input_tokens: 0,
};

fn prompt() -> ClaudePrompt {
    ClaudePrompt {
        system: "You read brands.".into(),
        user: "About example.com".into(),
        schema: json!({"type": "object", "additionalProperties": false, "required": [], "properties": {}}),
        max_tokens: 8000,
        revision: None,
    }
}

fn client(server: &RawServer, limits: ClaudeLimits) -> ClaudeClient {
    ClaudeClient::with_limits(server.url(), ApiKey::new(KEY), "claude-sonnet-5-5".into(), limits).unwrap()
}

/// Runs one call to its end, which one POST must have served.
async fn ask_with(script: Script, limits: ClaudeLimits) -> (Vec<Result<ClaudeEvent, UpstreamError>>, Request) {
    let mut server = RawServer::start(script).await;
    let items = within_deadline(client(&server, limits).stream(prompt()).collect()).await;
    let mut requests = server.requests().await;
    assert_eq!(requests.len(), 1, "one POST a call: {requests:?}");
    server.all_closed().await;
    (items, requests.remove(0))
}

async fn ask(script: Script) -> Vec<Result<ClaudeEvent, UpstreamError>> {
    ask_with(script, ClaudeLimits::default()).await.0
}

/// The whole answer of a stream, which must be its last item.
async fn answer(script: Script) -> ClaudeAnswer {
    match ask(script).await.pop() {
        Some(Ok(ClaudeEvent::Complete(answer))) => answer,
        other => panic!("no answer: {other:?}"),
    }
}

/// The object in the answer that a stream ends with.
async fn object(script: Script) -> Value {
    match answer(script).await.content {
        AnswerContent::Object(object) => object,
        other => panic!("no object: {other:?}"),
    }
}

/// The error that a stream ends with.
async fn failure(script: Script) -> UpstreamError {
    failure_with(script, ClaudeLimits::default()).await
}

async fn failure_with(script: Script, limits: ClaudeLimits) -> UpstreamError {
    let (mut items, _) = ask_with(script, limits).await;
    let error = items.pop().unwrap().unwrap_err();
    assert!(items.iter().all(Result::is_ok), "{items:?}");
    assert_eq!(error.upstream, "claude");
    assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    error
}

fn event(data: Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

fn message_start() -> String {
    event(json!({"type": "message_start", "message": {
        "id": "msg_01ABC", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5-20260901", "content": [],
        "stop_reason": null, "usage": {"input_tokens": 1820, "cache_read_input_tokens": 512, "output_tokens": 1}}}))
}

fn block_start(index: u64, block: Value) -> String {
    event(json!({"type": "content_block_start", "index": index, "content_block": block}))
}

fn delta(index: u64, delta: Value) -> String {
    event(json!({"type": "content_block_delta", "index": index, "delta": delta}))
}

fn text_start(index: u64) -> String {
    block_start(index, json!({"type": "text", "text": ""}))
}

fn text(index: u64, text: &str) -> String {
    delta(index, json!({"type": "text_delta", "text": text}))
}

fn block_stop(index: u64) -> String {
    event(json!({"type": "content_block_stop", "index": index}))
}

fn message_end(stop_reason: Value) -> String {
    let delta = json!({"stop_reason": stop_reason, "stop_sequence": null});
    event(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 640}}))
        + &event(json!({"type": "message_stop"}))
}

/// An answer of one text that ends for this reason.
fn one_text(answer: &str, stop_reason: Value) -> Script {
    Script::events()
        .chunk(message_start())
        .chunk(text_start(0))
        .chunk(text(0, answer))
        .chunk(block_stop(0))
        .chunk(message_end(stop_reason))
}

#[tokio::test]
async fn a_thinking_block_comes_first_and_the_text_is_the_answer() {
    let script = Script::events()
        .chunk(message_start())
        .chunk(block_start(0, json!({"type": "thinking", "thinking": "", "signature": ""})))
        .chunk(delta(0, json!({"type": "thinking_delta", "thinking": "{\"not\":\"this\"}"})))
        .chunk(delta(0, json!({"type": "signature_delta", "signature": "EqQB"})))
        .chunk(block_stop(0))
        .chunk(event(json!({"type": "ping"})))
        .chunk(text_start(1))
        .chunk(text(1, "{\"tagline\":"))
        .chunk(text(1, "\"Zoë\\u0000 😀\"}"))
        .chunk(block_stop(1))
        .chunk(message_end(json!("end_turn")));
    let answer = ClaudeAnswer {
        text: "{\"tagline\":\"Zoë\\u0000 😀\"}".into(),
        content: AnswerContent::Object(json!({"tagline": "Zoë\u{fffd} 😀"})),
        model: "claude-sonnet-5-5-20260901".into(),
        stop_reason: "end_turn".into(),
        usage: USAGE,
        request_id: None,
        message_id: Some("msg_01ABC".into()),
    };
    let expected = [
        ClaudeEvent::Started { model: "claude-sonnet-5-5-20260901".into() },
        ClaudeEvent::Thinking,
        ClaudeEvent::Thinking,
        ClaudeEvent::Text("{\"tagline\":".into()),
        ClaudeEvent::Text("\"Zoë\\u0000 😀\"}".into()),
        ClaudeEvent::Complete(answer),
    ];
    assert_eq!(ask(script).await, expected.map(Ok));
}

#[tokio::test]
async fn a_call_is_one_that_todays_models_accept() {
    let (_, request) = ask_with(one_text("{}", json!("end_turn")), ClaudeLimits::default()).await;
    assert!(request.head.starts_with("post /v1/messages http/1.1"), "{}", request.head);
    for header in ["x-api-key: sk-test-secret", "anthropic-version: 2023-06-01", "content-type: application/json"] {
        assert!(request.head.contains(header), "{}", request.head);
    }
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        json!({
            "model": "claude-sonnet-5-5", "max_tokens": 8000, "stream": true,
            "system": [{"type": "text", "text": "You read brands.", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": "About example.com"}],
            "output_config": {"effort": "medium", "format": {"type": "json_schema", "schema": {
                "type": "object", "additionalProperties": false, "required": [], "properties": {}}}}
        })
    );
}

#[tokio::test]
async fn a_revision_repeats_the_question_and_the_answer_and_the_user_speaks_last() {
    for (answer, sent) in [("{\"a\":", "{\"a\":"), (" \n", "(no text)")] {
        let server = RawServer::start(one_text("{}", json!("end_turn"))).await;
        let revision = Revision { answer: answer.into(), problem: "Write the whole object.".into() };
        let prompt = ClaudePrompt { revision: Some(revision), ..prompt() };
        let items: Vec<_> = client(&server, ClaudeLimits::default()).stream(prompt).collect().await;
        assert!(items.last().unwrap().is_ok());
        let body: Value = serde_json::from_str(&server.requests().await.remove(0).body).unwrap();
        assert_eq!(
            body["messages"],
            json!([
                {"role": "user", "content": "About example.com"},
                {"role": "assistant", "content": sent},
                {"role": "user", "content": "Write the whole object."},
            ])
        );
    }
}

#[tokio::test]
async fn nothing_is_sent_before_the_first_poll() {
    let server = RawServer::start(one_text("{}", json!("end_turn"))).await;
    let stream = client(&server, ClaudeLimits::default()).stream(prompt());
    assert_eq!(server.requests().await.len(), 0);
    assert!(stream.collect::<Vec<_>>().await.last().unwrap().is_ok());
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn text_blocks_are_joined_in_the_order_of_their_index() {
    let script = Script::events()
        .chunk(message_start())
        .chunk(block_start(2, json!({"type": "text", "text": "\"b\":"})))
        .chunk(text(2, "2}"))
        .chunk(block_start(1, json!({"type": "server_tool_result", "text": "no"})))
        .chunk(text(1, "of another block"))
        .chunk(text_start(0))
        .chunk(text(0, "{\"a\":1,"))
        .chunk(message_end(json!("end_turn")));
    let items = ask(script).await;
    let texts: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Ok(ClaudeEvent::Text(text)) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["\"b\":", "2}", "{\"a\":1,"], "as they come, and none of a block that is no text");
    let Some(Ok(ClaudeEvent::Complete(answer))) = items.last() else { panic!("{items:?}") };
    assert_eq!(answer.content, AnswerContent::Object(json!({"a": 1, "b": 2})));
}

#[tokio::test]
async fn what_is_not_known_is_ignored() {
    let noise = "event: new_thing\ndata: {\"type\":\"new_thing\",\"delta\":7}\n\n\
                 data: [DONE]\n\nevent: ping\ndata: not json\n\n: comment\n\n";
    let script = Script::events()
        .chunk(noise)
        .chunk(message_start())
        .chunk(event(json!({"type": "ping"})).repeat(10_000))
        .chunk(text_start(0))
        .chunk(delta(0, json!({"type": "citations_delta", "citation": {}})))
        .chunk(text(0, "{\"a\":1}"))
        .chunk(noise)
        .chunk(message_end(json!("end_turn")));
    let items = ask(script).await;
    assert_eq!(items.len(), 3, "pings are not passed on");
    let Ok(ClaudeEvent::Complete(answer)) = &items[2] else { panic!("{items:?}") };
    assert_eq!(answer.content, AnswerContent::Object(json!({"a": 1})));
}

#[tokio::test]
async fn a_stream_in_single_bytes_is_the_same_stream() {
    let whole =
        [message_start(), text_start(0), text(0, "{\"name\":\"Zoë 😀\"}"), message_end(json!("end_turn"))].concat();
    // Not CR alone: the crate holds back the last event until one more byte comes.
    for line_end in ["\n", "\r\n"] {
        let bytes = whole.replace('\n', line_end);
        let object = object(Script::events().chunks(bytes.as_bytes().chunks(1))).await;
        assert_eq!(object, json!({"name": "Zoë 😀"}), "{line_end:?}");
    }
}

#[tokio::test]
async fn a_piece_that_cannot_be_read_is_not_left_out() {
    let script = Script::events()
        .chunk(message_start())
        .chunk("event: content_block_delta\ndata: {\"type\":\"content_b\n\n")
        .chunk(text(0, "{}"))
        .chunk(message_end(json!("end_turn")));
    let error = failure(script).await;
    assert_eq!((error.code.as_str(), error.retry), ("invalid_stream", Retry::Backoff));
    let words = "A part of Claude's answer cannot be read (content_block_delta); a later try may succeed";
    assert_eq!((error.message.as_str(), error.request_id.as_deref()), (words, Some("msg_01ABC")));
}

#[tokio::test]
async fn the_input_of_a_tool_is_an_answer() {
    let begun = || Script::events().chunk(message_start()).chunk(text_start(0)).chunk(text(0, "I use the tool."));
    let pieces = begun()
        .chunk(block_start(1, json!({"type": "tool_use", "id": "t", "name": "n", "input": {}})))
        .chunk(delta(1, json!({"type": "input_json_delta", "partial_json": ""})))
        .chunk(delta(1, json!({"type": "input_json_delta", "partial_json": "{\"a\""})))
        .chunk(delta(1, json!({"type": "input_json_delta", "partial_json": ":1}"})));
    let at_once = begun().chunk(block_start(1, json!({"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}})));
    for script in [pieces, at_once] {
        let answer = answer(script.chunk(message_end(json!("tool_use")))).await;
        assert_eq!(answer.content, AnswerContent::Object(json!({"a": 1})));
        assert_eq!(answer.text, "{\"a\":1}");
    }
}

#[tokio::test]
async fn an_object_in_a_code_fence_is_an_answer() {
    let object = object(one_text("Here:\n```json\n{\"a\":1}\n```", json!("end_turn"))).await;
    assert_eq!(object, json!({"a": 1}));
}

#[tokio::test]
async fn nothing_is_read_after_the_end_of_the_message() {
    let script = one_text("{}", json!("end_turn")).then_repeat(event(json!({"type": "ping"})));
    let mut server = RawServer::start(script).await;
    let stream = client(&server, ClaudeLimits::default()).stream(prompt());
    pin_mut!(stream);
    while !matches!(stream.next().await.unwrap().unwrap(), ClaudeEvent::Complete(_)) {}
    server.all_closed().await;
    assert!(stream.next().await.is_none());
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    let mut server = RawServer::start(Script::events().chunk(message_start()).then_hold()).await;
    let mut stream = Box::pin(client(&server, ClaudeLimits::default()).stream(prompt()));
    assert!(matches!(stream.next().await, Some(Ok(ClaudeEvent::Started { .. }))));
    drop(stream);
    server.all_closed().await;
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn a_call_and_its_tokens_are_counted_once_however_it_ends() {
    let metrics = MetricsText::new();
    let _recording = metrics.record();
    let tokens = |kind| metrics.value("jobcast_claude_tokens_total", &[("kind", kind)]);

    answer(one_text("{}", json!("end_turn"))).await;
    assert_eq!((metrics.calls("claude", "ok"), metrics.all_calls()), (1, 1));
    assert_eq!(
        (tokens("input"), tokens("output"), tokens("cache_read"), tokens("cache_creation")),
        (1820, 640, 512, 0)
    );

    failure(one_text("", json!("refusal"))).await;
    assert_eq!((metrics.calls("claude", "refused"), metrics.all_calls()), (1, 2));
    assert_eq!((tokens("input"), tokens("output")), (2 * 1820, 2 * 640), "what was refused is billed");

    let server = RawServer::start(Script::events().chunk(message_start()).then_hold()).await;
    let mut stream = Box::pin(client(&server, ClaudeLimits::default()).stream(prompt()));
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    assert_eq!((metrics.calls("claude", "cancelled"), metrics.all_calls()), (1, 3));
    assert_eq!((tokens("input"), tokens("output")), (3 * 1820, 2 * 640 + 1), "what is known by then");

    failure(Script::new("529 Overloaded", &[])).await;
    assert_eq!((metrics.calls("claude", "unavailable"), metrics.all_calls()), (1, 4));
}

#[tokio::test]
async fn silence_slowness_and_length_end_the_call() {
    let short = Duration::from_millis(50);
    let silent = ClaudeLimits { idle: short, ..ClaudeLimits::default() };
    let slow = ClaudeLimits { total: short, ..ClaudeLimits::default() };
    for (limits, script) in [
        (silent, Script::events().then_hold()),
        (slow, Script::events().then_hold()),
        (slow, Script::events().chunk(message_start()).then_repeat(event(json!({"type": "ping"})))),
        // An event that does not end is silence.
        (silent, Script::events().then_repeat("data: x")),
    ] {
        let error = failure_with(script, limits).await;
        assert_eq!((error.code.as_str(), error.retry), ("upstream_timeout", Retry::Backoff), "{}", error.message);
    }
    let brief = ClaudeLimits { text_bytes: 1000, ..ClaudeLimits::default() };
    let script = Script::events().chunk(message_start()).then_repeat(text(0, "0123456789"));
    let (items, _) = ask_with(script, brief).await;
    assert_eq!(items.len(), 1 + 100 + 1);
    let error = items.last().unwrap().clone().unwrap_err();
    assert_eq!((error.code.as_str(), error.retry), ("answer_too_large", Retry::Never));
    let words = "Claude sent too much: the answer is longer than 1000 bytes; start the job again with less to read";
    assert_eq!(error.message, words);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_may_be_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/gateway", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let client = ClaudeClient::new(url, ApiKey::new(KEY), "claude-sonnet-5-5".into()).unwrap();
    let items: Vec<_> = within_deadline(client.stream(prompt()).collect()).await;
    let error = items[0].clone().unwrap_err();
    assert_eq!((error.code.as_str(), error.retry), ("upstream_unreachable", Retry::Backoff));
    assert_eq!(error.message, "Claude could not be reached; a later try may succeed");
}

#[tokio::test]
async fn a_gateway_may_lie_below_a_path() {
    let server = RawServer::start(one_text("{}", json!("end_turn"))).await;
    let base = format!("{}gateway/claude/", server.url()).parse().unwrap();
    let client = ClaudeClient::new(base, ApiKey::new(KEY), "a-local-model".into()).unwrap();
    assert_eq!(client.model(), "a-local-model");
    assert!(client.stream(prompt()).collect::<Vec<_>>().await.last().unwrap().is_ok());
    assert!(server.requests().await[0].head.starts_with("post /gateway/claude/v1/messages http/1.1"));
}

/// The client stops at the first error anyhow; this is the second lock on the same door.
#[tokio::test]
async fn the_event_source_itself_sends_nothing_twice() {
    let server = RawServer::start(Script::events().chunk(message_start())).await;
    let mut source = client(&server, ClaudeLimits::default()).open(&prompt()).unwrap();
    while !matches!(within_deadline(source.next()).await, Some(Err(reqwest_eventsource::Error::StreamEnded))) {}
    assert!(within_deadline(source.next()).await.is_none());
    assert_eq!(server.requests().await.len(), 1);
}

#[test]
fn a_client_shows_no_key() {
    let url = "https://api.example.com".parse().unwrap();
    let client = ClaudeClient::new(url, ApiKey::new(KEY), "claude-sonnet-5-5".into()).unwrap();
    assert!(!format!("{client:?}").contains(KEY));
}
