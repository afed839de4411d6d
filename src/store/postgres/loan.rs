//! A pooled connection that comes back only if its user has ended, and the bound on every use.
//! Must not know what the connection is used for.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::pool::PoolConnection;
use sqlx::postgres::Postgres;
use tokio::time::timeout;

use crate::store::StoreError;

/// Longer than the server's own statement_timeout: it is met only if the server has gone silent.
const BOUND: Duration = Duration::from_secs(35);

/// A connection out of the pool.
///
/// Dropped without [`Loan::give_back`] it is closed: a cancelled `begin` leaves an open transaction on a connection
/// that the pool takes for a healthy one (sqlx issue 4385), and a silent peer keeps its place in the pool for good
/// (sqlx issue 4349).
pub(super) struct Loan {
    /// Present until the loan has ended.
    connection: Option<PoolConnection<Postgres>>,
}

impl Loan {
    pub fn of(connection: PoolConnection<Postgres>) -> Loan {
        Loan { connection: Some(connection) }
    }

    pub fn connection(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("a loan that has ended cannot be reached")
    }

    /// Returns the connection to the pool, which rolls back what is open and tests it.
    pub fn give_back(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

/// The inner result, unless it takes longer than any statement may.
pub(super) async fn within_bound<T>(
    verb: impl Future<Output = Result<T, StoreError>>,
) -> Result<Result<T, StoreError>, StoreError> {
    timeout(BOUND, verb)
        .await
        .map_err(|_| StoreError::Unavailable(format!("no answer from PostgreSQL within {} s", BOUND.as_secs())))
}
