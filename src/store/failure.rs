//! Says of a database's error whether trying again can help.
//! Must not let an address with its password into the words.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use super::StoreError;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        if may_pass(&error) {
            StoreError::Unavailable(error.to_string())
        } else {
            StoreError::Rejected(error.to_string())
        }
    }
}

fn may_pass(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    match error {
        E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => true,
        // A connection that was left inside a transaction; the next try gets another.
        E::BeginFailed | E::InvalidSavePointStatement => true,
        E::Database(error) => database_may_pass(error.as_ref()),
        _ => false,
    }
}

fn database_may_pass(error: &dyn DatabaseError) -> bool {
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        return sqlstate_may_pass(error.code()) || creates_what_is_there(error);
    }
    match (error.try_downcast_ref::<SqliteError>(), error.code().and_then(|code| code.parse::<i32>().ok())) {
        (Some(_), Some(code)) => sqlite_may_pass(code),
        _ => false,
    }
}

/// PostgreSQL's error codes, appendix A of its manual.
fn sqlstate_may_pass(code: &str) -> bool {
    const CLASSES: [&str; 4] = [
        "08",   // connection exception
        "25",   // invalid transaction state: read-only after a failover, or ended by a timeout
        "53",   // insufficient resources
        "57P0", // shutdown, crash, starting up, database dropped
    ];
    const CODES: [&str; 4] = [
        "40001", // serialization failure
        "40P01", // deadlock detected
        "55P03", // lock not available within lock_timeout
        "57014", // query canceled by statement_timeout
    ];
    CLASSES.iter().any(|class| code.starts_with(class)) || CODES.contains(&code)
}

/// Whether PostgreSQL refused a job because another transaction has just created it. A batch that is committed again
/// while its first try is still under way meets the jobs that the first one creates; two starts under one key meet each
/// other. The next try finds what the other one has created.
pub(super) fn is_racing_create(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(creates_what_is_there)
}

fn creates_what_is_there(error: &PgDatabaseError) -> bool {
    error.code() == "23505" && matches!(error.constraint(), Some("ai_jobs_pkey" | "ai_jobs_idempotency"))
}

/// SQLite's primary result codes are the low byte of the extended ones (sqlite.org/rescode.html).
fn sqlite_may_pass(extended: i32) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const NO_MEMORY: i32 = 7;
    const INTERRUPT: i32 = 9;
    const IO_ERROR: i32 = 10;
    const FULL: i32 = 13;
    const CANNOT_OPEN: i32 = 14;
    const PROTOCOL: i32 = 15;
    [BUSY, LOCKED, NO_MEMORY, INTERRUPT, IO_ERROR, FULL, CANNOT_OPEN, PROTOCOL].contains(&(extended & 0xff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_moment_are_told_from_errors_for_good() {
        for code in ["08006", "25P02", "25006", "53300", "57P01", "40001", "40P01", "55P03", "57014"] {
            assert!(sqlstate_may_pass(code), "{code}");
        }
        for code in ["23505", "23503", "22P05", "42P01", "28P01", "3D000"] {
            assert!(!sqlstate_may_pass(code), "{code}");
        }
        // busy, busy snapshot, locked, I/O error on fsync, full
        for code in [5, 517, 6, 1034, 13] {
            assert!(sqlite_may_pass(code), "{code}");
        }
        // error, constraint on a primary key, corrupt, not a database
        for code in [1, 1555, 11, 26] {
            assert!(!sqlite_may_pass(code), "{code}");
        }
    }
}
