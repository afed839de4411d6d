//! Joins the frames of neighbouring deltas, so that a late reader is not sent thousands of pieces.
//! Must not decide which frames are neighbours, or join what does not belong together.

use bytes::Bytes;
use serde_json::{Map, Value};

/// What a frame of `Event::frame` has between its id and its data if it is a delta.
const EVENT_LINE: &[u8] = b"event: delta\n";
const DATA: &[u8] = b"data: ";

/// Whether these are the bytes of a delta, as `Event::frame` writes them.
pub fn is_delta(frame: &[u8]) -> bool {
    after_id(frame).is_some_and(|rest| rest.starts_with(EVENT_LINE))
}

/// Joins neighbouring deltas of one step and attempt of a job into the last of them: as many of these frames, from the
/// first on, as belong together. Answers how many these are, at least one, and the frame that stands for them.
///
/// # Panics
/// Without a frame.
pub fn merge_deltas(frames: &[Bytes]) -> (usize, Bytes) {
    let (first, more) = frames.split_first().expect("there is a frame");
    let Some((_, first_data)) = read(first) else { return (1, first.clone()) };
    let Some(mut text) = text_of(&first_data).map(str::to_owned) else { return (1, first.clone()) };
    let mut last = None;
    let mut count = 1;
    for frame in more {
        let Some((head, data)) = read(frame) else { break };
        let Some(piece) = text_of(&data).filter(|_| belong_together(&first_data, &data)) else { break };
        text.push_str(piece);
        (last, count) = (Some((head, data)), count + 1);
    }
    let Some((head, mut data)) = last else { return (1, first.clone()) };
    data.insert("text".to_owned(), Value::String(text));
    (count, Bytes::from([head, Value::Object(data).to_string().as_bytes(), b"\n\n"].concat()))
}

/// The frame up to its data, and that, if it is a delta's.
fn read(frame: &[u8]) -> Option<(&[u8], Map<String, Value>)> {
    let data = after_id(frame)?.strip_prefix(EVENT_LINE)?.strip_prefix(DATA)?;
    let head = &frame[..frame.len() - data.len()];
    Some((head, serde_json::from_slice(data).ok()?))
}

fn after_id(frame: &[u8]) -> Option<&[u8]> {
    let end = frame.iter().position(|byte| *byte == b'\n')?;
    frame.get(end + 1..)
}

fn text_of(data: &Map<String, Value>) -> Option<&str> {
    data.get("text")?.as_str()
}

fn belong_together(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    ["job_id", "step", "attempt"].iter().all(|key| one.get(*key) == other.get(*key))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::event::{Event, EventDetail, Seq, Subject};
    use crate::job::{BrandId, Job, JobId, NewJob};

    fn job(id: JobId) -> Job {
        let new = NewJob::of(BrandId(Uuid::nil()));
        new.create(id, DateTime::UNIX_EPOCH).0
    }

    fn frame(id: JobId, seq: Seq, step: u32, detail: EventDetail) -> Bytes {
        let event = Event::new(&Job { last_seq: seq, step, ..job(id) }, DateTime::UNIX_EPOCH, &detail);
        Bytes::from(event.frame(Subject::Job(id)))
    }

    fn delta(id: JobId, seq: Seq, step: u32, text: &str) -> Bytes {
        frame(id, seq, step, EventDetail::Delta { text: text.to_owned() })
    }

    #[test]
    fn neighbouring_deltas_of_a_step_become_the_last_of_them() {
        let id = JobId::new();
        let frames = [delta(id, 2, 2, "a"), delta(id, 3, 2, "b\n\""), delta(id, 4, 2, "ö"), delta(id, 5, 3, "d")];
        assert_eq!(merge_deltas(&frames), (3, delta(id, 4, 2, "ab\n\"ö")));
        assert_eq!(merge_deltas(&frames[3..]), (1, frames[3].clone()));
    }

    #[test]
    fn what_is_no_delta_ends_the_run_and_stays_as_it_is() {
        let id = JobId::new();
        let progress = frame(id, 3, 2, EventDetail::Progress { detail: json!({ "event": "delta", "text": "x" }) });
        assert!(is_delta(&delta(id, 2, 2, "a")) && !is_delta(&progress) && !is_delta(b""));
        let frames = [delta(id, 2, 2, "a"), progress.clone(), delta(id, 4, 2, "b")];
        assert_eq!(merge_deltas(&frames), (1, frames[0].clone()));
        assert_eq!(merge_deltas(&frames[1..]), (1, progress));
    }

    #[test]
    fn deltas_of_two_jobs_stay_apart() {
        let frames = [delta(JobId::new(), 2, 2, "a"), delta(JobId::new(), 2, 2, "x")];
        assert_eq!(merge_deltas(&frames), (1, frames[0].clone()));
    }
}
