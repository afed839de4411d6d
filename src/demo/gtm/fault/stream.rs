//! What can go wrong with the analysis as a stream: its bytes, its end, its order.
//! It must not shape the data in another dialect; `dialect` does.

use crate::demo::answer::Answer;
use crate::demo::behaviour::Ending;
use crate::demo::gtm::say;
use crate::demo::gtm::told::{self, Events, Told};
use async_stream::stream;
use axum::body::Bytes;
use axum::http::StatusCode;
use futures_util::{StreamExt, future, stream};
use serde_json::{Value, json};
use std::time::Duration;

/// Events that come before whatever goes wrong.
const BEFORE: usize = 3;
/// Bytes added to a huge result.
const HUGE: usize = 2 * 1024 * 1024;

pub(super) fn byte_chunks(events: Events) -> Answer {
    told::answer(events).cut_by(|event| (0..event.len()).map(|at| event.slice(at..=at)).collect())
}

/// Messages get characters of two, three and four bytes, each of which is cut behind its first byte.
pub(super) fn split_utf8(events: Events) -> Answer {
    let answer = told::answer(changed(events, |data| {
        if let Some(message) = data["message"].as_str() {
            data["message"] = json!(format!("{message} – né €😀"));
        }
    }));
    answer.cut_by(|event| cut_behind(&event, |byte| byte >= 0xC0))
}

pub(super) fn split_crlf(events: Events) -> Answer {
    let answer = told::written(events.map(|told| with_line_ends(&told.written(), "\r\n")));
    answer.with_preamble(": ok\r\n\r\n").cut_by(|event| cut_behind(&event, |byte| byte == b'\r'))
}

pub(super) fn cr_only(events: Events) -> Answer {
    told::written(events.map(|told| with_line_ends(&told.written(), "\r"))).with_preamble(": ok\r\r")
}

pub(super) fn bom(events: Events) -> Answer {
    told::answer(events).with_preamble("\u{FEFF}: ok\n\n")
}

pub(super) fn huge_complete(events: Events) -> Answer {
    told::answer(changed(events, |data| {
        if data["result"].is_object() {
            data["result"]["simulated_padding"] = json!("simulated ".repeat(HUGE / 10 + 1));
        }
    }))
}

pub(super) fn no_final_blank_line(events: Events) -> Answer {
    told::written(events.map(|told| {
        let event = told.written();
        if told.is_last() { event.slice(..event.len() - 1) } else { event }
    }))
}

pub(super) fn no_complete(events: Events) -> Answer {
    told::answer(events.filter(|told| future::ready(told.name != "complete")).boxed())
}

pub(super) fn error_event(events: Events) -> Answer {
    failing(events, "ANALYSIS_FAILED", false)
}

pub(super) fn error_retryable(events: Events) -> Answer {
    failing(events, "TIMEOUT", true)
}

fn failing(events: Events, code: &'static str, retry: bool) -> Answer {
    let error = json!({"error": say("the analysis was made to fail"), "code": code, "retry": retry});
    told::answer(events.take(BEFORE).chain(stream::iter([Told::new("error", error)])).boxed())
}

pub(super) fn events_after_complete(events: Events) -> Answer {
    let more = [
        Told::new("page", json!({"message": say("an event that comes too late"), "progress": 20})),
        Told::new("error", json!({"error": say("an error that comes too late"), "retry": false})),
    ];
    told::answer(events.chain(stream::iter(more)).boxed())
}

pub(super) fn progress_backwards(events: Events) -> Answer {
    with_progress(events, |progress| json!(100.0 - progress))
}

pub(super) fn progress_over_100(events: Events) -> Answer {
    with_progress(events, |progress| json!(progress + 150.0))
}

pub(super) fn progress_as_string(events: Events) -> Answer {
    with_progress(events, |progress| json!(progress.to_string()))
}

fn with_progress(events: Events, change: fn(f64) -> Value) -> Answer {
    told::answer(changed(events, move |data| {
        if let Some(progress) = data["progress"].as_f64() {
            data["progress"] = change(progress);
        }
    }))
}

/// What the last event says, as the only body; the status is 200 whatever that is.
pub(super) fn json_instead(events: Events) -> Answer {
    let whole = async move {
        let last = events.fold(None, |_, told| future::ready(Some(told))).await;
        let body = match last {
            Some(Told { name: "complete", mut data }) => data["result"].take(),
            Some(Told { data, .. }) => json!({"success": false, "error": data["error"], "code": data["code"]}),
            None => Value::Null,
        };
        Bytes::from(body.to_string())
    };
    Answer::new(StatusCode::OK, "application/json", stream::once(whole))
}

pub(super) fn silence(events: Events) -> Answer {
    told::answer(events.take(BEFORE).boxed()).ending_in(Ending::Hang)
}

pub(super) fn silence_of(mut events: Events, silence: Duration) -> Answer {
    told::answer(Box::pin(stream! {
        let mut told = 0;
        while let Some(next) = events.next().await {
            if told == BEFORE {
                tokio::time::sleep(silence).await;
            }
            told += 1;
            yield next;
        }
    }))
}

pub(super) fn reset(events: Events) -> Answer {
    let halves = events.take(BEFORE + 1).enumerate().map(|(number, told)| {
        let event = told.written();
        if number == BEFORE { event.slice(..event.len() / 2) } else { event }
    });
    told::written(halves).ending_in(Ending::Reset)
}

fn changed(events: Events, mut change: impl FnMut(&mut Value) + Send + 'static) -> Events {
    let change = move |mut told: Told| {
        change(&mut told.data);
        told
    };
    events.map(change).boxed()
}

fn with_line_ends(event: &Bytes, line_end: &str) -> Bytes {
    Bytes::from(String::from_utf8_lossy(event).replace('\n', line_end))
}

/// The pieces that end in a byte of that kind, and the rest.
fn cut_behind(event: &Bytes, ends: fn(u8) -> bool) -> Vec<Bytes> {
    event.split_inclusive(|byte| ends(*byte)).map(|piece| event.slice_ref(piece)).collect()
}
