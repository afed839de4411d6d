//! What a viewer must have seen: every event after its cursor, once and in order, deltas perhaps merged into the last of
//! them, and nothing that is not stored.
//! Must not care over how many streams, from which servers, or how fast.

use serde_json::Value;

use crate::faults::evidence::{Evidence, StoredEvent};
use crate::faults::viewers::{Subject, View};
use crate::harness::Received;

/// What is wrong with what a viewer saw.
pub fn of_viewer(view: &View, evidence: &Evidence) -> Vec<String> {
    let stored = match &view.subject {
        Subject::Job(id) => evidence.jobs.get(id).map(|job| job.events.as_slice()),
        // Nobody may have started a job for it.
        Subject::Brand(id) => Some(evidence.brands.get(id).map_or(&[][..], |events| events.as_slice())),
    };
    let Some(stored) = stored else { return vec![format!("viewer {}: {:?} is not stored", view.number, view.subject)] };
    let Some(first) = view.first_cursor else { return Vec::new() };
    let mut violations = Vec::new();
    let mut cursor = first;
    for received in &view.received {
        if let Err(why) = follows(cursor, received, stored) {
            violations.push(format!("{} {} after {cursor}: {why}", received.id, received.event));
        }
        cursor = cursor.max(received.id);
    }
    let last = stored.last().map_or(0, |event| event.position);
    if cursor != last || !view.finished {
        violations.push(format!("it has come to {cursor} of {last} over {} streams, and waits", view.streams));
    }
    let subject = &view.subject;
    violations.into_iter().map(|violation| format!("viewer {} of {subject:?}: {violation}", view.number)).collect()
}

/// Whether this is what comes after the cursor.
fn follows(cursor: i64, received: &Received, stored: &[StoredEvent]) -> Result<(), String> {
    if received.id <= cursor {
        return Err("it was seen before".to_owned());
    }
    let from = stored.partition_point(|event| event.position <= cursor);
    let to = stored.partition_point(|event| event.position <= received.id);
    let Some((event, merged)) = stored[from..to].split_last().filter(|(event, _)| event.position == received.id) else {
        return Err(format!("it is not stored: {:?}", received.data));
    };
    if event.name != received.event {
        return Err(format!("a {} is stored there", event.name));
    }
    if received.event != "delta" {
        let missing: Vec<_> = merged.iter().map(|event| (event.position, event.name.as_str())).collect();
        return match (missing.is_empty(), received.data == event.data) {
            (true, true) => Ok(()),
            (false, _) => Err(format!("these are missing before it: {missing:?}")),
            (_, false) => Err(format!("{} was sent, {} is stored", received.data, event.data)),
        };
    }
    merges(merged, event, &received.data)
}

/// A delta that holds the text of those that it was merged with.
fn merges(merged: &[StoredEvent], last: &StoredEvent, data: &Value) -> Result<(), String> {
    let same = |event: &StoredEvent| {
        event.name == "delta" && ["job_id", "step", "attempt"].iter().all(|key| event.data[key] == last.data[key])
    };
    if let Some(other) = merged.iter().find(|event| !same(event)) {
        return Err(format!("{} {} is missing before it", other.position, other.name));
    }
    let texts = merged.iter().chain([last]).map(|event| event.data["text"].as_str().unwrap_or_default());
    let mut expected = last.data.clone();
    expected["text"] = Value::String(texts.collect());
    if *data != expected {
        return Err(format!("{data} was sent, {expected} is stored"));
    }
    Ok(())
}
