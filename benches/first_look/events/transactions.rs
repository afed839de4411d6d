//! The peer of group commit: for each event a transaction of its own that updates the job and inserts the event.
//! Must not batch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use jobcast::job::JobId;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::{Beginning, Seen, TEXT, jobs_of};
use crate::Outcome;
use crate::database::Kind;
use crate::figures::Latencies;

/// How many write at once: PostgreSQL overlaps their flushes, SQLite lets one write at a time.
pub fn writers(kind: Kind) -> usize {
    match kind {
        Kind::Sqlite => 1,
        Kind::Postgres => 32,
    }
}

/// The same database with connections of its own.
#[derive(Clone)]
pub enum Transactions {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Transactions {
    pub async fn open(kind: Kind, url: &str) -> Outcome<Transactions> {
        let connections = writers(kind) as u32;
        Ok(match kind {
            Kind::Sqlite => {
                let options = url.parse::<SqliteConnectOptions>()?;
                let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
                let pool = SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
                Transactions::Sqlite(pool.connect_with(options).await?)
            }
            Kind::Postgres => {
                let pool = PgPoolOptions::new().min_connections(connections).max_connections(connections);
                Transactions::Postgres(pool.test_before_acquire(false).connect(url).await?)
            }
        })
    }

    /// Writers that each commit an event as soon as their last one is durable.
    pub async fn write_all(&self, jobs: &Arc<[JobId]>, duration: Duration) -> Outcome<Seen> {
        let writers = match self {
            Transactions::Sqlite(_) => writers(Kind::Sqlite),
            Transactions::Postgres(_) => writers(Kind::Postgres),
        };
        let beginning = Beginning::now()?;
        let tasks = (0..writers).map(|writer| {
            let (this, jobs, began) = (self.clone(), jobs.clone(), beginning.at);
            tokio::spawn(async move {
                let mut latencies = Latencies::default();
                for (_, job_id) in jobs_of(writer, &jobs) {
                    let sent = Instant::now();
                    this.write(job_id).await?;
                    latencies.push(sent.elapsed());
                    if began.elapsed() > duration {
                        break;
                    }
                }
                Outcome::Ok(latencies)
            })
        });
        let latencies: Outcome<Latencies> = try_join_all(tasks).await?.into_iter().collect();
        beginning.seen(latencies?)
    }

    async fn write(&self, job_id: JobId) -> Outcome<()> {
        match self {
            Transactions::Sqlite(pool) => write_to_sqlite(pool, job_id).await,
            Transactions::Postgres(pool) => write_to_postgres(pool, job_id).await,
        }
    }

    /// The mean size of the stored data, of both sides' events.
    pub async fn mean_data_bytes(&self) -> Outcome<f64> {
        Ok(match self {
            Transactions::Sqlite(pool) => {
                sqlx::query_scalar("SELECT avg(length(data)) FROM job_events").fetch_one(pool).await?
            }
            Transactions::Postgres(pool) => {
                sqlx::query_scalar("SELECT avg(length(data))::float8 FROM job_events").fetch_one(pool).await?
            }
        })
    }

    pub async fn close(&self) {
        match self {
            Transactions::Sqlite(pool) => pool.close().await,
            Transactions::Postgres(pool) => pool.close().await,
        }
    }
}

async fn write_to_sqlite(pool: &SqlitePool, job_id: JobId) -> Outcome<()> {
    let now = chrono::Utc::now().timestamp_micros();
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let seq: i64 = sqlx::query_scalar(
        "UPDATE ai_jobs SET last_seq = last_seq + 1, progress = 10, current_step = 'Step 1/3: Analyzing',
             lease_expires_at = ?, updated_at = ? WHERE id = ? RETURNING last_seq",
    )
    .bind(now)
    .bind(now)
    .bind(job_id.0)
    .fetch_one(&mut *transaction)
    .await?;
    sqlx::query("INSERT INTO job_events (job_id, seq, name, at, data) VALUES (?, ?, 'delta', ?, ?)")
        .bind(job_id.0)
        .bind(seq)
        .bind(now)
        .bind(data(job_id, seq))
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

async fn write_to_postgres(pool: &PgPool, job_id: JobId) -> Outcome<()> {
    let mut transaction = pool.begin().await?;
    let seq: i64 = sqlx::query_scalar(
        "UPDATE ai_jobs SET last_seq = last_seq + 1, progress = 10, current_step = 'Step 1/3: Analyzing',
             lease_expires_at = now(), updated_at = now() WHERE id = $1 RETURNING last_seq",
    )
    .bind(job_id.0)
    .fetch_one(&mut *transaction)
    .await?;
    sqlx::query("INSERT INTO job_events (job_id, seq, name, at, data) VALUES ($1, $2, 'delta', now(), $3)")
        .bind(job_id.0)
        .bind(seq)
        .bind(data(job_id, seq))
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// As long as the data of the product's own events.
fn data(job_id: JobId, seq: i64) -> String {
    format!(
        r#"{{"job_id":"{job_id}","seq":{seq},"at":"2026-01-01T00:00:00.000Z","status":"processing","progress":10,"current_step":"Step 1/3: Analyzing","step":1,"total_steps":3,"attempt":1,"text":"{TEXT}"}}"#
    )
}
