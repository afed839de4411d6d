//! What one would write in an afternoon with axum and sqlx: an INSERT for a start, an UPDATE for an event, a SELECT for who
//! asks.
//! Must not use other settings of the database than the product does.

use std::net::SocketAddr;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::greet;
use crate::Outcome;

/// As many connections as the product opens to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 12;

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

pub async fn run(database_url: &str) -> Outcome<()> {
    let pool = open(database_url).await?;
    let router = Router::new()
        .route("/api/jobs/start", post(insert))
        .route("/pub/{number}", post(update))
        .route("/status/{number}", get(status))
        .with_state(pool);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    greet(listener.local_addr()?)?;
    Ok(axum::serve(listener, router).await?)
}

/// With the one job that is updated.
async fn open(url: &str) -> Outcome<Pool> {
    const STATES: &str = "CREATE TABLE states (number INTEGER PRIMARY KEY, state TEXT)";
    const FIRST: &str = "INSERT INTO states VALUES (0, '')";
    if url.starts_with("sqlite") {
        let options = url.parse::<SqliteConnectOptions>()?.create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let jobs = "CREATE TABLE jobs (id BLOB PRIMARY KEY, brand_id BLOB, job_type TEXT, input_data TEXT)";
        for statement in [jobs, STATES, FIRST] {
            sqlx::query(statement).execute(&pool).await?;
        }
        return Ok(Pool::Sqlite(pool));
    }
    let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).connect(url).await?;
    let jobs = "CREATE TABLE jobs (id UUID PRIMARY KEY, brand_id UUID, job_type TEXT, input_data JSONB)";
    for statement in [jobs, STATES, FIRST] {
        sqlx::query(statement).execute(&pool).await?;
    }
    Ok(Pool::Postgres(pool))
}

#[derive(serde::Deserialize)]
struct Start {
    brand_id: Uuid,
    job_type: String,
    input_data: Value,
}

async fn insert(State(pool): State<Pool>, Json(start): Json<Start>) -> Result<(StatusCode, Json<Value>), StatusCode> {
    let job_id = Uuid::now_v7();
    let inserted = match &pool {
        Pool::Sqlite(pool) => sqlx::query("INSERT INTO jobs VALUES (?, ?, ?, ?)")
            .bind(job_id)
            .bind(start.brand_id)
            .bind(&start.job_type)
            .bind(start.input_data.to_string())
            .execute(pool)
            .await
            .map(drop),
        Pool::Postgres(pool) => sqlx::query("INSERT INTO jobs VALUES ($1, $2, $3, $4)")
            .bind(job_id)
            .bind(start.brand_id)
            .bind(&start.job_type)
            .bind(&start.input_data)
            .execute(pool)
            .await
            .map(drop),
    };
    inserted.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((StatusCode::ACCEPTED, Json(json!({"success": true, "job_id": job_id, "status": "pending"}))))
}

async fn update(State(pool): State<Pool>, Path(number): Path<i32>, state: String) -> Result<StatusCode, StatusCode> {
    let updated = match &pool {
        Pool::Sqlite(pool) => sqlx::query("UPDATE states SET state = ? WHERE number = ?")
            .bind(state)
            .bind(number)
            .execute(pool)
            .await
            .map(drop),
        Pool::Postgres(pool) => sqlx::query("UPDATE states SET state = $1 WHERE number = $2")
            .bind(state)
            .bind(number)
            .execute(pool)
            .await
            .map(drop),
    };
    updated.map(|()| StatusCode::NO_CONTENT).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn status(State(pool): State<Pool>, Path(number): Path<i32>) -> Result<String, StatusCode> {
    let state = match &pool {
        Pool::Sqlite(pool) => {
            sqlx::query_scalar("SELECT state FROM states WHERE number = ?").bind(number).fetch_one(pool).await
        }
        Pool::Postgres(pool) => {
            sqlx::query_scalar("SELECT state FROM states WHERE number = $1").bind(number).fetch_one(pool).await
        }
    };
    state.map_err(|_| StatusCode::NOT_FOUND)
}
