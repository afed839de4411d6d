//! Batches that could not be written by their one statement and were written over locked rows instead: counted, and told
//! when it is for a reason that stays.
//! Must not decide what becomes of such a batch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::store::StoreError;

/// SQLSTATEs that say no more than that the rows were not as they were taken to be, or were busy: the statement of progress
/// found other rows; a job or a key is there already; the brand is not; somebody holds a lock.
const PASSING: [&str; 6] = ["JC001", "23505", "23503", "55P03", "40P01", "40001"];

/// What is written by one statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Statement {
    Progress,
    Starts,
}

/// How often it was not, and whether the log has been told why.
#[derive(Default)]
pub(super) struct Detours {
    taken: AtomicU64,
    told: [AtomicBool; 2],
}

impl Detours {
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Counts a batch that the database refused, which then has to be written over locked rows.
    ///
    /// # Errors
    /// The error itself where nothing more can be tried on the connection.
    pub fn after(&self, statement: Statement, error: sqlx::Error, writes: usize) -> Result<(), StoreError> {
        let Some(code) = code(&error).filter(|code| !ends_connection(code)) else { return Err(error.into()) };
        self.taken.fetch_add(1, Ordering::Relaxed);
        if PASSING.contains(&code.as_str()) || self.told[statement as usize].swap(true, Ordering::Relaxed) {
            tracing::debug!(%error, writes, ?statement, "written anew over locked rows");
        } else {
            tracing::warn!(%error, writes, ?statement, "one statement is refused by the database; batches take several until it is mended");
        }
        Ok(())
    }
}

/// The SQLSTATE of an error that the server has answered with.
fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}

fn ends_connection(code: &str) -> bool {
    ["57P", "25", "08"].iter().any(|class| code.starts_with(class))
}
