//! The event log: the only writer of events and the only caller of `Hub::publish`.
//! Must not decide what a write does to a job, and must not show anybody what is not committed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::store::{Claim, Claimed, Committed, Store, StoreError};
use crate::write::{Refusal, Write};

mod announce;
mod follow;
mod lanes;
mod read;
mod relay;
pub(crate) mod shared_read;
#[cfg(test)]
mod tests;
mod writer;

use announce::Announcements;

pub use crate::hub::{Frame, Heard, Hub, Subscription};

/// How many appends may wait for the writer; beyond it an append waits for its turn within its own patience.
const WAITING_APPENDS: usize = 8192;

/// How many events one read of the store brings.
const PAGE: u32 = 256;

/// A cheap handle to the log.
#[derive(Clone)]
pub struct EventLog {
    store: Arc<dyn Store>,
    hub: Hub,
    commands: mpsc::Sender<writer::Command>,
    reads: read::Reads,
}

/// How often memory lets go of what it has kept of quiet subjects for too long.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The log's tasks; dropping them ends all but the writer: the exchange with other instances, and the tidying of memory.
pub struct EventLogTasks {
    /// Ends when the last handle of the log is dropped and all that waits is written.
    pub writer: JoinHandle<()>,
    _beside: JoinSet<()>,
}

/// Why an append was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The rules refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventLog {
    /// Starts the log's one writer task, and where the store is shared those that exchange news with other instances.
    pub fn start(store: Arc<dyn Store>, hub: Hub) -> (EventLog, EventLogTasks) {
        let (commands, waiting) = mpsc::channel(WAITING_APPENDS);
        let announcements = store.is_shared().then(Announcements::default);
        let writer = writer::Writer::new(store.clone(), hub.clone(), announcements.clone());
        let mut beside = JoinSet::new();
        beside.spawn(tidy(hub.clone()));
        if let Some(announcements) = announcements {
            beside.spawn(announcements.run(store.clone()));
            beside.spawn(relay::Relay::new(store.clone(), hub.clone()).run());
        }
        let tasks = EventLogTasks { writer: tokio::spawn(writer.run(waiting)), _beside: beside };
        (EventLog { store, hub, commands, reads: read::Reads::default() }, tasks)
    }

    /// Makes a write durable together with all others that wait, then shows its events to whoever watches.
    ///
    /// While the database does not answer, it is tried again until `patience` is over.
    ///
    /// # Errors
    /// [`AppendError::Refused`] when the rules refuse it; [`AppendError::Store`] when the database does, or when the
    /// patience is over. In the last case the write may turn out to be durable if the database went away while it
    /// committed.
    pub async fn append(&self, write: Write, patience: Duration) -> Result<Committed, AppendError> {
        let deadline = Instant::now() + patience;
        let answer = self.send_append(write, deadline).await?;
        await_answer(answer, deadline).await?
    }

    /// [`EventLog::append`] of several writes in their order, each with its own outcome. None waits for the one before, so
    /// that they can become durable together. After one that finds no room none is sent, so that none goes before it.
    pub async fn append_all(&self, writes: Vec<Write>, patience: Duration) -> Vec<Result<Committed, AppendError>> {
        let deadline = Instant::now() + patience;
        let count = writes.len();
        let mut sent = Vec::with_capacity(count);
        let mut failed = None;
        for write in writes {
            match self.send_append(write, deadline).await {
                Ok(answer) => sent.push(answer),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let mut outcomes = Vec::with_capacity(count);
        for answer in sent {
            outcomes.push(await_answer(answer, deadline).await.map_err(AppendError::from).flatten());
        }
        if let Some(error) = failed {
            outcomes.resize(count, Err(error.into()));
        }
        outcomes
    }

    async fn send_append(&self, write: Write, deadline: Instant) -> Result<writer::Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(writer::Command::Append { write, deadline, reply }, deadline).await?;
        Ok(answer)
    }

    /// Takes due jobs for their next attempt and shows that they have started.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer within `patience`. What was claimed all the same runs out with
    /// its lease.
    pub async fn claim(&self, claim: Claim, patience: Duration) -> Result<Vec<Claimed>, StoreError> {
        let deadline = Instant::now() + patience;
        let (reply, answer) = oneshot::channel();
        self.send(writer::Command::Claim { claim, reply }, deadline).await?;
        await_answer(answer, deadline).await?
    }

    async fn send(&self, command: writer::Command, deadline: Instant) -> Result<(), StoreError> {
        // Nearly always there is room, and then no timer is needed.
        let command = match self.commands.try_send(command) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(command) | TrySendError::Closed(command)) => command,
        };
        match tokio::time::timeout_at(deadline, self.commands.send(command)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(StoreError::Unavailable("the event log has stopped".to_owned())),
            Err(_) => Err(StoreError::Unavailable(format!("{WAITING_APPENDS} writes are waiting"))),
        }
    }
}

async fn tidy(hub: Hub) {
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        hub.tidy(std::time::Instant::now());
    }
}

/// Waits for the writer's answer, a moment longer than the writer tries, so that its own reason arrives.
async fn await_answer<T>(answer: oneshot::Receiver<T>, deadline: Instant) -> Result<T, StoreError> {
    match tokio::time::timeout_at(deadline + Duration::from_secs(1), answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(StoreError::Unavailable("the event log has stopped".to_owned())),
        Err(_) => Err(StoreError::Unavailable("the write took too long".to_owned())),
    }
}
