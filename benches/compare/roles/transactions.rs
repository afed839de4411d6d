//! The peer of group commit: for each event a transaction of its own that updates the job and inserts the event.
//! Must not batch, and must not have other columns or settings than the product.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use uuid::Uuid;

use super::tell;
use crate::Outcome;
use crate::database::Kind;
use crate::generator::histogram::Histogram;
use crate::generator::lines::mark;
use crate::generator::publish::event_data;

const JOBS: usize = 256;
const SIZE: usize = 256;

/// Before it counts, and how long it counts.
const WARM_UP: Duration = Duration::from_millis(300);
const COUNTED: Duration = Duration::from_secs(2);

/// How many write at once: PostgreSQL overlaps their flushes, SQLite lets one write at a time.
fn writers(kind: Kind) -> usize {
    match kind {
        Kind::Sqlite => 1,
        Kind::Postgres => 32,
    }
}

/// The same in words.
pub fn writers_words(kind: Kind) -> String {
    match writers(kind) {
        1 => "1 connection".to_owned(),
        many => format!("{many} connections"),
    }
}

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

pub async fn run(database_url: &str) -> Outcome<()> {
    let kind = if database_url.starts_with("sqlite") { Kind::Sqlite } else { Kind::Postgres };
    let pool = open(kind, database_url).await?;
    let jobs = create_jobs(&pool).await?;
    let begin = Instant::now();
    let tasks = (0..writers(kind)).map(|writer| tokio::spawn(write_all(pool.clone(), jobs.clone(), writer, begin)));
    let mut all = Histogram::default();
    for latency in try_join_all(tasks).await? {
        all.add(&latency?);
    }
    tell(writers(kind), &all, begin.elapsed().saturating_sub(WARM_UP))
}

async fn open(kind: Kind, url: &str) -> Outcome<Pool> {
    let connections = writers(kind) as u32;
    Ok(match kind {
        Kind::Sqlite => {
            let options = url.parse::<SqliteConnectOptions>()?.create_if_missing(true);
            let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
            let pool = SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
            Pool::Sqlite(pool.connect_with(options).await?)
        }
        Kind::Postgres => {
            let pool = PgPoolOptions::new().min_connections(connections).max_connections(connections);
            Pool::Postgres(pool.test_before_acquire(false).connect(url).await?)
        }
    })
}

/// The columns that an event changes, with the product's keys.
async fn create_jobs(pool: &Pool) -> Outcome<Vec<Uuid>> {
    let jobs: Vec<Uuid> = (0..JOBS).map(|_| Uuid::now_v7()).collect();
    match pool {
        Pool::Sqlite(pool) => {
            for statement in [
                "CREATE TABLE ai_jobs (id BLOB PRIMARY KEY, last_seq INTEGER NOT NULL, progress INTEGER NOT NULL,
                     current_step TEXT, lease_expires_at INTEGER, updated_at INTEGER) WITHOUT ROWID",
                "CREATE TABLE job_events (job_id BLOB NOT NULL, seq INTEGER NOT NULL, name TEXT NOT NULL,
                     at INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (job_id, seq)) WITHOUT ROWID",
            ] {
                sqlx::query(statement).execute(pool).await?;
            }
            for job in &jobs {
                sqlx::query("INSERT INTO ai_jobs (id, last_seq, progress) VALUES (?, 0, 0)")
                    .bind(job)
                    .execute(pool)
                    .await?;
            }
        }
        Pool::Postgres(pool) => {
            for statement in [
                "CREATE TABLE ai_jobs (id UUID PRIMARY KEY, last_seq BIGINT NOT NULL, progress INTEGER NOT NULL,
                     current_step TEXT, lease_expires_at TIMESTAMPTZ, updated_at TIMESTAMPTZ)",
                "CREATE TABLE job_events (job_id UUID NOT NULL, seq BIGINT NOT NULL, name TEXT NOT NULL,
                     at TIMESTAMPTZ NOT NULL, data TEXT NOT NULL, PRIMARY KEY (job_id, seq))",
            ] {
                sqlx::query(statement).execute(pool).await?;
            }
            for job in &jobs {
                let insert = "INSERT INTO ai_jobs (id, last_seq, progress) VALUES ($1, 0, 0)";
                sqlx::query(insert).bind(job).execute(pool).await?;
            }
        }
    }
    Ok(jobs)
}

/// Writes to one job after another; writers begin at different ones.
async fn write_all(pool: Pool, jobs: Vec<Uuid>, writer: usize, begin: Instant) -> Outcome<Histogram> {
    let (mut latency, mut turn) = (Histogram::default(), writer);
    while begin.elapsed() < WARM_UP + COUNTED {
        let sent = Instant::now();
        match &pool {
            Pool::Sqlite(pool) => write_to_sqlite(pool, jobs[turn % jobs.len()]).await?,
            Pool::Postgres(pool) => write_to_postgres(pool, jobs[turn % jobs.len()]).await?,
        }
        if begin.elapsed() > WARM_UP {
            latency.push_duration(sent.elapsed());
        }
        turn += 1;
    }
    Ok(latency)
}

async fn write_to_sqlite(pool: &SqlitePool, job_id: Uuid) -> Outcome<()> {
    let now = chrono::Utc::now().timestamp_micros();
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let seq: i64 = sqlx::query_scalar(
        "UPDATE ai_jobs SET last_seq = last_seq + 1, progress = 10, current_step = 'Step 1/3: Analyzing',
             lease_expires_at = ?, updated_at = ? WHERE id = ? RETURNING last_seq",
    )
    .bind(now)
    .bind(now)
    .bind(job_id)
    .fetch_one(&mut *transaction)
    .await?;
    sqlx::query("INSERT INTO job_events (job_id, seq, name, at, data) VALUES (?, ?, 'progress', ?, ?)")
        .bind(job_id)
        .bind(seq)
        .bind(now)
        .bind(event_data(SIZE, 0, &mark(0, seq as u32)))
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

async fn write_to_postgres(pool: &PgPool, job_id: Uuid) -> Outcome<()> {
    let mut transaction = pool.begin().await?;
    let seq: i64 = sqlx::query_scalar(
        "UPDATE ai_jobs SET last_seq = last_seq + 1, progress = 10, current_step = 'Step 1/3: Analyzing',
             lease_expires_at = now(), updated_at = now() WHERE id = $1 RETURNING last_seq",
    )
    .bind(job_id)
    .fetch_one(&mut *transaction)
    .await?;
    sqlx::query("INSERT INTO job_events (job_id, seq, name, at, data) VALUES ($1, $2, 'progress', now(), $3)")
        .bind(job_id)
        .bind(seq)
        .bind(event_data(SIZE, 0, &mark(0, seq as u32)))
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}
