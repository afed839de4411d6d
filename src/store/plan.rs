//! Works out what a batch of writes changes, over the jobs that a store has locked, so that both stores agree.
//! Must not touch a database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::Committed;
use crate::event::Event;
use crate::job::{Attempt, Job, JobId};
use crate::write::{self, Action, Effects, JobResult, LeaseChange, Refusal, Report, Write};

/// A job under the transaction's row lock.
pub(super) struct LockedJob {
    pub job: Job,
    /// Whether its lease ran out, by the database's clock.
    pub lease_expired: bool,
    /// The batch that changed it last.
    pub last_batch: Option<Uuid>,
}

/// All that a batch makes durable.
#[derive(Default)]
pub(super) struct Plan<'a> {
    /// What to answer, write by write.
    pub outcomes: Vec<Result<Committed, Refusal>>,
    /// Jobs to insert, as they are after the batch, with their input.
    pub created: Vec<(JobId, &'a Value)>,
    /// Jobs to update or insert, as they are after the batch.
    pub changed: HashMap<JobId, ChangedJob<'a>>,
    /// Events to insert.
    pub events: Vec<Event>,
    /// Step outputs to insert.
    pub step_outputs: Vec<StepOutput<'a>>,
}

/// A job as it is after the batch.
pub(super) struct ChangedJob<'a> {
    pub job: Job,
    pub lease: LeaseChange,
    /// How long from now until a worker may claim it, where that changes.
    pub delay: Option<std::time::Duration>,
    pub result: Option<&'a JobResult>,
}

pub(super) struct StepOutput<'a> {
    pub job_id: JobId,
    pub attempt: Attempt,
    pub name: &'a str,
    pub output: &'a Value,
}

/// Applies the writes in order. `queue_room` is how many more jobs may wait, `queue_limit` how many in all.
pub(super) fn plan<'a>(
    batch: Uuid,
    writes: &'a [Write],
    mut locked: HashMap<JobId, LockedJob>,
    mut queue_room: u64,
    queue_limit: u64,
    now: DateTime<Utc>,
) -> Plan<'a> {
    let mut plan = Plan::default();
    for write in writes {
        let outcome = match (locked.get_mut(&write.job_id), &write.action) {
            (Some(found), _) if found.last_batch == Some(batch) => {
                Ok(Committed { job: found.job.clone(), events: Vec::new(), again: true })
            }
            (Some(found), action) => write::apply(&mut found.job, found.lease_expired, action, now)
                .map(|effects| plan.record(write, found.job.clone(), effects)),
            (None, Action::Create(_)) if queue_room == 0 => Err(Refusal::QueueFull { limit: queue_limit }),
            (None, Action::Create(new)) => {
                queue_room -= 1;
                let (job, effects) = new.create(write.job_id, now);
                locked.insert(write.job_id, LockedJob { job: job.clone(), lease_expired: false, last_batch: None });
                plan.created.push((write.job_id, &new.input_data));
                Ok(plan.record(write, job, effects))
            }
            (None, _) => Err(Refusal::NotFound),
        };
        plan.outcomes.push(outcome);
    }
    plan
}

impl<'a> Plan<'a> {
    fn record(&mut self, write: &'a Write, job: Job, effects: Effects) -> Committed {
        let changed = self.changed.entry(job.id).or_insert_with(|| ChangedJob {
            job: job.clone(),
            lease: LeaseChange::Keep,
            delay: None,
            result: None,
        });
        changed.job = job.clone();
        if effects.lease != LeaseChange::Keep {
            changed.lease = effects.lease;
        }
        changed.delay = effects.delay.or(changed.delay);
        match &write.action {
            Action::Attempt(_, Report::Complete(result)) => changed.result = Some(result),
            Action::Attempt(attempt, Report::StepOutput { name, output }) => {
                self.step_outputs.push(StepOutput { job_id: job.id, attempt: *attempt, name, output });
            }
            _ => {}
        }
        self.events.extend(effects.events.iter().cloned());
        Committed { job, events: effects.events, again: false }
    }
}
