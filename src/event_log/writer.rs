//! The writer task: takes every append that is waiting, commits them in one transaction, then publishes.
//! Must not wait for company: an idle log commits a lone append at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::AppendError;
use crate::event::Event;
use crate::hub::{Frame, Hub};
use crate::job::JobId;
use crate::store::{Claim, Claimed, Committed, Store, StoreError};
use crate::write::{Refusal, Write};

/// The most writes in one transaction, so that the first of them does not wait long for the last.
const BATCH: usize = 2048;

/// The pauses between tries while the database does not answer.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) enum Command {
    Append { write: Write, deadline: Instant, reply: oneshot::Sender<Result<Committed, AppendError>> },
    Claim { claim: Claim, reply: oneshot::Sender<Result<Vec<Claimed>, StoreError>> },
}

pub(super) struct Writer {
    store: Arc<dyn Store>,
    hub: Hub,
    waiting: mpsc::Receiver<Command>,
}

/// Who waits for a write of the batch, at the same place as the write.
struct Waiting {
    deadline: Instant,
    reply: oneshot::Sender<Result<Committed, AppendError>>,
}

impl Writer {
    pub(super) fn new(store: Arc<dyn Store>, hub: Hub, waiting: mpsc::Receiver<Command>) -> Writer {
        Writer { store, hub, waiting }
    }

    pub(super) async fn run(mut self) {
        let mut commands = Vec::with_capacity(BATCH);
        while self.waiting.recv_many(&mut commands, BATCH).await > 0 {
            let mut writes = Vec::with_capacity(commands.len());
            let mut waiting = Vec::with_capacity(commands.len());
            let mut claims = Vec::new();
            for command in commands.drain(..) {
                match command {
                    Command::Append { write, deadline, reply } => {
                        writes.push(write);
                        waiting.push(Waiting { deadline, reply });
                    }
                    Command::Claim { claim, reply } => claims.push((claim, reply)),
                }
            }
            self.commit(writes, waiting).await;
            for (claim, reply) in claims {
                self.claim(claim, reply).await;
            }
        }
    }

    /// Commits the batch. If the answer is lost the same batch is committed again, under the same id, which does not
    /// repeat what is durable.
    async fn commit(&self, mut writes: Vec<Write>, mut waiting: Vec<Waiting>) {
        let batch = Uuid::now_v7();
        let mut pause = FIRST_PAUSE;
        let mut last_error = StoreError::Unavailable("nobody waited for the write any more".to_owned());
        loop {
            give_up_overdue(&mut writes, &mut waiting, &last_error);
            if writes.is_empty() {
                return;
            }
            match self.store.commit(batch, &writes).await {
                Ok(outcomes) => return self.answer(&writes, waiting, outcomes),
                Err(error @ StoreError::Rejected(_)) => return self.commit_one_by_one(writes, waiting, error).await,
                Err(error @ StoreError::Unavailable(_)) => {
                    tracing::warn!(%error, writes = writes.len(), "could not commit; trying again");
                    last_error = error;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// A write that the database refuses must not take its neighbours with it.
    async fn commit_one_by_one(&self, writes: Vec<Write>, waiting: Vec<Waiting>, error: StoreError) {
        if writes.len() == 1 {
            tracing::error!(%error, write = ?writes[0], "the database refused a write");
            for waiting in waiting {
                let _ = waiting.reply.send(Err(error.clone().into()));
            }
            return;
        }
        for (write, waiting) in writes.into_iter().zip(waiting) {
            Box::pin(self.commit(vec![write], vec![waiting])).await;
        }
    }

    fn answer(&self, writes: &[Write], waiting: Vec<Waiting>, outcomes: Vec<Result<Committed, Refusal>>) {
        for ((write, waiting), outcome) in writes.iter().zip(waiting).zip(outcomes) {
            if let Ok(committed) = &outcome {
                self.publish(write.job_id, &committed.events);
                if committed.again {
                    self.hub.publish_doubt(write.job_id);
                }
            }
            // The caller may have left; the write is durable all the same.
            let _ = waiting.reply.send(outcome.map_err(AppendError::from));
        }
    }

    async fn claim(&self, claim: Claim, reply: oneshot::Sender<Result<Vec<Claimed>, StoreError>>) {
        if reply.is_closed() {
            return;
        }
        let claimed = self.store.claim(&claim).await;
        for claimed in claimed.iter().flatten() {
            self.publish(claimed.job.id, std::slice::from_ref(&claimed.event));
        }
        let _ = reply.send(claimed);
    }

    /// Renders each event once and hands it to all who watch.
    fn publish(&self, job_id: JobId, events: &[Event]) {
        if !self.hub.is_watched(job_id) {
            return;
        }
        for event in events {
            self.hub.publish(job_id, render(event));
        }
    }
}

/// The frame that all subscribers of the event write.
pub(super) fn render(event: &Event) -> Frame {
    Frame { seq: event.seq, bytes: Bytes::from(event.frame()), terminal: event.name.is_terminal() }
}

/// Answers those whose patience is over, and takes their writes out of the batch.
fn give_up_overdue(writes: &mut Vec<Write>, waiting: &mut Vec<Waiting>, error: &StoreError) {
    let now = Instant::now();
    let (mut kept_writes, mut kept_waiting) = (Vec::with_capacity(writes.len()), Vec::with_capacity(writes.len()));
    for (write, waiting) in writes.drain(..).zip(waiting.drain(..)) {
        if waiting.deadline <= now {
            let _ = waiting.reply.send(Err(error.clone().into()));
        } else {
            kept_writes.push(write);
            kept_waiting.push(waiting);
        }
    }
    (*writes, *waiting) = (kept_writes, kept_waiting);
}
