//! What the writing connection knows of jobs and brands without reading it again: the file is its own.
//! Must not be used within a transaction before it is known that nobody else has written.

use std::collections::HashMap;

use sqlx::sqlite::Sqlite;
use sqlx::{Connection, SqliteConnection, Transaction};
use uuid::Uuid;

use super::recent::RecentEvents;
use super::recent_table;
use crate::event::Seq;
use crate::job::{BrandId, Job, JobId, JobStatus};
use crate::store::StoreError;
use crate::write::LeaseChange;

/// How many jobs and brands are remembered; beyond it all are forgotten, and read again.
const MOST_KNOWN: usize = 4096;

#[derive(Default)]
pub(super) struct Known {
    /// What `PRAGMA data_version` said when the file was read; it changes when another connection has written.
    version: Option<i64>,
    /// Jobs under way, and during a commit those of the batch.
    pub jobs: HashMap<JobId, KnownJob>,
    /// The position of each brand's latest event.
    pub brands: HashMap<BrandId, Seq>,
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
    pub async fn begin<'c>(
        &mut self,
        connection: &'c mut SqliteConnection,
        recent: &RecentEvents,
    ) -> Result<Transaction<'c, Sqlite>, StoreError> {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let version = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *transaction).await?;
        if self.version != Some(version) {
            *self = Known::default();
            recent.replace(recent_table::load(&mut transaction).await?);
            self.version = Some(version);
        }
        Ok(transaction)
    }

    /// What becomes of the job's lease; `extended` is until when it would last if extended now.
    pub fn lease(&self, id: JobId, change: LeaseChange, extended: i64) -> Option<i64> {
        match change {
            LeaseChange::Keep => self.jobs.get(&id).and_then(|known| known.lease_expires_at),
            LeaseChange::Extend => Some(extended),
            LeaseChange::Clear => None,
        }
    }

    /// Remembers a job as it has become. One that is not under way is forgotten: others than its attempt change it.
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
