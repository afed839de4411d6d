//! The events that are durable in the table of recent ones and not sorted in yet, in memory, by job and by brand.
//! Must not hold an event that is not durable, and must not be changed but by the writing connection.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use serde::Deserialize;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::recent_table;
use super::row::microseconds;
use crate::event::{Event, EventName, Seq, Subject};
use crate::job::{BrandId, Job, JobId};
use crate::store::StoreError;

/// How many events wait to be sorted in, at the most one batch more; then all are. Each takes about half a KiB here. A
/// larger number costs fewer pages for each event and a longer wait for whoever commits while they are sorted in.
const MOST_RECENT: usize = 8192;

/// The most bytes of their data, since an event may be a hundred times as long as most are.
const MOST_BYTES: usize = 32 << 20;

/// From this number on a small batch has a few sorted in, so that it does not come to all of them: those take fifty
/// milliseconds, during which nothing is committed.
const MANY_RECENT: usize = 4096;

/// How many these are: a few milliseconds, if each event is of another job.
pub(super) const A_FEW: usize = 256;

/// The most writes of a small batch. Larger ones come from a load under which the pages count: a few at a time fill
/// several times as many for each event as all at once.
const SMALL_BATCH: usize = 8;

/// What the store's reads and its writing connection share.
pub(super) struct RecentEvents {
    recent: RwLock<Recent>,
    /// Whether no other process and no other store works on the file.
    alone: bool,
    /// Whether something may be durable that is not here: a write's connection was lost.
    in_doubt: AtomicBool,
}

/// Recent events, by job and by brand. Those of each are the latest that it has, without a gap.
#[derive(Default)]
pub(super) struct Recent {
    /// All of them, in the order of their commits, with their brands.
    all: VecDeque<(BrandId, Arc<Event>)>,
    jobs: HashMap<JobId, OfJob>,
    brands: HashMap<BrandId, VecDeque<Arc<Event>>>,
    /// Of their data.
    bytes: usize,
}

#[derive(Default)]
struct OfJob {
    events: VecDeque<Arc<Event>>,
    /// What the latest one was written with.
    written: Written,
}

/// What the events of a batch or a claim are written with, for the rows of their jobs.
#[derive(Clone, Copy, Default)]
pub(super) struct Written {
    /// A claim has none.
    pub batch: Option<Uuid>,
    /// Until when the attempt that wrote them holds its job, in microseconds since 1970.
    pub lease_expires_at: i64,
}

/// The recent events after a cursor.
pub(super) struct After {
    pub events: Vec<Arc<Event>>,
    /// Whether nothing that is sorted in lies between them and the cursor.
    pub whole: bool,
}

/// The latest event of a job.
pub(super) struct Latest {
    pub event: Arc<Event>,
    pub written: Written,
}

/// The oldest recent events, to be sorted in together, and what the rows of jobs and brands may not say yet without them.
pub(super) struct Oldest {
    pub count: usize,
    /// Whether there are no others.
    pub are_all: bool,
    pub jobs: Vec<Latest>,
    /// With the positions of their latest events.
    pub brands: Vec<(BrandId, Seq)>,
}

impl RecentEvents {
    pub fn new(alone: bool) -> RecentEvents {
        RecentEvents { recent: RwLock::default(), alone, in_doubt: AtomicBool::new(true) }
    }

    /// Asks the recent events: those in memory, or where others write too or a write is in doubt those in the file.
    ///
    /// Whoever also reads the tables asks here first: what is sorted in meanwhile is then seen twice and not missed.
    pub async fn ask<T>(&self, readers: &SqlitePool, question: impl FnOnce(&Recent) -> T) -> Result<T, StoreError> {
        if self.alone && !self.in_doubt.load(Ordering::Acquire) {
            return Ok(question(&self.read()));
        }
        let loaded = recent_table::load(&mut *readers.acquire().await?).await?;
        Ok(question(&loaded.recent))
    }

    /// What is in memory.
    pub fn read(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds events that are durable now.
    pub fn add(&self, events: Vec<(BrandId, Event)>, written: Written) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        for (brand_id, event) in events {
            debug_assert!(recent.is_next(brand_id, &event), "event {} of job {}", event.seq, event.job_id);
            recent.add(brand_id, event, written);
        }
    }

    /// Puts what the file holds in the place of all that is in memory.
    pub fn replace(&self, with: Recent) {
        let replaced = std::mem::replace(&mut *self.recent.write().unwrap_or_else(PoisonError::into_inner), with);
        self.in_doubt.store(false, Ordering::Release);
        // Freed after the lock is given back.
        drop(replaced);
    }

    /// Takes out the oldest, which are sorted in now.
    pub fn forget_oldest(&self, count: usize) {
        let forgotten: Vec<_> = {
            let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
            std::iter::from_fn(|| recent.forget_oldest()).take(count).collect()
        };
        // Freed after the lock is given back.
        drop(forgotten);
    }

    /// From now on the file is asked, until it has been read anew.
    pub fn doubt(&self) {
        self.in_doubt.store(true, Ordering::Release);
    }
}

impl Recent {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// How many of the oldest are to be sorted in before so many writes are committed.
    pub fn due(&self, writes: usize) -> usize {
        if self.len() >= MOST_RECENT || self.bytes >= MOST_BYTES {
            self.len()
        } else if self.len() >= MANY_RECENT && writes <= SMALL_BATCH {
            A_FEW
        } else {
            0
        }
    }

    pub fn add(&mut self, brand_id: BrandId, event: Event, written: Written) {
        let event = Arc::new(event);
        let of_job = self.jobs.entry(event.job_id).or_default();
        of_job.events.push_back(event.clone());
        of_job.written = written;
        self.brands.entry(brand_id).or_default().push_back(event.clone());
        self.bytes += event.data.len();
        self.all.push_back((brand_id, event));
    }

    /// Takes out the oldest. It is the oldest of its job and of its brand, too.
    fn forget_oldest(&mut self) -> Option<Arc<Event>> {
        let (brand_id, event) = self.all.pop_front()?;
        self.bytes -= event.data.len();
        if let Some(of_job) = self.jobs.get_mut(&event.job_id) {
            of_job.events.pop_front();
            if of_job.events.is_empty() {
                self.jobs.remove(&event.job_id);
            }
        }
        if let Some(of_brand) = self.brands.get_mut(&brand_id) {
            of_brand.pop_front();
            if of_brand.is_empty() {
                self.brands.remove(&brand_id);
            }
        }
        Some(event)
    }

    /// Whether the event follows on the latest of its job, and comes after the latest of its brand.
    fn is_next(&self, brand_id: BrandId, event: &Event) -> bool {
        let of_job = self.jobs.get(&event.job_id).and_then(|of_job| of_job.events.back());
        of_job.is_none_or(|last| event.seq == last.seq + 1) && event.brand_seq > self.last_of_brand(brand_id)
    }

    /// Up to `limit` events of the subject after the cursor, in order.
    pub fn after(&self, subject: Subject, cursor: Seq, limit: u32) -> After {
        let events = match subject {
            Subject::Job(id) => self.jobs.get(&id).map(|of_job| &of_job.events),
            Subject::Brand(id) => self.brands.get(&id),
        };
        let Some(events) = events else { return After { events: Vec::new(), whole: false } };
        let whole = events.front().is_some_and(|first| first.position(subject) <= cursor.saturating_add(1));
        let begin = events.partition_point(|event| event.position(subject) <= cursor);
        After { events: events.range(begin..).take(limit as usize).cloned().collect(), whole }
    }

    /// The job's latest event, if that is a recent one.
    pub fn latest(&self, id: JobId) -> Option<Latest> {
        self.jobs.get(&id)?.latest()
    }

    /// The latest events of all jobs whose rows they may be ahead of.
    pub fn ahead_of_jobs(&self) -> HashMap<JobId, Latest> {
        let latest = self.jobs.iter().filter_map(|(id, of_job)| Some((*id, of_job.latest()?)));
        latest.filter(|(_, latest)| latest.may_be_ahead()).collect()
    }

    /// The oldest, this many at the most. A job or a brand that has later ones goes on to be known by those: its row may
    /// wait.
    pub fn oldest(&self, most: usize) -> Oldest {
        let count = most.min(self.len());
        let mut oldest = Oldest { count, are_all: count == self.len(), jobs: Vec::new(), brands: Vec::new() };
        for (brand_id, event) in self.all.iter().take(count) {
            let latest = self.latest(event.job_id).filter(|latest| latest.event.seq == event.seq);
            oldest.jobs.extend(latest.filter(Latest::may_be_ahead));
            if self.last_of_brand(*brand_id) == event.brand_seq {
                oldest.brands.push((*brand_id, event.brand_seq));
            }
        }
        oldest
    }

    /// The position of the brand's latest event; 0 if it has no recent one.
    pub fn last_of_brand(&self, id: BrandId) -> Seq {
        self.brands.get(&id).and_then(VecDeque::back).map_or(0, |event| event.brand_seq)
    }
}

impl OfJob {
    fn latest(&self) -> Option<Latest> {
        Some(Latest { event: self.events.back()?.clone(), written: self.written })
    }
}

impl Latest {
    /// Whether it tells of progress, with which a row is not always written.
    fn may_be_ahead(&self) -> bool {
        matches!(self.event.name, EventName::Progress | EventName::Delta)
    }

    /// Whether the row of the job, with this as its `last_seq`, is behind.
    pub fn is_ahead_of(&self, last_seq: Seq) -> bool {
        self.event.seq > last_seq
    }

    /// Until when the job is held: a heartbeat that came after the event has written it to the row. Both in microseconds
    /// since 1970, as the row's `updated_at`.
    pub fn lease(&self, of_row: Option<i64>, row_updated_at: i64) -> Option<i64> {
        let is_later = row_updated_at > microseconds(self.event.at);
        of_row.map(|of_row| if is_later { of_row } else { self.written.lease_expires_at })
    }
}

/// What every event tells of its job, and those between a job's row and its latest event change: they tell of progress
/// within a step, since all others are written with the row.
#[derive(Deserialize)]
pub(super) struct Shown {
    pub progress: u8,
    pub current_step: String,
}

impl Shown {
    /// # Errors
    /// [`StoreError::Rejected`] if the event's data lacks what every event has.
    pub fn of(event: &Event) -> Result<Shown, StoreError> {
        serde_json::from_str(&event.data).map_err(|error| {
            StoreError::Rejected(format!(
                "event {} of job {} does not tell of its job: {error}",
                event.seq, event.job_id
            ))
        })
    }
}

/// Brings a job whose row is behind up to its latest event.
pub(super) fn catch_up(job: &mut Job, latest: &Latest) -> Result<(), StoreError> {
    if latest.is_ahead_of(job.last_seq) {
        let shown = Shown::of(&latest.event)?;
        (job.last_seq, job.progress, job.current_step) = (latest.event.seq, shown.progress, shown.current_step);
    }
    Ok(())
}
