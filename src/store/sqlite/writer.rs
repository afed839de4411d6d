//! The one connection that writes, lent to one caller at a time.
//! Must not be shared through a pool: a pool tests the connection after each use and keeps one that was left inside a
//! transaction (sqlx issue 4385).

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT};
use crate::store::StoreError;

pub(super) struct Writer {
    options: SqliteConnectOptions,
    state: Mutex<State>,
}

enum State {
    /// Ready to be lent.
    Open(SqliteConnection),
    /// Lent, or lost by a caller that was dropped while it used it: the next caller opens another.
    Away,
    Closed,
}

/// The writing connection in use. Dropped without [`Lent::give_back`] it is closed, and SQLite rolls back.
pub(super) struct Lent<'w> {
    place: MutexGuard<'w, State>,
    connection: SqliteConnection,
}

impl Writer {
    pub fn new(options: SqliteConnectOptions) -> Writer {
        Writer { options, state: Mutex::new(State::Away) }
    }

    /// Waits for its turn, as long as a caller may wait for a connection while others use it.
    pub async fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let wait = ACQUIRE_TIMEOUT + BUSY_TIMEOUT;
        let mut place = timeout(wait, self.state.lock())
            .await
            .map_err(|_| StoreError::Unavailable(format!("no turn to write within {} s", wait.as_secs())))?;
        let connection = match std::mem::replace(&mut *place, State::Away) {
            State::Open(connection) => connection,
            State::Away => self.options.connect().await?,
            State::Closed => {
                *place = State::Closed;
                return Err(StoreError::Unavailable("it is closed".to_owned()));
            }
        };
        Ok(Lent { place, connection })
    }

    /// Closes the connection, which moves the log into the file.
    pub async fn close(&self) {
        let mut place = self.state.lock().await;
        if let State::Open(connection) = std::mem::replace(&mut *place, State::Closed)
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the SQLite file did not close cleanly; it is repaired when it is opened again");
        }
    }
}

impl Lent<'_> {
    pub fn get(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub fn give_back(self) {
        let Lent { mut place, connection } = self;
        *place = State::Open(connection);
    }
}
