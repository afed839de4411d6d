//! The oracle: what a viewer received, against what the store holds.

use std::collections::BTreeMap;

use jobcast::event::{Event, Seq, Subject};
use jobcast::job::JobId;
use jobcast::store::Store;
use serde_json::Value;

use super::Received;

/// All events that the store holds for a job.
pub async fn stored(store: &dyn Store, job_id: JobId) -> Vec<Event> {
    let events = store.events_after(Subject::Job(job_id), 0, 1_000_000).await.expect("the store answers");
    let seqs: Vec<Seq> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=events.len() as Seq).collect::<Vec<_>>(), "the store holds exactly 1..n");
    events
}

/// Nothing lost, nothing twice, in order; neighbouring deltas may have arrived merged into the last of them.
pub fn assert_complete(received: &[Received], stored: &[Event]) {
    let received: Vec<&Received> = received.iter().filter(|received| received.event != "sync").collect();
    let ids: Vec<Seq> = received.iter().map(|received| received.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "out of order or twice: {ids:?}");
    for received in &received {
        let event = stored.get(received.id as usize - 1).unwrap_or_else(|| panic!("never stored: {received:?}"));
        assert_eq!(received.event, event.name.as_str());
        assert_eq!(received.data["seq"], event.seq);
        if received.event != "delta" {
            assert_eq!(received.data, data(event), "what was sent is what was stored");
        }
    }
    for event in stored.iter().filter(|event| event.name.as_str() != "delta") {
        assert!(ids.contains(&event.seq), "{} {} is missing from {ids:?}", event.seq, event.name);
    }
    let received_deltas =
        received.iter().filter(|received| received.event == "delta").map(|received| received.data.clone());
    let stored_deltas = stored.iter().filter(|event| event.name.as_str() == "delta").map(data);
    assert_eq!(texts(received_deltas), texts(stored_deltas), "the text of each step is whole");
}

fn data(event: &Event) -> Value {
    serde_json::from_str(&event.data).expect("stored data is JSON")
}

/// The joined text of each step of each attempt.
fn texts(deltas: impl Iterator<Item = Value>) -> BTreeMap<(u64, u64), String> {
    let mut texts = BTreeMap::new();
    for delta in deltas {
        let key = (delta["attempt"].as_u64().unwrap(), delta["step"].as_u64().unwrap());
        let text: &mut String = texts.entry(key).or_default();
        text.push_str(delta["text"].as_str().unwrap());
    }
    texts
}
