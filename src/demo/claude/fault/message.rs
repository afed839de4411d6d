//! Answers that arrive whole and are of no use, or not at first sight.
//! It must not touch the stream.

use crate::demo::claude::wire::Message;
use serde_json::{Value, json};

/// Half of the text.
pub(super) fn cut_off(message: &mut Message) {
    let half = message.text.chars().count() / 2;
    message.text = message.text.chars().take(half).collect();
    message.stop_reason = "max_tokens";
}

pub(super) fn refusal(message: &mut Message) {
    message.text = String::new();
    message.stop_reason = "refusal";
    message.stop_details =
        json!({"type": "refusal", "category": "policy", "explanation": "Simulated: it was made to refuse."});
}

pub(super) fn fenced(message: &mut Message) {
    message.text = format!("Simulated: here is the JSON.\n\n```json\n{}\n```\n\nAnything else?", message.text);
}

pub(super) fn no_json(message: &mut Message) {
    message.text = "Simulated: it was made to answer in words, and there is no JSON in them.".to_owned();
}

pub(super) fn wrong_shape(message: &mut Message) {
    message.text = json!({"verdict": "Simulated: other members than asked for", "score": 7}).to_string();
}

/// What a schema cannot forbid: a confidence above 1, too few items (no products, one of anything else), dates in the
/// wrong order.
pub(super) fn out_of_range(message: &mut Message) {
    let Ok(mut answer) = serde_json::from_str::<Value>(&message.text) else { return };
    for (name, member) in answer.as_object_mut().into_iter().flatten() {
        match member {
            Value::Number(_) if name == "confidence" => *member = json!(7),
            Value::Array(items) if items.iter().any(Value::is_object) => {
                items.truncate(if name == "products" { 0 } else { 1 });
                items.iter_mut().for_each(reverse_dates);
            }
            _ => {}
        }
    }
    message.text = answer.to_string();
}

fn reverse_dates(item: &mut Value) {
    if item["start_date"].is_string() && item["end_date"].is_string() {
        let start = item["start_date"].take();
        item["start_date"] = item["end_date"].take();
        item["end_date"] = start;
    }
}
