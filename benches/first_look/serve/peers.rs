//! What one would write in an afternoon with axum: a handler with one INSERT, and a broadcast channel behind `Sse`.
//! Must not be worse than what axum's documentation shows.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use uuid::Uuid;

use super::{greet, obey};
use crate::Outcome;

/// As many connections as the product opens to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 12;

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// `POST /api/jobs/start` as one INSERT, with the durability that the product has.
pub async fn insert(database_url: &str) -> Outcome<()> {
    let pool = if database_url.starts_with("sqlite") {
        let options = database_url.parse::<SqliteConnectOptions>()?.create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::query("CREATE TABLE jobs (id BLOB PRIMARY KEY, brand_id BLOB, job_type TEXT, input_data TEXT)")
            .execute(&pool)
            .await?;
        Pool::Sqlite(pool)
    } else {
        let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).connect(database_url).await?;
        sqlx::query("CREATE TABLE jobs (id UUID PRIMARY KEY, brand_id UUID, job_type TEXT, input_data JSONB)")
            .execute(&pool)
            .await?;
        Pool::Postgres(pool)
    };
    serve(Router::new().route("/api/jobs/start", post(insert_job)).with_state(pool), |_| {}).await
}

#[derive(serde::Deserialize)]
struct Start {
    brand_id: Uuid,
    job_type: String,
    input_data: Value,
}

async fn insert_job(
    State(pool): State<Pool>,
    Json(start): Json<Start>,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    const INTO: &str = "INSERT INTO jobs (id, brand_id, job_type, input_data) VALUES ($1, $2, $3, $4)";
    let id = Uuid::now_v7();
    let inserted = match &pool {
        Pool::Sqlite(pool) => {
            let query = sqlx::query(INTO).bind(id).bind(start.brand_id).bind(start.job_type).bind(start.input_data);
            query.execute(pool).await.map(|_| ())
        }
        Pool::Postgres(pool) => {
            let query = sqlx::query(INTO).bind(id).bind(start.brand_id).bind(start.job_type).bind(start.input_data);
            query.execute(pool).await.map(|_| ())
        }
    };
    inserted.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((StatusCode::ACCEPTED, Json(json!({"success": true, "job_id": id, "status": "pending"}))))
}

/// A broadcast channel behind axum's `Sse`: nothing is stored, and a reader that lags loses events.
pub async fn broadcast() -> Outcome<()> {
    let (sender, _) = broadcast::channel::<String>(64);
    let router = Router::new().route("/events", get(events)).with_state(sender.clone());
    serve(router, move |text| {
        let data = format!(
            r#"{{"job_id":"{}","seq":1,"at":"2026-01-01T00:00:00.000Z","status":"processing","progress":10,"current_step":"Step 1/3: Analyzing","step":1,"total_steps":3,"attempt":1,"text":"{text}"}}"#,
            Uuid::nil()
        );
        // It fails while nobody listens, which a reader tells.
        let _ = sender.send(data);
    })
    .await
}

async fn events(State(sender): State<broadcast::Sender<String>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = stream::iter([Ok(Event::default().event("sync").data("{}"))]);
    let live = BroadcastStream::new(sender.subscribe())
        .filter_map(async |data| data.ok().map(|data| Ok(Event::default().id("1").event("delta").data(data))));
    Sse::new(first.chain(live)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

async fn serve(router: Router, emit: impl Fn(String) + Send + 'static) -> Outcome<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    greet(listener.local_addr()?, "/events")?;
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    obey(emit).await?;
    serving.abort();
    Ok(())
}
