//! What the writing connection knows of jobs and brands without reading it again: the file is its own.
//! Must not be used within a transaction before it is known that nobody else has written.

use std::collections::HashMap;

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::recent::{Recent, RecentEvents};
use super::{left_over, recent_table};
use crate::event::Seq;
use crate::job::{BrandId, Job, JobId, JobStatus};
use crate::store::StoreError;
use crate::write::LeaseChange;

/// How many jobs and brands are remembered; beyond it all are forgotten, and read again.
const MOST_KNOWN: usize = 4096;

const BEGIN: &str = "BEGIN IMMEDIATE; PRAGMA data_version";
pub(super) const COMMIT: &str = "COMMIT";

/// Ends the transaction.
pub(super) async fn commit(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query(COMMIT).execute(connection).await?;
    Ok(())
}

/// Reads the recent events within a transaction that has begun. If this version cannot read some, all are sorted in,
/// so that their jobs go on behind them. That is committed first: a reader must find them in one place or the other.
async fn read(connection: &mut SqliteConnection, version: i64) -> Result<(i64, Recent), StoreError> {
    let loaded = recent_table::load(connection).await?;
    let Some(error) = loaded.unreadable else { return Ok((version, loaded.recent)) };
    tracing::warn!(%error, "another program has written an event that this version cannot read; it is kept");
    left_over::sort_in(connection).await?;
    commit(connection).await?;
    let version = sqlx::query_scalar(BEGIN).fetch_one(&mut *connection).await?;
    Ok((version, recent_table::load(connection).await?.recent))
}

#[derive(Default)]
pub(super) struct Known {
    /// What `PRAGMA data_version` said when the file was read; it changes when another connection has written.
    version: Option<i64>,
    /// Jobs under way. What is not is changed by claims, too.
    pub jobs: HashMap<JobId, KnownJob>,
    /// The position of each brand's latest event.
    pub brands: HashMap<BrandId, Seq>,
    /// How many jobs wait, once they have been counted.
    pub pending: Option<u64>,
}

/// A job as it is, which its row may not say yet.
pub(super) struct KnownJob {
    pub job: Job,
    /// In microseconds since 1970.
    pub lease_expires_at: Option<i64>,
    pub last_batch: Option<Uuid>,
}

impl Known {
    /// Begins a transaction that may write. If anybody else has written since the last one, what was known is read anew.
    ///
    /// The transaction is not one of sqlx's, so that it begins and ends in one go with other statements, each turn to
    /// the connection's thread costing as much as an event. It ends with [`commit`], or with the connection: whoever
    /// fails or gives up in between must not use that again.
    pub async fn begin(&mut self, connection: &mut SqliteConnection, recent: &RecentEvents) -> Result<(), StoreError> {
        let version = sqlx::query_scalar(BEGIN).fetch_one(&mut *connection).await?;
        if self.version != Some(version) {
            *self = Known::default();
            let (version, loaded) = read(connection, version).await?;
            recent.replace(loaded);
            self.version = Some(version);
        }
        Ok(())
    }

    /// What becomes of the job's lease; a job that is not under way has none. `extended` is until when it would last if
    /// it were extended now.
    pub fn lease(&self, id: JobId, change: LeaseChange, extended: i64) -> Option<i64> {
        match change {
            LeaseChange::Keep => self.jobs.get(&id).and_then(|known| known.lease_expires_at),
            LeaseChange::Extend => Some(extended),
            LeaseChange::Clear => None,
        }
    }

    /// Remembers a job that is under way as it is; another is forgotten.
    pub fn remember(&mut self, known: KnownJob) {
        if known.job.status == JobStatus::Processing {
            self.jobs.insert(known.job.id, known);
        } else {
            self.jobs.remove(&known.job.id);
        }
    }

    /// Keeps within bounds.
    pub fn forget_some(&mut self) {
        if self.jobs.len() > MOST_KNOWN {
            self.jobs.clear();
        }
        if self.brands.len() > MOST_KNOWN {
            self.brands.clear();
        }
    }
}
