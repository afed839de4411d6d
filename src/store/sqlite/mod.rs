//! The store in an SQLite file: opens it, lends connections, and answers the trait from one file for each verb.
//! Must not decide what a write does to a job (`write` and `plan` do).

use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use uuid::Uuid;

use super::{
    BrandStream, Claim, Claimed, ClaimedWebhook, Committed, JobFilter, Position, Queue, StepDuration, Store,
    StoreError, StoreSettings, StoredJob, WebhookClaim, WebhookOutcome, migrations, nul::replace_nul,
};
use crate::event::{Event, Seq, Subject};
use crate::job::{Attempt, BrandId, JobId, JobType};
use crate::write::{Refusal, ResultTable, Write};
use lock::FileLock;
use recent::RecentEvents;
use writer::{Session, Writer};

mod brand_stream;
mod claim;
mod commit;
pub(super) mod inspect;
mod known;
mod lease;
mod left_over;
mod lock;
mod prune;
mod read;
mod recent;
mod recent_table;
mod result_row;
mod row;
mod save;
mod statement;
mod webhooks;
mod writer;

/// How many connections read at once.
const READERS: u32 = 4;
/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a statement waits for another process that has locked the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Batches are prepared in runs of powers of two, so that each kind of statement has nine shapes.
const PREPARED_STATEMENTS: usize = 200;
/// How many rows the driver hands over before its thread waits for their reader: the longest run that is read.
const ROWS_IN_TRANSIT: usize = 256;
/// Pages kept in memory by a connection, in KiB (negative by SQLite's convention). The default of 2 MiB is less than a
/// large batch touches; what does not fit is written to the log before the commit, and read back from there.
const CACHE_KIB: &str = "-16384";
/// The log is cut back to this size after a checkpoint.
const LOG_BYTES: &str = "67108864";
/// After this many pages, which are 16 MiB, a commit copies the log into the file. The pages of recent events are written
/// again and again: the longer the log, the fewer of them are copied.
const LOG_PAGES: &str = "4096";

/// Jobs and events in one SQLite file, in WAL mode with one writing connection.
///
/// `synchronous` is FULL: a commit returns when the log is on the disk. NORMAL would keep the file whole but could lose
/// the last commits in a power cut, after their events had been seen (sqlite.org/pragma.html#pragma_synchronous). It
/// costs what a disk's flush costs, once for each batch: measured on a disk that flushes in 0.13 ms, a third of the
/// commits of a single event a second, and nothing that can be told from noise with 256 events in a batch.
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
    recent: Arc<RecentEvents>,
    settings: StoreSettings,
    /// Given back when the store is closed or dropped.
    lock: Mutex<Option<FileLock>>,
}

/// Runs a verb on the writing connection, which is kept if the verb succeeded. After a failed COMMIT (a full disk) SQLite
/// has rolled back by itself while sqlx still counts a transaction: such a connection would refuse every later one.
macro_rules! on_writer {
    ($store:expr, $session:ident => $verb:expr) => {{
        let mut lent = $store.writer.lend().await?;
        let $session = lent.get();
        let outcome = $verb.await;
        if outcome.is_ok() {
            lent.give_back();
        }
        outcome
    }};
}

impl SqliteStore {
    /// Opens the file, creating it if it is missing, migrates it, and sorts in the recent events that were left in it.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the URL is malformed or names no file, if the folder does not exist, if the file is
    /// not such a database, or if another process works on it and `settings.alone` is set; [`StoreError::Unavailable`] if another process keeps it locked.
    pub async fn open(url: &str, settings: StoreSettings) -> Result<SqliteStore, StoreError> {
        let options = options(url)?;
        let path = options.get_filename().to_owned();
        has_folder(&path)?;
        let store = SqliteStore::open_file(options, &path, settings).await;
        store.map_err(|error| error.about(&path.display().to_string()))
    }

    async fn open_file(
        options: SqliteConnectOptions,
        path: &Path,
        settings: StoreSettings,
    ) -> Result<SqliteStore, StoreError> {
        let lock = if settings.alone { Some(FileLock::take(path).await?) } else { None };
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().create_if_missing(false).read_only(true));
        let recent = Arc::new(RecentEvents::new(settings.alone));
        let writer = Writer::new(options, recent.clone());
        let mut lent = writer.lend().await?;
        let Session { connection, known } = lent.get();
        // sqlx has no lock for SQLite's migrations: two processes that start at once would both create the tables.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        migrations::run(&migrations::for_sqlite(), &mut *transaction).await?;
        left_over::sort_in(&mut transaction).await?;
        transaction.commit().await?;
        known.begin(connection, &recent).await?;
        known::commit(connection).await?;
        lent.give_back();
        Ok(SqliteStore { writer, readers, recent, settings, lock: Mutex::new(lock) })
    }

    /// Whoever opens a file that is at rest finds every event in one table.
    async fn sort_in(&self) -> Result<(), StoreError> {
        on_writer!(self, session => session.sort_in(&self.recent, usize::MAX))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, batch: Uuid, writes: &[Write]) -> Result<Vec<Result<Committed, Refusal>>, StoreError> {
        let writes = replace_nul(writes);
        on_writer!(self, session => commit::commit(session, &self.recent, batch, &writes, self.settings))
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
        if claim.limit == 0 || claim.job_types.is_empty() {
            return Ok(Vec::new());
        }
        on_writer!(self, session => claim::claim(session, &self.recent, claim, self.settings.lease))
    }

    async fn still_held(&self, held: &[(JobId, Attempt)]) -> Result<Vec<(JobId, Attempt)>, StoreError> {
        lease::still_held(&self.readers, held).await
    }

    async fn heartbeat(&self, held: &[(JobId, Attempt)]) -> Result<Vec<(JobId, Attempt)>, StoreError> {
        on_writer!(self, session => lease::extend(session, held, self.settings.lease))
    }

    async fn expired_leases(&self, limit: u32) -> Result<Vec<(JobId, Attempt)>, StoreError> {
        lease::expired(&self.readers, &self.recent, limit).await
    }

    async fn job(&self, id: JobId) -> Result<Option<StoredJob>, StoreError> {
        read::job(&self.readers, &self.recent, id).await
    }

    async fn result_data(&self, id: JobId) -> Result<Option<Value>, StoreError> {
        read::result_data(&self.readers, id).await
    }

    async fn jobs(
        &self,
        filter: &JobFilter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<StoredJob>, StoreError> {
        read::jobs(&self.readers, &self.recent, filter, after, limit).await
    }

    async fn events_after(&self, subject: Subject, cursor: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        read::events_after(&self.readers, &self.recent, subject, cursor, limit).await
    }

    async fn news(&self, after: &[(Subject, Seq)], limit: u32) -> Result<Vec<(Subject, Vec<Event>)>, StoreError> {
        let mut news = Vec::new();
        for (subject, cursor) in after {
            let events = read::events_after(&self.readers, &self.recent, *subject, *cursor, limit).await?;
            news.extend((!events.is_empty()).then_some((*subject, events)));
        }
        Ok(news)
    }

    async fn brand_stream(&self, brand_id: BrandId) -> Result<BrandStream, StoreError> {
        brand_stream::read(&self.readers, &self.recent, brand_id).await
    }

    async fn step_output(&self, id: JobId, name: &str) -> Result<Option<Value>, StoreError> {
        read::step_output(&self.readers, id, name).await
    }

    async fn recent_steps(&self, job_type: JobType, limit: u32) -> Result<Vec<StepDuration>, StoreError> {
        read::recent_steps(&self.readers, job_type, limit).await
    }

    async fn latest_rows(&self, table: ResultTable, brand_id: BrandId, limit: u32) -> Result<Vec<Value>, StoreError> {
        result_row::latest(&self.readers, table, brand_id, limit).await
    }

    /// The file is this service's own: the origin application has no table in it.
    async fn brand(&self, _brand_id: BrandId) -> Result<Option<Value>, StoreError> {
        Ok(None)
    }

    async fn prune(&self, deltas_before: DateTime<Utc>, events_before: DateTime<Utc>) -> Result<u64, StoreError> {
        on_writer!(self, session => prune::prune(session, &self.recent, deltas_before, events_before))
    }

    async fn claim_webhooks(&self, claim: &WebhookClaim) -> Result<Vec<ClaimedWebhook>, StoreError> {
        if !webhooks::any_due(&self.readers).await? {
            return Ok(Vec::new());
        }
        on_writer!(self, session => webhooks::claim(&mut session.connection, claim))
    }

    async fn settle_webhook(&self, webhook: &ClaimedWebhook, outcome: &WebhookOutcome) -> Result<(), StoreError> {
        on_writer!(self, session => webhooks::settle(&mut session.connection, webhook, outcome))
    }

    async fn queue(&self) -> Result<Queue, StoreError> {
        read::queue(&self.readers).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        read::ping(&self.readers).await
    }

    async fn close(&self) {
        // First: whoever stops the server does not wait long, and some reads may take all of it.
        if let Err(error) = self.sort_in().await {
            tracing::warn!(
                %error,
                "the recent events were not sorted in; they are when the file is opened again, which an older version \
                 must not do before"
            );
        }
        self.readers.close().await;
        self.writer.close().await;
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(StoreError::Rejected("DATABASE_URL must name a file: SQLite in memory loses all jobs".to_owned()));
    }
    let options = SqliteConnectOptions::from_str(url).map_err(|error| {
        StoreError::Rejected(format!("DATABASE_URL is not an SQLite address (sqlite://path): {error}"))
    })?;
    Ok(options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .pragma("cache_size", CACHE_KIB)
        .pragma("journal_size_limit", LOG_BYTES)
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .row_buffer_size(ROWS_IN_TRANSIT)
        .statement_cache_capacity(PREPARED_STATEMENTS))
}

fn has_folder(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => Err(StoreError::Rejected(format!(
            "{}: the folder {} does not exist; create it or change DATABASE_URL",
            path.display(),
            folder.display()
        ))),
        _ => Ok(()),
    }
}
