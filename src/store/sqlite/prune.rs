//! Removes the events that retention no longer keeps.
//! Must not hold the writing connection for long: the work of a call is bounded.

use chrono::{DateTime, Utc};
use sqlx::{Connection, SqliteConnection};

use super::recent::RecentEvents;
use super::row::microseconds;
use super::writer::Session;
use crate::store::StoreError;
use crate::store::plan::{PRUNE_ROUNDS, PRUNED_JOBS_PER_ROUND};

pub(super) async fn prune(
    session: &mut Session,
    recent: &RecentEvents,
    deltas_before: DateTime<Utc>,
    events_before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    session.sort_in(recent, usize::MAX).await?;
    let connection = &mut session.connection;
    let deltas = until_some_are_removed(connection, &DELTAS, deltas_before).await?;
    let history = until_some_are_removed(connection, &HISTORY, events_before).await?;
    Ok(deltas + history)
}

/// The statements of a round. The jobs are marked first; what was just marked is what is to be removed.
struct Round {
    begin: &'static str,
    choose: &'static str,
    /// Tells the streams of the brands what is about to go.
    tell: Option<&'static str>,
    remove: &'static str,
    mark: &'static str,
}

const DELTAS: Round = Round {
    begin: "CREATE TEMP TABLE IF NOT EXISTS pruning (id BLOB NOT NULL PRIMARY KEY, last_seq INTEGER NOT NULL)",
    choose: "INSERT INTO pruning SELECT id, last_seq FROM ai_jobs
             WHERE pruned = 'nothing' AND status IN ('completed', 'failed', 'cancelled') AND pruned <> 'history'
                   AND completed_at < ? ORDER BY completed_at LIMIT ?",
    // A replay without deltas is whole.
    tell: None,
    remove: "DELETE FROM job_events WHERE job_id IN (SELECT id FROM pruning) AND name = 'delta'",
    mark: "UPDATE ai_jobs SET pruned = 'deltas' WHERE id IN (SELECT id FROM pruning)",
};

const HISTORY: Round = Round {
    begin: DELTAS.begin,
    choose: "INSERT INTO pruning SELECT id, last_seq FROM ai_jobs
             WHERE pruned IN ('nothing', 'deltas') AND status IN ('completed', 'failed', 'cancelled')
                   AND pruned <> 'history' AND completed_at < ? ORDER BY completed_at LIMIT ?",
    tell: Some(
        "UPDATE brand_streams SET pruned_through = max(pruned_through, gone.through)
         FROM (SELECT e.brand_id, max(e.brand_seq) AS through FROM job_events AS e
               JOIN pruning AS p ON p.id = e.job_id AND e.seq < p.last_seq
               WHERE e.name <> 'delta' AND e.brand_seq IS NOT NULL GROUP BY e.brand_id) AS gone
         WHERE brand_streams.brand_id = gone.brand_id",
    ),
    remove: "DELETE FROM job_events WHERE job_id IN (SELECT id FROM pruning)
             AND seq < (SELECT last_seq FROM pruning WHERE pruning.id = job_events.job_id)",
    mark: "UPDATE ai_jobs SET pruned = 'history', pruned_through = max(last_seq - 1, 0)
           WHERE id IN (SELECT id FROM pruning)",
};

/// Jobs without such events must not make the caller believe that all is done.
async fn until_some_are_removed(
    connection: &mut SqliteConnection,
    round: &Round,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    for _ in 0..PRUNE_ROUNDS {
        let (jobs, events) = run(connection, round, before).await?;
        if events > 0 || jobs == 0 {
            return Ok(events);
        }
    }
    Ok(0)
}

/// Answers how many jobs were dealt with, and how many events removed.
async fn run(
    connection: &mut SqliteConnection,
    round: &Round,
    before: DateTime<Utc>,
) -> Result<(u64, u64), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(round.begin).execute(&mut *transaction).await?;
    sqlx::query("DELETE FROM pruning").execute(&mut *transaction).await?;
    let chosen = sqlx::query(round.choose)
        .bind(microseconds(before))
        .bind(PRUNED_JOBS_PER_ROUND)
        .execute(&mut *transaction)
        .await?;
    if let Some(tell) = round.tell {
        sqlx::query(tell).execute(&mut *transaction).await?;
    }
    let removed = sqlx::query(round.remove).execute(&mut *transaction).await?;
    sqlx::query(round.mark).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok((chosen.rows_affected(), removed.rows_affected()))
}
