//! Reads one event of gtm's stream, in any of its four dialects, as progress, the result or a failure.
//! It is pure: it neither remembers earlier events nor reads the connection.
//!
//! gtm's stream is not documented. The rules are the tolerant contract of UPSTREAMS §1.3, gathered from its author's
//! clients: the name of an event is on the `event:` line (A), inside the JSON (B), or missing (C), and some data is
//! plain text (D).

use serde_json::{Map, Value};

use super::super::error::UpstreamError;
use super::super::sse::SseEvent;
use super::super::{json, text};
use super::GtmProgress;
use super::complaint::{Complaint, Untold, no_data};

/// What one event means.
#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    Progress(GtmProgress),
    /// Progress in words alone, for data that is not a JSON object; nothing where the words are not for a person.
    Words(Option<String>),
    /// Always an object with something in it.
    Complete(Value),
    Failed(UpstreamError),
}

const UNTOLD: Untold = Untold { code: "analysis_failed", words: "The brand analysis failed" };

const DONE: [&str; 5] = ["complete", "completed", "done", "result", "finished"];
const FAILED: [&str; 2] = ["error", "failed"];

/// Where gtm says what it is doing, the best first.
const TEXTS: [&str; 4] = ["message", "step", "current_step", "status"];

/// Members that speak about the stream and not about the brand.
const ENVELOPE: [&str; 10] =
    ["event", "type", "progress", "percent", "message", "step", "current_step", "total_steps", "status", "success"];

/// The highest progress that is reported from here; the origin application keeps the rest for what follows.
const HIGHEST_PROGRESS: f64 = 90.0;

const DETAIL_MEMBERS: usize = 32;
const DETAIL_BYTES: usize = 4096;
const DETAIL_MEMBER_BYTES: usize = 1024;

pub(super) fn meaning(event: SseEvent) -> Meaning {
    let name = event.event.as_deref().filter(|&name| name != "message");
    match json::parse(&event.data) {
        Ok(Value::Object(data)) => of_object(name, data),
        Ok(Value::String(said)) => of_text(name, &said),
        _ => of_text(name, &event.data),
    }
}

/// A body that is the result itself, without a stream.
pub(super) fn of_document(data: Map<String, Value>) -> Meaning {
    of_object(Some("complete"), data)
}

fn of_object(name: Option<&str>, data: Map<String, Value>) -> Meaning {
    let name = name
        .or_else(|| string(&data, "event"))
        .or_else(|| string(&data, "type"))
        .unwrap_or("progress")
        .to_ascii_lowercase();
    let done = DONE.contains(&name.as_str());
    if FAILED.contains(&name.as_str()) || says_no(&data) || (has_error(&data) && !done) {
        Meaning::Failed(Complaint::read(&data).into_error(UNTOLD))
    } else if done {
        completion(data)
    } else {
        Meaning::Progress(progress(&name, data))
    }
}

/// Data that is not an object never fails a job, unless the event is named an error.
fn of_text(name: Option<&str>, said: &str) -> Meaning {
    let shown = shown(said);
    if name.is_some_and(|name| FAILED.contains(&name.to_ascii_lowercase().as_str())) {
        return Meaning::Failed(Complaint::said(shown).into_error(UNTOLD));
    }
    Meaning::Words(shown)
}

/// The text as a person may see it; nothing when it is empty or a broken JSON object.
fn shown(said: &str) -> Option<String> {
    let shown = text::clean(said, text::SHOWN_CHARACTERS);
    (!shown.is_empty() && !shown.starts_with('{')).then_some(shown)
}

pub(super) fn says_no(data: &Map<String, Value>) -> bool {
    data.get("success") == Some(&Value::Bool(false))
}

fn has_error(data: &Map<String, Value>) -> bool {
    match data.get("error") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(error)) => !error.is_empty(),
        Some(_) => true,
    }
}

/// The result is in `result`, else in `data`, else the object itself. One that says it failed, or says nothing about
/// the brand, is no result: the job would go on to pay for a reading of nothing.
fn completion(mut data: Map<String, Value>) -> Meaning {
    let inner = ["result", "data"].into_iter().find(|&key| data.get(key).is_some_and(Value::is_object));
    let result = match inner.and_then(|key| data.remove(key)) {
        Some(Value::Object(result)) => result,
        _ => data,
    };
    if says_no(&result) {
        Meaning::Failed(Complaint::read(&result).into_error(UNTOLD))
    } else if result.keys().all(|key| ENVELOPE.contains(&key.as_str())) {
        Meaning::Failed(no_data())
    } else {
        Meaning::Complete(Value::Object(result))
    }
}

fn progress(name: &str, data: Map<String, Value>) -> GtmProgress {
    GtmProgress {
        text: TEXTS.iter().find_map(|key| shown(string(&data, key)?)),
        progress: ["progress", "percent"].iter().find_map(|&key| percent(data.get(key)?)),
        detail: detail(name, data),
    }
}

/// A number, or a text that is one.
fn percent(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().trim_end_matches('%').trim_end().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then(|| number.clamp(0.0, HIGHEST_PROGRESS))
}

/// What is neither text nor progress, as far as it is small.
fn detail(name: &str, data: Map<String, Value>) -> Value {
    let mut detail = Map::new();
    if name != "progress" {
        detail.insert("event".into(), text::clean(name, 64).into());
    }
    let mut bytes = 0;
    for (key, mut value) in data.into_iter().filter(|(key, value)| is_detail(key, value)).take(DETAIL_MEMBERS - 1) {
        clean_strings(&mut value);
        let size = key.len() + value.to_string().len();
        if size <= DETAIL_MEMBER_BYTES && bytes + size <= DETAIL_BYTES {
            bytes += size;
            detail.insert(text::clean(&key, 64), value);
        }
    }
    Value::Object(detail)
}

fn is_detail(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(_) if TEXTS.contains(&key) => false,
        _ => !matches!(key, "event" | "type" | "progress" | "percent" | "success" | "error"),
    }
}

fn clean_strings(value: &mut Value) {
    match value {
        Value::String(said) => *said = text::clean(said, text::SHOWN_CHARACTERS),
        Value::Array(items) => items.iter_mut().for_each(clean_strings),
        Value::Object(members) => members.values_mut().for_each(clean_strings),
        _ => {}
    }
}

fn string<'a>(data: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    data.get(key)?.as_str()
}

#[cfg(test)]
mod tests;
