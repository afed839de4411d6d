//! The ways in which the service has been seen to name and shape its events (UPSTREAMS.md §1.3).
//! It must not change what is told.

use crate::demo::answer::Answer;
use crate::demo::answer::event;
use crate::demo::gtm::told::{self, Events, Told};
use axum::body::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};

/// Steps that dialect C claims.
const TOTAL_STEPS: u64 = 5;

/// "named": what the service's real client reads.
pub(super) fn a(events: Events) -> Answer {
    told::answer(events)
}

/// "inline name": the whole object is the result.
pub(super) fn b(events: Events) -> Answer {
    told::written(events.map(|told| {
        let mut members = Map::from_iter([("event".to_owned(), json!(told.name))]);
        for (name, value) in told.data.as_object().cloned().unwrap_or_default() {
            match value {
                Value::Object(result) if name == "result" => members.extend(result),
                value => drop(members.insert(name, value)),
            }
        }
        data(&Value::Object(members))
    }))
}

/// "step": every second event is named, as in the service's wish list.
pub(super) fn c(events: Events) -> Answer {
    told::written(events.enumerate().map(|(number, told)| {
        let step = stepped(&told);
        match told.name {
            "complete" | "error" => event(told.name, &step),
            _ if number.is_multiple_of(2) => event("progress", &step),
            _ => data(&step),
        }
    }))
}

/// "plain": no JSON before the last event.
pub(super) fn d(events: Events) -> Answer {
    told::written(events.map(|told| if told.is_last() { told.written() } else { plain(&message(&told)) }))
}

/// The normal stream with a line of text behind every event but the last.
pub(super) fn with_plain_text(events: Events) -> Answer {
    told::written(events.flat_map(|told| {
        let text = (!told.is_last()).then(|| plain("Simulated analysis: analyzing pages"));
        stream::iter(std::iter::once(told.written()).chain(text))
    }))
}

fn stepped(told: &Told) -> Value {
    let own = &told.data;
    if told.name == "error" {
        let error = json!({
            "code": own["code"], "message": own["error"], "retry_recommended": own["retry"],
            "suggestions": ["Simulated: check the address"],
        });
        return json!({"error": error});
    }
    let mut step = json!({"progress": own["progress"], "step": message(told), "total_steps": TOTAL_STEPS});
    for (from, to) in [("count", "pages_found"), ("page", "current_page"), ("url", "substep"), ("result", "result")] {
        if !own[from].is_null() {
            step[to] = own[from].clone();
        }
    }
    step
}

fn message(told: &Told) -> String {
    told.data["message"].as_str().unwrap_or(told.name).to_owned()
}

fn data(data: &Value) -> Bytes {
    plain(&data.to_string())
}

fn plain(text: &str) -> Bytes {
    Bytes::from(format!("data: {text}\n\n"))
}
