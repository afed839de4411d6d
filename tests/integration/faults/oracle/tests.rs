//! The oracle has teeth: each thing that must not be is found in a case made for it, and nothing is in a good one.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{calls, history, views};
use crate::faults::calls::Call;
use crate::faults::evidence::{Evidence, StoredEvent, StoredJob, StoredStep};
use crate::faults::plan::{FaultRun, JobPlan};
use crate::faults::servers::Ended;
use crate::faults::users::UsedJob;
use crate::faults::viewers::{Subject, View};
use crate::harness::Received;

/// A run that is planned and not played.
const TINY: FaultRun = FaultRun { seed: 1, storm: Duration::from_secs(5), jobs: 4, viewers: 8, servers: 3 };

const ID: &str = "a job";

/// A history: two attempts, text in each, the first one lost.
fn events() -> Vec<StoredEvent> {
    let told = [
        ("queued", 0, 0, json!({})),
        ("started", 1, 0, json!({})),
        ("progress", 1, 10, json!({})),
        ("delta", 1, 10, json!({"text": "{\"na"})),
        ("retrying", 1, 10, json!({"error": "The worker stopped responding"})),
        ("started", 2, 0, json!({})),
        ("delta", 2, 0, json!({"text": "{\"name\":"})),
        ("delta", 2, 0, json!({"text": "\"x\"}"})),
        ("progress", 2, 20, json!({})),
        ("completed", 2, 100, json!({})),
    ];
    let event = |(place, (name, attempt, progress, more)): (usize, (&str, i64, i64, Value))| {
        let mut data = json!({"job_id": ID, "seq": place + 1, "attempt": attempt, "progress": progress, "step": 2});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        StoredEvent { position: place as i64 + 1, name: name.to_owned(), data }
    };
    told.into_iter().enumerate().map(event).collect()
}

fn job(events: Vec<StoredEvent>) -> StoredJob {
    let step = StoredStep { attempt: 2, output: json!({"content": {"name": "x"}}) };
    StoredJob {
        id: ID.to_owned(),
        brand_id: Uuid::nil(),
        job_type: "target_audiences".to_owned(),
        status: "completed".to_owned(),
        key: "key".to_owned(),
        attempt: 2,
        last_seq: events.len() as i64,
        events,
        steps: HashMap::from([("generate_personas".to_owned(), step)]),
        items: 3,
    }
}

fn evidence() -> Evidence {
    let jobs = HashMap::from([(ID.to_owned(), job(events()))]);
    Evidence { jobs, brands: HashMap::new(), brand_ends: HashMap::new(), rows: HashMap::new() }
}

fn received(place: usize) -> Received {
    let event = events().swap_remove(place - 1);
    Received { id: event.position, event: event.name, data: event.data }
}

/// What a viewer is accused of that saw these events after this cursor.
fn seen(cursor: i64, received: Vec<Received>) -> Vec<String> {
    let mut view = View::new(0, Subject::Job(ID.to_owned()));
    (view.first_cursor, view.received, view.finished) = (Some(cursor), received, true);
    views::of_viewer(&view, &evidence())
}

#[test]
fn a_whole_view_is_good_from_any_cursor_and_with_merged_deltas() {
    for cursor in 0..=10 {
        assert_eq!(seen(cursor, (cursor as usize + 1..=10).map(received).collect()), Vec::<String>::new());
    }
    let mut merged = received(8);
    merged.data["text"] = json!("{\"name\":\"x\"}");
    let all = [received(6), merged.clone(), received(9), received(10)];
    assert_eq!(seen(5, all.to_vec()), Vec::<String>::new());
    assert_eq!(seen(7, vec![merged, received(9), received(10)]).len(), 1, "it holds text from before the cursor");
}

#[test]
fn a_view_that_is_not_exactly_what_is_stored_is_found() {
    let from_6 = || (7..=10).map(received).collect::<Vec<_>>();
    assert_eq!(seen(6, from_6()), Vec::<String>::new());
    let changed = |change: fn(&mut Vec<Received>)| {
        let mut view = from_6();
        change(&mut view);
        seen(6, view)
    };
    for (what, change) in [
        ("one twice", (|view| view.insert(1, view[0].clone())) as fn(&mut Vec<Received>)),
        ("out of order", |view| view.swap(1, 2)),
        ("progress missing", |view| drop(view.remove(2))),
        ("text missing", |view| drop(view.remove(0))),
        ("the end missing", |view| drop(view.pop())),
        ("other data", |view| view[2].data["progress"] = json!(21)),
        ("other text", |view| view[1].data["text"] = json!("\"y\"}")),
        ("another name", |view| view[2].event = "retrying".to_owned()),
        ("never stored", |view| view.push(Received { id: 11, ..view[3].clone() })),
    ] {
        assert!(!changed(change).is_empty(), "{what}");
    }
    // Deltas of two attempts in one.
    let mut merged = received(7);
    merged.data["text"] = json!("{\"na{\"name\":");
    assert!(!seen(3, vec![merged, received(8), received(9), received(10)]).is_empty());
}

#[test]
fn a_history_that_the_states_do_not_allow_is_found() {
    assert_eq!(history::of_job(&job(events())), Vec::<String>::new());
    for (what, change) in [
        ("an event of an attempt that is over", (|job| job.events[6].data["attempt"] = json!(1)) as fn(&mut StoredJob)),
        ("a gap", |job| job.events[5].position = 60),
        ("a lost event", |job| job.last_seq = 11),
        ("an event after the end", |job| job.events[8].name = "completed".to_owned()),
        ("an attempt within another", |job| job.events[4].name = "progress".to_owned()),
        ("progress told twice", |job| {
            job.events[3] = StoredEvent { position: 4, ..job.events[2].clone() };
        }),
        ("progress that falls", |job| job.events[3].data["progress"] = json!(9)),
        ("a failure too soon", |job| {
            job.events[9].name = "failed".to_owned();
            job.status = "failed".to_owned();
        }),
        ("another status", |job| job.status = "processing".to_owned()),
        ("another number of attempts", |job| job.attempt = 3),
        ("text that was not the answer", |job| job.events[7].data["text"] = json!("\"x\"}\"x\"}")),
    ] {
        let mut job = job(events());
        change(&mut job);
        assert!(!history::of_job(&job).is_empty(), "{what}");
    }
}

#[test]
fn a_brand_that_runs_too_many_jobs_is_found() {
    let started = |place: usize| StoredEvent {
        position: place as i64 + 1,
        name: "started".to_owned(),
        data: json!({"job_id": format!("job {place}")}),
    };
    let of = |jobs: usize| history::of_brand(Uuid::nil(), &(0..jobs).map(started).collect::<Vec<_>>(), jobs as i64);
    assert_eq!((of(6).len(), of(7).len()), (0, 1));
}

#[test]
fn a_call_for_a_step_that_was_stored_is_found() {
    let plan = JobPlan { case: 7, ..TINY.plan().jobs.swap_remove(0) };
    let used = [UsedJob { plan, id: ID.to_owned(), was_cancelled: false, was_retried: false }];
    let call = |caller| Call { caller, kind: "messages", case: 7 };
    // Process 1 ran the attempts 1 and 2, process 2 a third one.
    let ended = |caller, attempts: &[i64]| Ended {
        caller,
        log: String::new(),
        attempts: BTreeMap::from([(ID.to_owned(), attempts.to_vec())]),
    };
    let logs = [ended(1, &[1, 2]), ended(2, &[3])];
    let found = |calls: &[Call]| calls::paid_once(&used, calls, &logs, &evidence()).len();
    assert_eq!(found(&[call(1), call(1)]), 0);
    assert_eq!(found(&[call(1), call(1), call(1)]), 1, "more calls than attempts");
    assert_eq!(found(&[call(1), call(2)]), 1, "the output had been stored by attempt 2");
    assert_eq!(found(&[call(3)]), 1, "a process without an attempt");
    assert_eq!(calls::begun_once(&[ended(1, &[1]), ended(2, &[1])], &evidence()).len(), 1);
    assert_eq!(calls::begun_once(&[ended(1, &[3])], &evidence()).len(), 1, "it is not stored");
}

#[test]
fn a_seed_means_the_same_decisions_again() {
    let decisions = |seed| format!("{:?}", FaultRun { seed, ..TINY }.plan());
    assert_eq!(decisions(1), decisions(1));
    assert_ne!(decisions(1), decisions(2));
}
