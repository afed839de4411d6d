//! The databases to measure on: fresh for every round, gone afterwards.
//! Must not change a server's settings: the product and its peer meet the same ones.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use jobcast::event_log::{EventLog, EventLogTasks};
use jobcast::hub::Hub;
use jobcast::job::{BrandId, JobId, JobType, NewJob};
use jobcast::store::{self, Claim, Store, StoreSettings};
use jobcast::write::{Action, Write};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, raw_sql};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

use crate::Outcome;

/// How long a single write of the preparation may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database that the product runs on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// SQLite, and PostgreSQL if TEST_DATABASE_URL names a server.
pub fn kinds() -> Vec<Kind> {
    let postgres = std::env::var_os("TEST_DATABASE_URL").map(|_| Kind::Postgres);
    if std::env::var_os("PGONLY").is_some() {
        return postgres.into_iter().collect();
    }
    [Kind::Sqlite].into_iter().chain(postgres).collect()
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Sqlite => "SQLite",
            Kind::Postgres => "PostgreSQL",
        }
    }

    /// An empty database.
    pub async fn fresh(self) -> Outcome<Database> {
        match self {
            Kind::Sqlite => {
                let folder = tempfile::tempdir()?;
                let url = format!("sqlite://{}", folder.path().join("jobcast.db").display());
                Ok(Database { url, place: Place::Folder(folder) })
            }
            Kind::Postgres => {
                let server = std::env::var("TEST_DATABASE_URL")?;
                let name = format!("jobcast_bench_{}", Uuid::new_v4().simple());
                execute(&server, format!("CREATE DATABASE {name}")).await?;
                let mut url = Url::parse(&server)?;
                url.set_path(&name);
                Ok(Database { url: url.into(), place: Place::Server { server, name } })
            }
        }
    }

    /// What decides how fast a commit can be.
    pub async fn conditions(self) -> Outcome<String> {
        match self {
            Kind::Sqlite => Ok("SQLite: WAL, synchronous FULL".to_owned()),
            Kind::Postgres => {
                let mut connection = PgConnection::connect(&std::env::var("TEST_DATABASE_URL")?).await?;
                let settings = sqlx::query(
                    "SELECT current_setting('server_version'), current_setting('fsync'),
                            current_setting('synchronous_commit'), current_setting('shared_buffers')",
                )
                .fetch_one(&mut connection)
                .await?;
                let setting = |at| settings.try_get::<String, _>(at);
                Ok(format!(
                    "PostgreSQL {}: fsync {}, synchronous_commit {}, shared_buffers {}",
                    setting(0)?,
                    setting(1)?,
                    setting(2)?,
                    setting(3)?
                ))
            }
        }
    }
}

/// An empty database.
pub struct Database {
    pub url: String,
    place: Place,
}

enum Place {
    Folder(TempDir),
    Server { server: String, name: String },
}

impl Database {
    /// Removes the database; a run that fails leaves it for a look.
    pub async fn remove(self) -> Outcome<()> {
        match self.place {
            Place::Folder(folder) => Ok(folder.close()?),
            Place::Server { server, name } => execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await,
        }
    }
}

async fn execute(server: &str, sql: String) -> Outcome<()> {
    let mut connection = PgConnection::connect(server).await?;
    raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// The product's store and event log on a database, with the log's tasks, which end when they are dropped.
pub async fn open_log(url: &str) -> Outcome<(Arc<dyn Store>, EventLog, EventLogTasks)> {
    let settings = StoreSettings { lease: Duration::from_secs(600), max_queued_jobs: 100_000, alone: true };
    let store = store::open(url, url, settings).await?;
    let (event_log, tasks) = EventLog::start(store.clone(), Hub::default());
    Ok((store, event_log, tasks))
}

/// Creates this many jobs and claims them, so that their first attempt can write.
pub async fn running_jobs(event_log: &EventLog, count: usize) -> Outcome<Vec<JobId>> {
    try_join_all((0..count).map(|_| {
        let new = NewJob {
            brand_id: BrandId(Uuid::new_v4()),
            job_type: JobType::BrandIntelligence,
            input_data: json!({}),
            idempotency_key: None,
            webhook_url: None,
            estimated_duration: 90,
            total_steps: 3,
            max_retries: 3,
        };
        event_log.append(Write { job_id: JobId::new(), action: Action::Create(new) }, PATIENCE)
    }))
    .await?;
    let mut jobs = Vec::new();
    while jobs.len() < count {
        let claim = Claim { limit: 100, max_jobs_per_brand: 1, job_types: vec![JobType::BrandIntelligence] };
        let claimed = event_log.claim(claim, PATIENCE).await?;
        if claimed.is_empty() {
            return Err(format!("only {} of {count} jobs could be claimed", jobs.len()).into());
        }
        jobs.extend(claimed.into_iter().map(|claimed| claimed.job.id));
    }
    Ok(jobs)
}
