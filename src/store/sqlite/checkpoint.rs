//! Copies the log into the file beside the writing connection, which would otherwise stop for it within a commit.
//! Must not write anything else, and must not be relied on: a log that grows too long is copied by a commit.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The task that copies; it ends when this is closed or dropped.
pub(super) struct Checkpoints {
    due: Arc<Notify>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    pub fn begin(options: SqliteConnectOptions) -> Checkpoints {
        let (due, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let task = tokio::spawn(run(options, due.clone(), stop.clone()));
        Checkpoints { due, stop, task: Mutex::new(Some(task)) }
    }

    /// Has the log copied soon, as far as it has come by then.
    pub fn due(&self) {
        self.due.notify_one();
    }

    /// Returns when nothing is copied any more and the connection is closed.
    pub async fn close(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the copying of SQLite's log ended badly");
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run(options: SqliteConnectOptions, due: Arc<Notify>, stop: CancellationToken) {
    let mut connection = None;
    loop {
        tokio::select! {
            () = due.notified() => {}
            () = stop.cancelled() => break,
        }
        connection = match copy(connection, &options).await {
            Ok(connection) => Some(connection),
            Err(error) => {
                tracing::debug!(%error, "SQLite's log could not be copied now");
                None
            }
        };
    }
    if let Some(connection) = connection
        && let Err(error) = connection.close().await
    {
        tracing::debug!(%error, "the connection that copies SQLite's log did not close cleanly");
    }
}

/// Answers the connection, to be used again.
async fn copy(
    connection: Option<SqliteConnection>,
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => options.connect().await?,
    };
    let outcome = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut connection).await?;
    let (frames, copied): (i64, i64) = (outcome.try_get(1)?, outcome.try_get(2)?);
    tracing::trace!(frames, copied, "copied SQLite's log into the file");
    Ok(connection)
}
