//! Looks at a PostgreSQL server: its version and clock, the tables, what stands between, whether notifications arrive.
//! Must not change anything: what it announces goes to a channel of its own that nobody else listens to.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::timeout;
use uuid::Uuid;

use super::{CONNECT_TIMEOUT, StoreError, at, migrations, options};
use crate::store::inspection::{Pooling, PostgresServer, Schema};

/// How long a look may take in all.
const BOUND: Duration = Duration::from_secs(15);
/// How long an announcement may be on its way.
const HEARD_WITHIN: Duration = Duration::from_secs(5);
/// How often it is tried to catch a pooler at it: another client may take the connection in between.
const ROUNDS: u32 = 4;
/// A pooler that has no second connection to give makes its client wait.
const PATIENCE: Duration = Duration::from_secs(2);

pub(in crate::store) async fn schema(url: &str) -> Result<Schema, StoreError> {
    let options = options(url)?;
    within_bound(&options, async {
        let mut connection = connect(&options).await?;
        let (has_table, beside_the_origin): (bool, bool) =
            sqlx::query_as("SELECT to_regclass($1) IS NOT NULL, to_regclass('ai_jobs') IS NOT NULL")
                .bind(migrations::TABLE)
                .fetch_one(&mut connection)
                .await?;
        let schema =
            migrations::compare(&migrations::for_postgres(beside_the_origin), &mut connection, has_table).await?;
        connection.close().await?;
        Ok(schema)
    })
    .await
}

pub(in crate::store) async fn server(url: &str) -> Result<PostgresServer, StoreError> {
    let options = options(url)?;
    within_bound(&options, async {
        let mut connection = connect(&options).await?;
        // The simple protocol: a pooler may not keep prepared statements.
        let version = simple(&mut connection, "SHOW server_version").await?;
        let version_number = simple(&mut connection, "SHOW server_version_num").await?;
        let clock_ahead = clock_ahead(&mut connection).await?;
        let pooling = pooling(&options, &mut connection).await?;
        connection.close().await?;
        // Distributions add a name of their own.
        let version = version.split_whitespace().next().unwrap_or_default().to_owned();
        Ok(PostgresServer { version, version_number: version_number.parse().unwrap_or(0), clock_ahead, pooling })
    })
    .await
}

pub(in crate::store) async fn hears_notifications(url: &str, direct_url: &str) -> Result<bool, StoreError> {
    let (options, direct) = (options(url)?, options(direct_url)?);
    let channel = format!("jobcast_inspection_{}", Uuid::new_v4().simple());
    let mut listener = within_bound(&direct, async {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT_TIMEOUT);
        let mut listener = PgListener::connect_with(&pool.connect_with(direct.clone()).await?).await?;
        listener.eager_reconnect(false);
        listener.listen(&channel).await?;
        Ok(listener)
    })
    .await?;
    within_bound(&options, async {
        let mut connection = connect(&options).await?;
        simple(&mut connection, &format!("SELECT pg_notify('{channel}', '')::text")).await?;
        connection.close().await?;
        Ok(())
    })
    .await?;
    Ok(matches!(timeout(HEARD_WITHIN, listener.try_recv()).await, Ok(Ok(Some(_)))))
}

async fn clock_ahead(connection: &mut PgConnection) -> Result<chrono::TimeDelta, StoreError> {
    let before = Utc::now();
    let micros = simple(connection, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text").await?;
    let middle = before + (Utc::now() - before) / 2;
    let theirs = micros.parse().ok().and_then(DateTime::from_timestamp_micros).unwrap_or(middle);
    Ok(theirs - middle)
}

/// Two clients that both hold a connection never meet the same process of the server, nor does one of them meet two,
/// unless a pooler gives connections away in between.
async fn pooling(options: &PgConnectOptions, first: &mut PgConnection) -> Result<Pooling, StoreError> {
    const PROCESS: &str = "SELECT pg_backend_pid()::text";
    for _ in 0..ROUNDS {
        let own = simple(first, PROCESS).await?;
        let mut second = connect(options).await?;
        second.execute(sqlx::raw_sql("BEGIN")).await?;
        let theirs = simple(&mut second, PROCESS).await?;
        let is_shared = own == theirs
            || match timeout(PATIENCE, simple(first, PROCESS)).await {
                Ok(now) => now? != own,
                Err(_) => true,
            };
        second.execute(sqlx::raw_sql("ROLLBACK")).await?;
        second.close().await?;
        if is_shared {
            // Both clients give the statement the same name, so that the second one meets that of the first.
            let prepared = timeout(PATIENCE, use_prepared(options)).await.unwrap_or(false);
            return Ok(Pooling::Transaction { keeps_prepared_statements: prepared });
        }
    }
    Ok(Pooling::Session)
}

/// Whether statements that two clients prepare keep apart, in each of a few transactions.
async fn use_prepared(options: &PgConnectOptions) -> bool {
    let attempt = async {
        let (mut one, mut other) = (connect(options).await?, connect(options).await?);
        for _ in 0..ROUNDS {
            sqlx::query("SELECT $1::int4").bind(1).execute(&mut one).await?;
            sqlx::query("SELECT $1::text").bind("1").execute(&mut other).await?;
        }
        one.close().await?;
        other.close().await?;
        Ok::<_, StoreError>(())
    };
    attempt.await.is_ok()
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    Ok(timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options))
        .await
        .map_err(|_| StoreError::Unavailable(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())))??)
}

/// The text in the first column of the first row.
async fn simple(connection: &mut PgConnection, sql: &str) -> Result<String, StoreError> {
    use sqlx::Row;
    let row = connection.fetch_one(sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))).await?;
    Ok(row.try_get(0)?)
}

async fn within_bound<T>(
    options: &PgConnectOptions,
    look: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let silent = |_| StoreError::Unavailable(format!("no answer within {} s", BOUND.as_secs()));
    timeout(BOUND, look).await.map_err(silent).flatten().map_err(|error| at(options, error))
}
