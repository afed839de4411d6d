//! Works out what a batch of writes or a claim changes, over the jobs that a store has locked, so that both stores agree.
//! Must not touch a database.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Claim, Claimed, Committed, StoredJob};
use crate::event::{Event, Seq};
use crate::job::{Attempt, BrandId, Job, JobId, JobStatus, NewJob};
use crate::write::{self, Action, Effects, JobResult, LeaseChange, Refusal, Report, ResultRow, Write};

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
    /// Jobs to insert, as they are after the batch, with what they were started with.
    pub created: Vec<(JobId, &'a NewJob)>,
    /// Jobs to update or insert, as they are after the batch.
    pub changed: HashMap<JobId, ChangedJob<'a>>,
    /// Events to insert.
    pub events: Vec<Event>,
    /// Step outputs to insert.
    pub step_outputs: Vec<StepOutput<'a>>,
    /// Calls to make about the jobs that are over now.
    pub deliveries: Vec<NewDelivery>,
}

/// A call to a job's webhook that is to be made once its event is durable.
pub(super) struct NewDelivery {
    pub job_id: JobId,
    pub seq: Seq,
    pub brand_id: BrandId,
    pub url: String,
    pub body: String,
}

/// A job as it is after the batch.
pub(super) struct ChangedJob<'a> {
    pub job: Job,
    pub lease: LeaseChange,
    /// How long from now until a worker may claim it, where that changes.
    pub delay: Option<std::time::Duration>,
    pub result: Option<&'a JobResult>,
    /// Whether more than progress, the last seq and the lease may have changed. Where it is false, no index is touched.
    pub moved: bool,
}

pub(super) struct StepOutput<'a> {
    pub job_id: JobId,
    pub attempt: Attempt,
    pub name: &'a str,
    pub output: &'a serde_json::Value,
    pub took: std::time::Duration,
}

impl NewDelivery {
    /// The call about this event, if the job has a webhook and is over with it.
    fn of(job: &Job, event: &Event) -> Option<NewDelivery> {
        let url = job.webhook_url.clone().filter(|_| event.name.is_terminal())?;
        let body = write::webhook_body(job, event);
        Some(NewDelivery { job_id: job.id, seq: event.seq, brand_id: job.brand_id, url, body })
    }
}

impl StepOutput<'_> {
    pub fn took_ms(&self) -> i64 {
        i64::try_from(self.took.as_millis()).unwrap_or(i64::MAX)
    }
}

/// What the database holds that a batch depends on.
pub(super) struct Found {
    /// The jobs of the batch, under the transaction's row locks.
    pub locked: HashMap<JobId, LockedJob>,
    /// What the brands of the batch have started before under its keys.
    pub keyed: Keyed,
    /// Brands of the batch that the origin application does not have; found out when the database has refused them.
    pub unknown_brands: HashSet<BrandId>,
    /// How many jobs may wait.
    pub queue: Queue,
}

/// Jobs by the brand and the key that they were started with; nothing in place of a job that this version cannot read.
pub(super) type Keyed = HashMap<(BrandId, String), Option<StoredJob>>;

/// The keys that a batch starts jobs under.
pub(super) fn keys(writes: &[Write]) -> impl Iterator<Item = (BrandId, &str)> {
    writes.iter().filter_map(|write| match &write.action {
        Action::Create(new) => Some((new.brand_id, new.idempotency_key.as_deref()?)),
        _ => None,
    })
}

/// How many jobs may wait.
#[derive(Clone, Copy)]
pub(super) struct Queue {
    /// How many more.
    pub room: u64,
    /// How many in all.
    pub limit: u64,
}

/// Whether a write of the batch may put a job into the queue.
pub(super) fn may_take_room(writes: &[Write], locked: &HashMap<JobId, LockedJob>) -> bool {
    places(writes, locked) > 0
}

/// How many places in the queue the batch may take. What an earlier write of the same batch does to a job is not known
/// yet, so any retry may take one.
pub(super) fn places(writes: &[Write], locked: &HashMap<JobId, LockedJob>) -> u64 {
    let may_take = |write: &&Write| match write.action {
        Action::Create(_) => !locked.contains_key(&write.job_id),
        Action::Retry => true,
        _ => false,
    };
    writes.iter().filter(may_take).count() as u64
}

/// Whether the write puts a job into the queue that a client wants there.
fn takes_room(write: &Write, locked: &HashMap<JobId, LockedJob>) -> bool {
    match (&write.action, locked.get(&write.job_id)) {
        (Action::Create(_), found) => found.is_none(),
        (Action::Retry, Some(found)) => matches!(found.job.status, JobStatus::Failed | JobStatus::Cancelled),
        _ => false,
    }
}

/// How many candidates to look at for each job that may be claimed: some are of brands with no room left.
pub(super) const CANDIDATES_PER_CLAIM: u32 = 4;

/// How many jobs one statement of retention deals with, so that it holds their locks for a short time.
pub(super) const PRUNED_JOBS_PER_ROUND: u32 = 200;

/// How many such statements one call may run before it has removed something.
pub(super) const PRUNE_ROUNDS: u32 = 20;

/// Begins the next attempt of as many candidates as the claim allows, in their order; all are due and locked.
/// `under_way` says how many jobs each brand is running now.
pub(super) fn plan_claim(
    claim: &Claim,
    candidates: Vec<StoredJob>,
    mut under_way: HashMap<BrandId, u32>,
    now: DateTime<Utc>,
) -> (Plan<'static>, Vec<Claimed>) {
    let mut plan = Plan::default();
    let mut claimed = Vec::new();
    for StoredJob { mut job, input_data, .. } in candidates {
        let running = under_way.entry(job.brand_id).or_default();
        if claimed.len() >= claim.limit as usize || *running >= claim.max_jobs_per_brand {
            continue;
        }
        let Ok(effects) = write::claim(&mut job, now) else { continue };
        *running += 1;
        plan.change(&job, &effects, true);
        plan.events.extend(effects.events.iter().cloned());
        claimed.extend(effects.events.into_iter().map(|event| Claimed {
            job: job.clone(),
            input_data: input_data.clone(),
            event,
        }));
    }
    (plan, claimed)
}

/// Applies the writes in order.
pub(super) fn plan<'a>(batch: Uuid, writes: &'a [Write], found: Found, now: DateTime<Utc>) -> Plan<'a> {
    let Found { mut locked, mut keyed, unknown_brands, mut queue } = found;
    let mut plan = Plan::default();
    let mut retried = HashSet::new();
    for write in writes {
        let needs_room = takes_room(write, &locked);
        let outcome = match (locked.get_mut(&write.job_id), &write.action) {
            (Some(found), action) if found.last_batch == Some(batch) => {
                let is_first_retry = *action == Action::Retry && retried.insert(write.job_id);
                outcome_of_before(&found.job, action, is_first_retry)
            }
            (None, Action::Create(new)) if key_is_taken(&keyed, new) => started_before(&keyed, new),
            (None, Action::Create(new)) if unknown_brands.contains(&new.brand_id) => Err(Refusal::UnknownBrand),
            _ if needs_room && queue.room == 0 => Err(Refusal::QueueFull { limit: queue.limit }),
            (Some(found), action) => write::apply(&mut found.job, found.lease_expired, action, now).map(|effects| {
                // A worker that reported in this very batch is alive.
                found.lease_expired &= effects.lease != LeaseChange::Extend;
                plan.record(write, found.job.clone(), effects)
            }),
            (None, Action::Create(new)) => {
                let (job, effects) = new.create(write.job_id, now);
                locked.insert(write.job_id, LockedJob { job: job.clone(), lease_expired: false, last_batch: None });
                if let Some(key) = &new.idempotency_key {
                    let stored = StoredJob::new(job.clone(), new.input_data.clone());
                    keyed.insert((new.brand_id, key.clone()), Some(stored));
                }
                plan.created.push((write.job_id, new));
                Ok(plan.record(write, job, effects))
            }
            (None, _) => Err(Refusal::NotFound),
        };
        if needs_room && outcome.is_ok() && locked.contains_key(&write.job_id) {
            queue.room = queue.room.saturating_sub(1);
        }
        plan.outcomes.push(outcome);
    }
    plan
}

/// What became of a write of a batch that is durable already, as far as its job tells: it may have been refused at the
/// first try beside others that were not.
fn outcome_of_before(job: &Job, action: &Action, is_first_retry: bool) -> Result<Committed, Refusal> {
    let was_refused = match action {
        Action::Cancel => matches!(job.status, JobStatus::Completed | JobStatus::Failed),
        Action::Retry => !is_first_retry,
        _ => false,
    };
    if was_refused {
        return Err(Refusal::WrongState { status: job.status });
    }
    Ok(Committed { job: job.clone(), events: Vec::new(), again: true })
}

fn key_is_taken(keyed: &Keyed, new: &NewJob) -> bool {
    new.idempotency_key.as_ref().is_some_and(|key| keyed.contains_key(&(new.brand_id, key.clone())))
}

/// The job that was started under the same key, if it was started with the same.
fn started_before(keyed: &Keyed, new: &NewJob) -> Result<Committed, Refusal> {
    let key = new.idempotency_key.clone().unwrap_or_default();
    match keyed.get(&(new.brand_id, key)) {
        Some(Some(StoredJob { job: first, input_data, .. }))
            if first.job_type == new.job_type
                && *input_data == new.input_data
                && first.webhook_url == new.webhook_url =>
        {
            Ok(Committed { job: first.clone(), events: Vec::new(), again: true })
        }
        _ => Err(Refusal::KeyReused),
    }
}

impl<'a> Plan<'a> {
    fn record(&mut self, write: &'a Write, job: Job, effects: Effects) -> Committed {
        let changed = self.change(&job, &effects, !keeps_its_place(&write.action));
        match &write.action {
            Action::Attempt(_, Report::Complete(result)) => changed.result = Some(result),
            Action::Attempt(attempt, Report::StepOutput { name, output, took }) => {
                self.step_outputs.push(StepOutput { job_id: job.id, attempt: *attempt, name, output, took: *took });
            }
            _ => {}
        }
        self.events.extend(effects.events.iter().cloned());
        self.deliveries.extend(effects.events.iter().filter_map(|event| NewDelivery::of(&job, event)));
        Committed { job, events: effects.events, again: false }
    }

    fn change(&mut self, job: &Job, effects: &Effects, moved: bool) -> &mut ChangedJob<'a> {
        let changed = match self.changed.entry(job.id) {
            Entry::Occupied(changed) => {
                let changed = changed.into_mut();
                changed.job.clone_from(job);
                changed
            }
            Entry::Vacant(place) => place.insert(ChangedJob {
                job: job.clone(),
                lease: LeaseChange::Keep,
                delay: None,
                result: None,
                moved: false,
            }),
        };
        if effects.lease != LeaseChange::Keep {
            changed.lease = effects.lease;
        }
        changed.delay = effects.delay.or(changed.delay);
        changed.moved |= moved;
        changed
    }

    /// The jobs to insert, in an order that all batches share: two that start jobs under the same keys wait for each
    /// other, and must not do so in a circle.
    pub fn to_create(&self) -> Vec<(&ChangedJob<'a>, &'a NewJob)> {
        let jobs = self.created.iter().filter_map(|(id, new)| self.changed.get(id).map(|job| (job, *new)));
        let mut jobs: Vec<_> = jobs.collect();
        jobs.sort_by_key(|(changed, new)| (new.brand_id, new.idempotency_key.as_deref(), changed.job.id));
        jobs
    }

    /// How many events each brand gets, in the order in which the rows of the brands are locked.
    pub fn events_of_brands(&self) -> BTreeMap<BrandId, i64> {
        let mut events = BTreeMap::new();
        for brand_id in self.events.iter().filter_map(|event| self.brand_of(event)) {
            *events.entry(brand_id).or_default() += 1;
        }
        events
    }

    /// Gives each event its position in its brand's stream, which now ends at these positions.
    pub fn number(&mut self, last_seqs: &HashMap<BrandId, Seq>) {
        let brands: Vec<Option<BrandId>> = self.events.iter().map(|event| self.brand_of(event)).collect();
        let mut next: HashMap<BrandId, Seq> = HashMap::new();
        // From the last event to the first, since it is known where each stream ends.
        for (event, brand_id) in self.events.iter_mut().zip(brands).rev() {
            let Some(last) = brand_id.and_then(|brand_id| Some((brand_id, last_seqs.get(&brand_id)?))) else {
                continue;
            };
            let position = next.entry(last.0).or_insert(*last.1);
            event.brand_seq = *position;
            *position -= 1;
        }
        // What is answered, and then published, is what is stored: the same events in the same order.
        let answered = self.outcomes.iter_mut().flatten().flat_map(|committed| committed.events.iter_mut());
        for (answered, stored) in answered.zip(&self.events) {
            answered.brand_seq = stored.brand_seq;
        }
    }

    /// The brand of an event's job.
    pub fn brand_of(&self, event: &Event) -> Option<BrandId> {
        Some(self.changed.get(&event.job_id)?.job.brand_id)
    }

    /// Takes the events out, each with the brand of its job.
    pub fn take_events(&mut self) -> Vec<(BrandId, Event)> {
        let events = std::mem::take(&mut self.events);
        events.into_iter().filter_map(|event| Some((self.brand_of(&event)?, event))).collect()
    }

    /// The jobs to update, either those of which nothing but progress changed or the others.
    pub fn to_update(&self, moved: bool) -> Vec<&ChangedJob<'a>> {
        let created: HashSet<JobId> = self.created.iter().map(|(id, _)| *id).collect();
        self.changed.values().filter(|job| job.moved == moved && !created.contains(&job.job.id)).collect()
    }

    /// The rows to insert, with the jobs that produced them.
    pub fn result_rows(&self) -> impl Iterator<Item = (&Job, &'a ResultRow)> {
        self.changed
            .values()
            .filter_map(|changed| changed.result.map(|result| (&changed.job, result)))
            .flat_map(|(job, result)| result.rows.iter().map(move |row| (job, row)))
    }
}

/// Whether the action changes nothing of the job but progress, the last seq and the lease, and so leaves it where it is in
/// the indexes.
fn keeps_its_place(action: &Action) -> bool {
    matches!(action, Action::Attempt(_, Report::Progress(_) | Report::Delta(_) | Report::StepOutput { .. }))
}
