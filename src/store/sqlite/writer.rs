//! The one connection that writes, with what it knows, lent to one caller at a time.
//! Must not be shared through a pool: a pool tests the connection after each use and keeps one that was left inside a
//! transaction (sqlx issue 4385).

use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::known::{self, Known};
use super::recent::RecentEvents;
use super::recent_table;
use super::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT};
use crate::store::StoreError;

pub(super) struct Writer {
    options: SqliteConnectOptions,
    recent: Arc<RecentEvents>,
    state: Mutex<State>,
}

enum State {
    /// Ready to be lent.
    Open(Session),
    /// Lent, or lost by a caller that was dropped while it used it: the next caller opens another.
    Away,
    Closed,
}

/// The writing connection, and what it knows of the file.
pub(super) struct Session {
    pub connection: SqliteConnection,
    pub known: Known,
}

/// The writing connection in use. Dropped without [`Lent::give_back`] it is closed, and SQLite rolls back; what it has
/// made durable is then in doubt.
pub(super) struct Lent<'w> {
    // Before the place: whoever comes next must not find what is in memory believed.
    doubt: Doubt<'w>,
    place: MutexGuard<'w, State>,
    session: Session,
}

struct Doubt<'w>(Option<&'w RecentEvents>);

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let Some(recent) = self.0 {
            recent.doubt();
        }
    }
}

impl Writer {
    pub fn new(options: SqliteConnectOptions, recent: Arc<RecentEvents>) -> Writer {
        Writer { options, recent, state: Mutex::new(State::Away) }
    }

    /// Waits for its turn, as long as a caller may wait for a connection while others use it.
    pub async fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let wait = ACQUIRE_TIMEOUT + BUSY_TIMEOUT;
        let mut place = timeout(wait, self.state.lock())
            .await
            .map_err(|_| StoreError::Unavailable(format!("no turn to write within {} s", wait.as_secs())))?;
        let session = match std::mem::replace(&mut *place, State::Away) {
            State::Open(session) => session,
            State::Away => Session { connection: self.options.connect().await?, known: Known::default() },
            State::Closed => {
                *place = State::Closed;
                return Err(StoreError::Unavailable("it is closed".to_owned()));
            }
        };
        Ok(Lent { doubt: Doubt(Some(&self.recent)), place, session })
    }

    /// Closes the connection, which moves the log into the file.
    pub async fn close(&self) {
        let mut place = self.state.lock().await;
        if let State::Open(session) = std::mem::replace(&mut *place, State::Closed)
            && let Err(error) = session.connection.close().await
        {
            tracing::warn!(%error, "the SQLite file did not close cleanly; it is repaired when it is opened again");
        }
    }
}

impl Session {
    /// Sees to it that so many writes find room among the recent events.
    pub async fn make_room(&mut self, recent: &RecentEvents, writes: usize) -> Result<(), StoreError> {
        let due = recent.read().due(writes);
        match due {
            0 => Ok(()),
            due => self.sort_in(recent, due).await,
        }
    }

    /// Moves the oldest recent events to where they are kept, this many at the most, in a transaction of its own.
    pub async fn sort_in(&mut self, recent: &RecentEvents, most: usize) -> Result<(), StoreError> {
        let Session { connection, known } = self;
        known.begin(connection, recent).await?;
        let oldest = recent.read().oldest(most);
        let sorted_in = if oldest.count > 0 { recent_table::sort_in(connection, &oldest).await? } else { 0 };
        known::commit(connection).await?;
        recent.forget_oldest(sorted_in);
        Ok(())
    }
}

impl Lent<'_> {
    pub fn get(&mut self) -> &mut Session {
        &mut self.session
    }

    pub fn give_back(self) {
        let Lent { mut doubt, mut place, session } = self;
        doubt.0 = None;
        *place = State::Open(session);
    }
}
