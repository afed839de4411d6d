//! The connections that commits and claims run on: the one used last is used next, so that a lone writer keeps its own.
//! Must not lend one whose state is unknown.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::{ACQUIRE_TIMEOUT, BY_INDEX, IDLE_TIMEOUT, MAX_LIFETIME, SESSION, TEST_AFTER_IDLE};
use crate::store::StoreError;

/// How long the test of an idle connection may take, before another one is opened.
const TEST_PATIENCE: Duration = Duration::from_secs(3);

/// A few connections that are kept open. A pool of sqlx tests each connection after each use, which a writer that never
/// rests would pay for with a round trip for each batch.
pub(super) struct Kept {
    options: PgConnectOptions,
    places: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: PgConnection,
    opened: Instant,
    used: Instant,
}

/// A connection in use. Dropped without [`Lent::give_back`] it is closed, and the server rolls back.
pub(super) struct Lent<'k> {
    home: &'k Kept,
    connection: PgConnection,
    opened: Instant,
    _place: SemaphorePermit<'k>,
}

impl Kept {
    /// Keeps up to `connections`, each opened when it is first needed.
    pub fn new(options: PgConnectOptions, connections: usize) -> Kept {
        Kept { options, places: Semaphore::new(connections), idle: Mutex::default() }
    }

    /// A connection that answered lately; waits for one as long as for one of a pool.
    pub async fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let place = timeout(ACQUIRE_TIMEOUT, self.places.acquire())
            .await
            .map_err(|_| no_connection("all that may write are in use"))?
            .map_err(|_| StoreError::Unavailable("it is closed".to_owned()))?;
        while let Some(idle) = self.take_idle() {
            if let Some(Idle { connection, opened, .. }) = idle.tested().await {
                return Ok(Lent { home: self, connection, opened, _place: place });
            }
        }
        let connection = timeout(ACQUIRE_TIMEOUT, self.open())
            .await
            .map_err(|_| no_connection("the server takes too long"))?
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Lent { home: self, connection, opened: Instant::now(), _place: place })
    }

    /// Closes what is idle; what is in use is closed when it comes back.
    pub async fn close(&self) {
        self.places.close();
        while let Some(idle) = self.take_idle() {
            if let Err(error) = idle.connection.close().await {
                tracing::debug!(%error, "a connection to PostgreSQL did not close cleanly");
            }
        }
    }

    async fn open(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        connection.execute(SESSION).await?;
        connection.execute(BY_INDEX).await?;
        Ok(connection)
    }

    fn take_idle(&self) -> Option<Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

fn no_connection(why: &str) -> StoreError {
    StoreError::Unavailable(format!("no connection within {} s: {why}", ACQUIRE_TIMEOUT.as_secs()))
}

impl Idle {
    /// Whether it is too old, or was not needed for too long.
    fn is_over(&self) -> bool {
        self.opened.elapsed() >= MAX_LIFETIME || self.used.elapsed() >= IDLE_TIMEOUT
    }

    /// Nothing if it is over, or lay idle so long that it had to be tested, and does not answer.
    async fn tested(mut self) -> Option<Idle> {
        if self.is_over() {
            return None;
        }
        if self.used.elapsed() >= TEST_AFTER_IDLE {
            timeout(TEST_PATIENCE, self.connection.ping()).await.ok()?.ok()?;
        }
        Some(self)
    }
}

impl Lent<'_> {
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Keeps the connection for the next caller. What is left of a transaction that was dropped is rolled back first.
    pub fn give_back(self) {
        if !self.home.places.is_closed() {
            let back = Idle { connection: self.connection, opened: self.opened, used: Instant::now() };
            let mut idle = self.home.idle.lock().unwrap_or_else(PoisonError::into_inner);
            // Those below the one that is used next may not be needed for a long time; the server need not hold them.
            idle.retain(|idle| !idle.is_over());
            idle.push(back);
        }
    }
}
