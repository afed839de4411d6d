//! The store on PostgreSQL: opens it, lends connections, and answers the trait from one file for each verb.
//! Must not decide what a write does to a job (`write` and `plan` do).

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::{BoxStream, StreamExt};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    BrandStream, Claim, Claimed, ClaimedWebhook, Committed, JobFilter, Notice, Part, Position, Queue, StepDuration,
    Store, StoreError, StoreSettings, StoredJob, WebhookClaim, WebhookOutcome, migrations, nul::replace_nul,
};
use crate::event::{Event, Seq, Subject};
use crate::job::{Attempt, BrandId, JobId, JobType};
use crate::write::{Refusal, ResultTable, Write};
use commit::Minds;
use detours::Detours;
use kept::Kept;
use known::Known;
use loan::{Loan, within_bound};
use room::Room;

mod brand_stream;
mod brands;
mod claim;
mod commit;
mod detours;
pub(super) mod inspect;
mod kept;
mod known;
mod lease;
mod loan;
mod notify;
mod parts;
mod progress;
mod prune;
mod read;
mod result_row;
mod room;
mod row;
mod save;
mod starts;
mod webhooks;

/// How many connections one process holds at the most for commits and claims, for leases, retention and announcements,
/// and for reading. Apart, because thousands of viewers that come back at once must not keep a worker from its lease.
/// A batch has up to four parts, and a claim may be under way beside it; what finds no connection waits for one.
const COMMIT_CONNECTIONS: usize = 4;
const WRITE_CONNECTIONS: u32 = 3;
const READ_CONNECTIONS: u32 = 8;
/// How long a caller waits for a free connection, or for a new one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection is replaced at this age, so that a failover or a changed address is noticed.
const MAX_LIFETIME: Duration = Duration::from_secs(600);
/// A connection that nobody used for this long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// A connection that lay idle for this long is tested before it is used.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(1);
/// How long the first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the migrations may take, with the waiting for another instance that runs them.
const MIGRATE_TIMEOUT: Duration = Duration::from_secs(300);
/// How long connections in use may take to come back when the store is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Sent as a statement to each new connection, because PgBouncer refuses them among the startup options.
const SESSION: &str = "SET idle_in_transaction_session_timeout = '10s'; SET statement_timeout = '30s'; \
                       SET lock_timeout = '10s'";

/// Sent to those for commits and claims besides. Each of their statements has an index. A plan that reads the whole table,
/// made while the table is empty, stays with the session until the table is analyzed, however many jobs are started by then.
const BY_INDEX: &str = "SET enable_seqscan = off";

/// Jobs and events in PostgreSQL 14 or later.
pub struct PostgresStore {
    /// For commits and claims.
    kept: Kept,
    /// The jobs whose progress this process writes.
    known: Known,
    /// How many more jobs may wait.
    room: Room,
    /// Batches that were not written by one statement.
    detours: Detours,
    writes: PgPool,
    reads: PgPool,
    /// Where announcements are heard: LISTEN does not go through a transaction pooler.
    direct: PgConnectOptions,
    /// Told with each announcement, so that this process does not take its own for another's.
    instance: Uuid,
    settings: StoreSettings,
}

impl PostgresStore {
    /// Migrates the database over `direct_url` and connects to `url`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the server cannot be reached within 10 seconds, [`StoreError::Rejected`] if a
    /// URL is malformed, the server refuses the user, or a migration fails; in words that name host, port and database.
    pub async fn open(url: &str, direct_url: &str, settings: StoreSettings) -> Result<PostgresStore, StoreError> {
        let direct = options(direct_url)?;
        migrate(&direct).await.map_err(|error| at(&direct, error))?;
        let options = options(url)?;
        let connect =
            async |connections| pool(options.clone(), connections).await.map_err(|error| at(&options, error.into()));
        Ok(PostgresStore {
            kept: Kept::new(options.clone(), COMMIT_CONNECTIONS),
            known: Known::default(),
            room: Room::default(),
            detours: Detours::default(),
            writes: connect(WRITE_CONNECTIONS).await?,
            reads: connect(READ_CONNECTIONS).await?,
            direct,
            instance: Uuid::new_v4(),
            settings,
        })
    }
}

/// A connection of the pool. A server that refuses a connection now (a failover, a pooler without its database) was
/// reached at start, so it is expected to come back.
async fn lend(pool: &PgPool) -> Result<Loan, StoreError> {
    let connection = pool.acquire().await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(Loan::of(connection))
}

/// Runs a verb on a borrowed connection. The connection goes back to the pool when the verb has ended, well or badly;
/// it is closed when the verb took too long or was dropped, because its state is unknown then.
macro_rules! on_connection {
    ($pool:expr, $connection:ident => $verb:expr) => {{
        let mut loan = lend(&$pool).await?;
        let $connection: &mut PgConnection = loan.connection();
        let outcome = within_bound($verb).await?;
        loan.give_back();
        outcome
    }};
}

/// The same on a connection that is kept for commits and claims.
macro_rules! on_kept {
    ($kept:expr, $connection:ident => $verb:expr) => {{
        let mut lent = $kept.lend().await?;
        let $connection: &mut PgConnection = lent.connection();
        let outcome = within_bound($verb).await?;
        if !matches!(outcome, Err(StoreError::Unavailable(_))) {
            lent.give_back();
        }
        outcome
    }};
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, batch: Uuid, writes: &[Write]) -> Result<Vec<Result<Committed, Refusal>>, StoreError> {
        let writes = replace_nul(writes);
        let minds = Minds { known: &self.known, room: &self.room, detours: &self.detours };
        on_kept!(self.kept, connection => commit::commit(connection, minds, batch, &writes, self.settings))
    }

    fn parts(&self, writes: &[Write], under_way: usize) -> Vec<Part> {
        parts::of(writes, under_way, &self.known)
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
        if claim.limit == 0 || claim.job_types.is_empty() {
            return Ok(Vec::new());
        }
        on_kept!(self.kept, connection => claim::claim(connection, claim, self.settings.lease))
    }

    async fn still_held(&self, held: &[(JobId, Attempt)]) -> Result<Vec<(JobId, Attempt)>, StoreError> {
        on_connection!(self.reads, connection => lease::still_held(connection, held))
    }

    async fn heartbeat(&self, held: &[(JobId, Attempt)]) -> Result<Vec<(JobId, Attempt)>, StoreError> {
        on_connection!(self.writes, connection => lease::extend(connection, held, self.settings.lease))
    }

    async fn expired_leases(&self, limit: u32) -> Result<Vec<(JobId, Attempt)>, StoreError> {
        on_connection!(self.writes, connection => lease::expired(connection, limit))
    }

    async fn job(&self, id: JobId) -> Result<Option<StoredJob>, StoreError> {
        on_connection!(self.reads, connection => read::job(connection, id))
    }

    async fn result_data(&self, id: JobId) -> Result<Option<Value>, StoreError> {
        on_connection!(self.reads, connection => read::result_data(connection, id))
    }

    async fn jobs(
        &self,
        filter: &JobFilter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<StoredJob>, StoreError> {
        on_connection!(self.reads, connection => read::jobs(connection, filter, after, limit))
    }

    async fn events_after(&self, subject: Subject, cursor: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        on_connection!(self.reads, connection => read::events_after(connection, subject, cursor, limit))
    }

    async fn news(&self, after: &[(Subject, Seq)], limit: u32) -> Result<Vec<(Subject, Vec<Event>)>, StoreError> {
        on_connection!(self.reads, connection => read::news(connection, after, limit))
    }

    async fn brand_stream(&self, brand_id: BrandId) -> Result<BrandStream, StoreError> {
        on_connection!(self.reads, connection => brand_stream::read(connection, brand_id))
    }

    async fn step_output(&self, id: JobId, name: &str) -> Result<Option<Value>, StoreError> {
        on_connection!(self.reads, connection => read::step_output(connection, id, name))
    }

    async fn recent_steps(&self, job_type: JobType, limit: u32) -> Result<Vec<StepDuration>, StoreError> {
        on_connection!(self.reads, connection => read::recent_steps(connection, job_type, limit))
    }

    async fn latest_rows(&self, table: ResultTable, brand_id: BrandId, limit: u32) -> Result<Vec<Value>, StoreError> {
        on_connection!(self.reads, connection => result_row::latest(connection, table, brand_id, limit))
    }

    async fn brand(&self, brand_id: BrandId) -> Result<Option<Value>, StoreError> {
        on_connection!(self.reads, connection => brands::read(connection, brand_id))
    }

    async fn prune(&self, deltas_before: DateTime<Utc>, events_before: DateTime<Utc>) -> Result<u64, StoreError> {
        on_connection!(self.writes, connection => prune::prune(connection, deltas_before, events_before))
    }

    async fn claim_webhooks(&self, claim: &WebhookClaim) -> Result<Vec<ClaimedWebhook>, StoreError> {
        on_connection!(self.writes, connection => webhooks::claim(connection, claim))
    }

    async fn settle_webhook(&self, webhook: &ClaimedWebhook, outcome: &WebhookOutcome) -> Result<(), StoreError> {
        on_connection!(self.writes, connection => webhooks::settle(connection, webhook, outcome))
    }

    async fn queue(&self) -> Result<Queue, StoreError> {
        on_connection!(self.reads, connection => read::queue(connection))
    }

    fn detours(&self) -> u64 {
        self.detours.taken()
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn announce(&self, changed: &[(BrandId, JobId)]) -> Result<(), StoreError> {
        on_connection!(self.writes, connection => notify::announce(connection, self.instance, changed))
    }

    fn notices(&self) -> BoxStream<'static, Notice> {
        notify::notices(self.direct.clone(), self.instance).boxed()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        on_connection!(self.reads, connection => read::ping(connection))
    }

    async fn close(&self) {
        let close = async { tokio::join!(self.kept.close(), self.writes.close(), self.reads.close()) };
        if timeout(CLOSE_TIMEOUT, close).await.is_err() {
            tracing::warn!("connections to PostgreSQL were still in use when the store was closed");
        }
    }
}

/// One column of the rows, for UNNEST.
fn column<'r, R, T>(rows: &'r [R], member: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(member).collect()
}

/// A place in an array of PostgreSQL. A batch has far fewer members than this has numbers.
fn place_from_one(place: usize) -> i32 {
    i32::try_from(place + 1).unwrap_or(i32::MAX)
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    // The error may quote the URL, and with it the password.
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        StoreError::Rejected("DATABASE_URL is not a PostgreSQL address: postgres://user@host/database".to_owned())
    })?;
    // PgBouncer refuses extra_float_digits at startup; values travel in binary, where it has no effect.
    Ok(options.application_name("jobcast").extra_float_digits(None))
}

async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut connection = timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options))
        .await
        .map_err(|_| StoreError::Unavailable(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())))??;
    // A table of jobs that is not ours is the origin application's. Where it is ours this is of no account: the first
    // migration has been made, or another instance is making it.
    let beside_the_origin: bool =
        sqlx::query_scalar("SELECT to_regclass('ai_jobs') IS NOT NULL").fetch_one(&mut connection).await?;
    let migrations = migrations::for_postgres(beside_the_origin);
    timeout(MIGRATE_TIMEOUT, migrations::run(&migrations, &mut connection)).await.map_err(|_| {
        StoreError::Unavailable(format!("no end of migrations within {} s", MIGRATE_TIMEOUT.as_secs()))
    })??;
    connection.close().await?;
    Ok(())
}

async fn pool(options: PgConnectOptions, connections: u32) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(MAX_LIFETIME)
        .idle_timeout(IDLE_TIMEOUT)
        // A test costs a round trip, which the busy writer need not pay: its connection was tested when it came back.
        .test_before_acquire(false)
        .before_acquire(|connection, state| {
            Box::pin(async move {
                if state.idle_for >= TEST_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SESSION).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await
}

/// Puts the address in front of the reason, without the password.
fn at(options: &PgConnectOptions, error: StoreError) -> StoreError {
    let database = options.get_database().unwrap_or(options.get_username());
    let address =
        format!("postgres://{}@{}:{}/{database}", options.get_username(), options.get_host(), options.get_port());
    error.about(&address)
}
