//! The writer task: takes every append that is waiting, commits them in one transaction, or a few beside each other where the
//! store asks for it, then publishes.
//! Must not wait for company: an idle log commits a lone append at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::AppendError;
use super::announce::Announcements;
use super::lanes::{Batch, Lanes};
use crate::event::{Event, Subject};
use crate::hub::{Frame, Hub};
use crate::job::{Job, JobId};
use crate::meter::{self, CommitFailure, Lag};
use crate::store::{Claim, Claimed, Committed, Store, StoreError};
use crate::write::{Action, Refusal, Report, Write};

/// The most writes in one transaction, so that the first of them does not wait long for the last.
const BATCH: usize = 2048;

/// How many turns others are given before a batch begins, if the last one was of several.
const TURNS: usize = 4;

/// The pauses between tries while the database does not answer.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long the release of jobs that nobody took is tried; after that their leases run out.
const RELEASE_PATIENCE: Duration = Duration::from_secs(5);

/// The outcome of an append, when there is one.
pub(super) type Answer = oneshot::Receiver<Result<Committed, AppendError>>;

type ClaimReply = oneshot::Sender<Result<Vec<Claimed>, StoreError>>;

pub(super) enum Command {
    Append { write: Write, deadline: Instant, reply: oneshot::Sender<Result<Committed, AppendError>> },
    Claim { claim: Claim, reply: ClaimReply },
}

pub(super) struct Writer {
    store: Arc<dyn Store>,
    hub: Hub,
    /// Where other instances share the store.
    announcements: Option<Announcements>,
}

/// What ended.
enum Ended {
    /// The batch of this lane.
    Batch(usize),
    Claim,
}

/// What waits for its turn.
#[derive(Default)]
struct Backlog {
    writes: Vec<Write>,
    /// At the same places as the writes.
    waiting: Vec<Waiting>,
    claims: VecDeque<(Claim, ClaimReply)>,
    /// Whether a claim is under way; one at a time.
    claiming: bool,
}

impl Backlog {
    fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.claims.is_empty()
    }

    fn len(&self) -> usize {
        self.writes.len() + self.claims.len()
    }

    fn push(&mut self, command: Command) {
        match command {
            Command::Append { write, deadline, reply } => {
                self.writes.push(write);
                self.waiting.push(Waiting { deadline, reply });
            }
            Command::Claim { claim, reply } => self.claims.push_back((claim, reply)),
        }
    }

    /// Lets others have a turn, a few times, as long as more of them have something to say: those of the last batch come
    /// back one after another, on all threads.
    async fn gather(&mut self, commands: &mut mpsc::Receiver<Command>, turns: usize) {
        for _ in 0..turns {
            let before = self.len();
            tokio::task::yield_now().await;
            while self.len() < BATCH
                && let Ok(command) = commands.try_recv()
            {
                self.push(command);
            }
            if self.len() == before {
                return;
            }
        }
    }
}

/// Who waits for a write of the batch, at the same place as the write.
struct Waiting {
    deadline: Instant,
    reply: oneshot::Sender<Result<Committed, AppendError>>,
}

impl Writer {
    pub(super) fn new(store: Arc<dyn Store>, hub: Hub, announcements: Option<Announcements>) -> Writer {
        Writer { store, hub, announcements }
    }

    pub(super) async fn run(self, mut commands: mpsc::Receiver<Command>) {
        let (mut backlog, mut lanes, mut under_way) = (Backlog::default(), Lanes::default(), FuturesUnordered::new());
        let (mut new, mut open, mut had_company) = (Vec::with_capacity(BATCH), true, false);
        let writer = &self;
        // What is held back waits for something that is under way.
        while open || !under_way.is_empty() {
            tokio::select! {
                biased;
                Some(ended) = under_way.next() => {
                    match ended {
                        Ended::Batch(lane) => lanes.free(lane),
                        Ended::Claim => backlog.claiming = false,
                    }
                    // Whoever was just answered may have more to say: without a turn for them all, the next transaction
                    // would be made for the first of them alone.
                    backlog.gather(&mut commands, if had_company { TURNS } else { 1 }).await;
                }
                received = commands.recv_many(&mut new, BATCH), if open && backlog.is_empty() => {
                    open = received > 0;
                    new.drain(..).for_each(|command| backlog.push(command));
                    backlog.gather(&mut commands, if had_company { TURNS } else { 0 }).await;
                }
            }
            let parts = writer.store.parts(&backlog.writes, lanes.under_way());
            for Batch { lane, writes, waiting } in lanes.take(parts, &mut backlog.writes, &mut backlog.waiting) {
                had_company = writes.len() > 1;
                under_way.push(writer.commit(writes, waiting).map(move |()| Ended::Batch(lane)).boxed());
            }
            // A claim takes what is durable by now, so that no batch need wait for it, nor it for a batch.
            if !backlog.claiming
                && let Some((claim, reply)) = backlog.claims.pop_front()
            {
                backlog.claiming = true;
                under_way.push(writer.claim(claim, reply).map(|()| Ended::Claim).boxed());
            }
        }
    }

    /// Commits the batch. If the answer is lost the same batch is committed again, under the same id, which does not
    /// repeat what is durable.
    async fn commit(&self, mut writes: Vec<Write>, mut waiting: Vec<Waiting>) {
        let batch = Uuid::now_v7();
        let mut pause = FIRST_PAUSE;
        // Why the last try failed; until there was one, nothing of the batch can be durable.
        let mut tried: Option<StoreError> = None;
        loop {
            self.give_up_overdue(&mut writes, &mut waiting, tried.as_ref());
            if writes.is_empty() {
                return;
            }
            let began = Instant::now();
            match self.store.commit(batch, &writes).await {
                Ok(outcomes) => {
                    meter::commit_took(writes.len(), began.elapsed());
                    if tried.is_some() {
                        tracing::info!(writes = writes.len(), "the database takes writes again");
                    }
                    return self.answer(&writes, waiting, outcomes);
                }
                Err(error @ StoreError::Rejected(_)) => {
                    meter::commit_failed(CommitFailure::Refused);
                    return self.commit_apart(writes, waiting, error, tried.is_some()).await;
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    meter::commit_failed(CommitFailure::Unavailable);
                    if tried.is_none() {
                        tracing::warn!(%error, writes = writes.len(), "could not commit; trying again until it works");
                    }
                    tried = Some(error);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// A write that the database refuses must not take its neighbours with it: each is committed by itself. After a
    /// try whose outcome is unknown nothing is, since under a new id what is durable already would be repeated.
    async fn commit_apart(&self, writes: Vec<Write>, waiting: Vec<Waiting>, error: StoreError, in_doubt: bool) {
        if writes.len() > 1 && !in_doubt {
            for (write, waiting) in writes.into_iter().zip(waiting) {
                Box::pin(self.commit(vec![write], vec![waiting])).await;
            }
            return;
        }
        for (write, waiting) in writes.iter().zip(waiting) {
            tracing::error!(%error, job_id = %write.job_id, action = write.action.name(), "the database refused a write");
            if in_doubt {
                self.doubt(write.job_id);
            }
            let _ = waiting.reply.send(Err(error.clone().into()));
        }
    }

    fn answer(&self, writes: &[Write], waiting: Vec<Waiting>, outcomes: Vec<Result<Committed, Refusal>>) {
        for ((write, waiting), outcome) in writes.iter().zip(waiting).zip(outcomes) {
            if let Ok(committed) = &outcome {
                meter::committed(&committed.job, &write.action, &committed.events);
                self.publish(&committed.job, &committed.events);
                if committed.again {
                    self.doubt(write.job_id);
                    self.announce(&committed.job);
                }
            }
            // The caller may have left; the write is durable all the same.
            let _ = waiting.reply.send(outcome.map_err(AppendError::from));
        }
    }

    async fn claim(&self, claim: Claim, reply: ClaimReply) {
        if reply.is_closed() {
            return;
        }
        let claimed = self.store.claim(&claim).await;
        for claimed in claimed.iter().flatten() {
            meter::claimed(&claimed.job);
            self.publish(&claimed.job, std::slice::from_ref(&claimed.event));
        }
        // The worker may have lost its patience, or the process stops: what was claimed for it goes back at once.
        if let Err(Ok(claimed)) = reply.send(claimed) {
            self.release(&claimed).await;
        }
    }

    async fn release(&self, claimed: &[Claimed]) {
        let release = |claimed: &Claimed| {
            let action = Action::Attempt(claimed.job.attempt, Report::Release);
            let (reply, _) = oneshot::channel();
            (Write { job_id: claimed.job.id, action }, Waiting { deadline: Instant::now() + RELEASE_PATIENCE, reply })
        };
        let (writes, waiting) = claimed.iter().map(release).unzip();
        self.commit(writes, waiting).await;
    }

    /// Answers those whose patience is over, and takes their writes out of the batch. A write that was tried may turn
    /// out to be durable, so whoever watches its job is told to look.
    fn give_up_overdue(&self, writes: &mut Vec<Write>, waiting: &mut Vec<Waiting>, tried: Option<&StoreError>) {
        let now = Instant::now();
        let late = || StoreError::Unavailable("the write waited too long for its turn".to_owned());
        let (mut kept_writes, mut kept_waiting) = (Vec::with_capacity(writes.len()), Vec::with_capacity(writes.len()));
        for (write, waiting) in writes.drain(..).zip(waiting.drain(..)) {
            if waiting.deadline > now {
                kept_writes.push(write);
                kept_waiting.push(waiting);
                continue;
            }
            if tried.is_some() {
                self.doubt(write.job_id);
            }
            let _ = waiting.reply.send(Err(tried.cloned().unwrap_or_else(late).into()));
        }
        (*writes, *waiting) = (kept_writes, kept_waiting);
    }

    /// Renders each event once for the job's viewers and once for the brand's, hands it to all who watch, and has the
    /// job announced to other instances.
    fn publish(&self, job: &Job, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let lag = Some(Lag::begin());
        for subject in [Subject::Job(job.id), Subject::Brand(job.brand_id)] {
            if self.hub.is_watched(subject) {
                let frame = |event| Frame { lag, ..render(event, subject) };
                events.iter().for_each(|event| self.hub.publish(subject, frame(event)));
            }
        }
        self.announce(job);
    }

    fn announce(&self, job: &Job) {
        if let Some(announcements) = &self.announcements {
            announcements.add(job.brand_id, job.id);
        }
    }

    /// A write of this job may be durable although nobody was shown it. Its brand may not be known here, so that all
    /// brands are doubted; it is rare.
    fn doubt(&self, job_id: JobId) {
        self.hub.publish_doubt(Subject::Job(job_id));
        let brands = self.hub.watched().into_iter().filter(|subject| matches!(subject, Subject::Brand(_)));
        brands.for_each(|brand| self.hub.publish_doubt(brand));
    }
}

/// The frame that all subscribers of the event write.
pub(super) fn render(event: &Event, subject: Subject) -> Frame {
    // Without spare room: it may be kept for a while.
    let (seq, bytes) = (event.position(subject), Bytes::from(event.frame(subject).into_bytes().into_boxed_slice()));
    Frame { seq, bytes, terminal: event.ends(subject), lag: None }
}
