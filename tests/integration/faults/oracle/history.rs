//! What a history may be: whole, in the order that the states of a job allow, and fenced.
//! Must not know what happened; only what is stored.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::faults::calls::step_of;
use crate::faults::evidence::{StoredEvent, StoredJob};
use crate::faults::servers::BRAND_LIMIT;

/// How often an attempt that failed is followed by another.
const MAX_RETRIES: u32 = 3;

/// What a history has come to.
#[derive(Debug, PartialEq)]
enum State {
    Nothing,
    Pending,
    Running,
    Over(String),
}

/// What is wrong with a job's history.
pub fn of_job(job: &StoredJob) -> Vec<String> {
    let mut violations = gaps(&job.events, job.last_seq);
    let mut history = History { state: State::Nothing, attempt: 0, progress: 0, failures: 0, told: Vec::new() };
    for event in &job.events {
        if let Err(why) = history.add(event) {
            violations.push(format!("event {} {} must not be: {why}", event.position, event.name));
        }
    }
    if !matches!(&history.state, State::Over(status) if *status == job.status) {
        violations.push(format!("it is {} at the end, after a history that is {:?}", job.status, history.state));
    }
    if history.attempt != job.attempt {
        violations.push(format!("it counts {} attempts, and {} began", job.attempt, history.attempt));
    }
    violations.extend(text(job));
    violations.into_iter().map(|violation| format!("job {} ({}): {violation}", job.id, job.job_type)).collect()
}

/// The text that an attempt showed is the answer of the model that it stored, nothing missing and nothing twice.
fn text(job: &StoredJob) -> Option<String> {
    let step = job.steps.get(step_of(&job.job_type, "messages")?)?;
    let shown = |event: &&StoredEvent| event.name == "delta" && event.data["attempt"] == step.attempt;
    let shown: String = job.events.iter().filter(shown).filter_map(|event| event.data["text"].as_str()).collect();
    let is_whole = serde_json::from_str::<Value>(&shown).is_ok_and(|shown| shown == step.output["content"]);
    (!is_whole).then(|| format!("attempt {} showed {shown} and stored {}", step.attempt, step.output["content"]))
}

/// What is wrong with a brand's stream.
pub fn of_brand(id: Uuid, events: &[StoredEvent], last_seq: i64) -> Vec<String> {
    let mut violations = gaps(events, last_seq);
    let limit: usize = BRAND_LIMIT.parse().expect("a number");
    let mut running = BTreeSet::new();
    for event in events {
        let job = event.data["job_id"].as_str().unwrap_or_default();
        match event.name.as_str() {
            "started" => drop(running.insert(job)),
            "retrying" | "completed" | "failed" | "cancelled" => drop(running.remove(job)),
            _ => {}
        }
        if running.len() > limit {
            violations.push(format!("at {} it runs {} jobs at once", event.position, running.len()));
        }
    }
    violations.into_iter().map(|violation| format!("brand {id}: {violation}")).collect()
}

/// Positions are exactly 1..n.
fn gaps(events: &[StoredEvent], last: i64) -> Vec<String> {
    let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
    if positions == (1..=last).collect::<Vec<_>>() {
        return Vec::new();
    }
    vec![format!("its events are not exactly 1..{last}: {positions:?}")]
}

struct History {
    state: State,
    attempt: i64,
    progress: i64,
    /// Attempts that failed since the job was queued.
    failures: u32,
    /// What the attempt has told of its progress.
    told: Vec<Value>,
}

impl History {
    fn add(&mut self, event: &StoredEvent) -> Result<(), String> {
        let state = std::mem::replace(&mut self.state, State::Nothing);
        let attempt = event.data["attempt"].as_i64().ok_or("it names no attempt")?;
        let (next, attempt_now) = match (event.name.as_str(), state) {
            ("queued", State::Nothing) => (State::Pending, 0),
            ("queued", State::Over(how)) if how != "completed" => {
                self.failures = 0;
                (State::Pending, self.attempt)
            }
            ("started", State::Pending) => {
                (self.attempt, self.progress) = (self.attempt + 1, 0);
                self.told.clear();
                (State::Running, self.attempt)
            }
            ("progress" | "delta", State::Running) => (State::Running, self.attempt),
            ("retrying", State::Running) => {
                let released = event.data["error"].as_str().unwrap_or_default().contains("is stopping");
                self.failures += u32::from(!released);
                (State::Pending, self.attempt)
            }
            (name @ ("completed" | "failed"), State::Running) => (State::Over(name.to_owned()), self.attempt),
            ("cancelled", State::Pending | State::Running) => (State::Over("cancelled".to_owned()), self.attempt),
            (_, state) => {
                let why = format!("the job was {state:?}");
                self.state = state;
                return Err(why);
            }
        };
        self.state = next;
        self.told_once(event)?;
        self.numbers(event, attempt, attempt_now)
    }

    /// An attempt says nothing twice; a batch whose answer was lost and that is committed again must not either.
    fn told_once(&mut self, event: &StoredEvent) -> Result<(), String> {
        if event.name != "progress" {
            return Ok(());
        }
        let told =
            json!([event.data["step"], event.data["progress"], event.data["current_step"], event.data["detail"]]);
        if self.told.contains(&told) {
            return Err(format!("the attempt has told it before: {told}"));
        }
        self.told.push(told);
        Ok(())
    }

    fn numbers(&mut self, event: &StoredEvent, attempt: i64, attempt_now: i64) -> Result<(), String> {
        if attempt != attempt_now {
            return Err(format!("it is of attempt {attempt}, and attempt {attempt_now} had begun"));
        }
        let progress = event.data["progress"].as_i64().ok_or("it tells no progress")?;
        if matches!(self.state, State::Running) && progress < self.progress {
            return Err(format!("progress falls from {} to {progress}", self.progress));
        }
        self.progress = progress;
        let failures = self.failures;
        // All faults are worth another try, so a job fails only when there have been as many as it is allowed.
        if event.name == "failed" && failures != MAX_RETRIES || failures > MAX_RETRIES {
            return Err(format!("{failures} attempts had failed before: {}", event.data));
        }
        Ok(())
    }
}
