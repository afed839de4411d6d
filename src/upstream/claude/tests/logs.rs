//! What a call leaves in the logs for Anthropic's support, and that the key is not in it.

use std::io::{Result as IoResult, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// While `tracing` knows of one subscriber only, it asks the current thread alone whether a place in the code is of interest,
/// and remembers the answer for all: another test, which records nothing, would silence that place for this one. With a
/// second subscriber that lives on, all are asked (tracing-core 0.1, `callsite::dispatchers`).
static SECOND_SUBSCRIBER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn record(&self) -> DefaultGuard {
        LazyLock::force(&SECOND_SUBSCRIBER);
        let subscriber = tracing_subscriber::fmt().with_writer(self.clone()).with_ansi(false);
        tracing::subscriber::set_default(subscriber.with_max_level(tracing::Level::DEBUG).finish())
    }

    /// The lines that have this text in them, since the last look.
    fn lines(&self, text: &str) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let log = String::from_utf8(bytes).unwrap();
        assert!(!log.contains(KEY), "the key was logged: {log}");
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[track_caller]
fn assert_one_line(lines: &[String], parts: &[&str]) {
    let [line] = lines else { panic!("one line: {lines:?}") };
    for part in parts {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
}

#[tokio::test]
async fn a_good_call_is_logged_with_its_message_its_model_and_its_tokens() {
    let log = Log::default();
    let _recording = log.record();
    answer(one_text("{}", json!("end_turn"))).await;
    let parts = [
        "INFO",
        "upstream=\"claude\"",
        "message_id=\"msg_01ABC\"",
        "model=\"claude-sonnet-5-5-20260901\"",
        "input_tokens=1820",
        "output_tokens=640",
        "cache_read_input_tokens=512",
    ];
    assert_one_line(&log.lines("Claude answered"), &parts);
}

#[tokio::test]
async fn a_refused_call_is_logged_with_its_status_its_type_and_its_request() {
    let log = Log::default();
    let _recording = log.record();
    let body = json!({"error": {"type": "overloaded_error", "message": format!("busy {KEY}")}}).to_string();
    failure(Script::new("529 Overloaded", &[("request-id", "req_head")]).chunk(body.clone())).await;
    let parts = [
        "WARN",
        "upstream=\"claude\"",
        "status=529",
        "error_type=\"overloaded_error\"",
        "request_id=\"req_head\"",
        "busy ••••",
    ];
    assert_one_line(&log.lines("the upstream answered with an error"), &parts);

    failure(Script::new("401 Unauthorized", &[]).chunk(body)).await;
    assert_one_line(&log.lines("the upstream answered with an error"), &["status=401", "said=\"\""]);
}

#[tokio::test]
async fn a_call_that_fails_later_is_logged_with_what_identifies_it() {
    let log = Log::default();
    let _recording = log.record();
    failure(Script::events().chunk(message_start())).await;
    let parts = ["WARN", "upstream=\"claude\"", "code=\"stream_ended_early\"", "request_id=\"msg_01ABC\""];
    assert_one_line(&log.lines("an upstream call failed"), &parts);

    let named = json!({"type": "error", "error": {"type": "api_error", "message": KEY}, "request_id": "req_011ABC"});
    failure(Script::events().chunk(message_start()).chunk(event(named))).await;
    let parts = ["WARN", "code=\"api_error\"", "request_id=\"req_011ABC\"", "••••"];
    assert_one_line(&log.lines("an upstream call failed"), &parts);
}
