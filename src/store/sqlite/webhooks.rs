//! Deliveries to webhooks: writes, claims and settles them, and reads how those of some jobs stand.
//! Must not take the writing connection for a look that finds nothing due.

use std::collections::HashMap;

use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{Connection, QueryBuilder, Row, SqliteConnection};

use super::row::{self, instant, microseconds, microseconds_after};
use super::statement::{over_rows, runs};
use crate::job::{BrandId, JobId};
use crate::store::plan::NewDelivery;
use crate::store::webhook::DeliveryRow;
use crate::store::{ClaimedWebhook, StoreError, StoredJob, WebhookClaim, WebhookOutcome, WebhookStatus, now};
use chrono::{DateTime, Utc};

/// Makes the deliveries part of the transaction that writes their events.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    deliveries: &[NewDelivery],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for run in runs(deliveries) {
        let mut query = over_rows(
            "INSERT INTO webhook_deliveries (job_id, seq, brand_id, url, body, due_at) VALUES",
            run.len(),
            6,
            "",
        );
        for delivery in run {
            query = query
                .bind(delivery.job_id.0)
                .bind(delivery.seq)
                .bind(delivery.brand_id.0)
                .bind(&delivery.url)
                .bind(&delivery.body)
                .bind(microseconds(now));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Whether anything is due.
pub(super) async fn any_due(readers: &SqlitePool) -> Result<bool, StoreError> {
    let found: i64 =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM webhook_deliveries WHERE status = 'pending' AND due_at <= ?)")
            .bind(microseconds(now()))
            .fetch_one(readers)
            .await?;
    Ok(found != 0)
}

pub(super) async fn claim(
    connection: &mut SqliteConnection,
    claim: &WebhookClaim,
) -> Result<Vec<ClaimedWebhook>, StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let now = now();
    let claimed = claim.pick(candidates(&mut transaction, claim, now).await?);
    for webhook in &claimed {
        sqlx::query("UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = ? WHERE job_id = ? AND seq = ?")
            .bind(microseconds_after(now, claim.lease))
            .bind(webhook.job_id.0)
            .bind(webhook.seq)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(claimed)
}

async fn candidates(
    connection: &mut SqliteConnection,
    claim: &WebhookClaim,
    now: DateTime<Utc>,
) -> Result<Vec<ClaimedWebhook>, StoreError> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
        "SELECT job_id, seq, brand_id, url, body, attempts FROM webhook_deliveries
         WHERE status = 'pending' AND due_at <= ",
    );
    query.push_bind(microseconds(now)).push(" AND brand_id NOT IN (");
    let mut list = query.separated(", ");
    for brand_id in claim.full_brands() {
        list.push_bind(brand_id.0);
    }
    query.push(") ORDER BY due_at LIMIT ").push_bind(claim.candidates());
    let rows = query.build().fetch_all(connection).await?;
    let mut candidates = Vec::with_capacity(rows.len());
    for found in &rows {
        candidates.push(ClaimedWebhook {
            job_id: JobId(found.try_get("job_id")?),
            seq: found.try_get("seq")?,
            brand_id: BrandId(found.try_get("brand_id")?),
            url: found.try_get("url")?,
            body: found.try_get("body")?,
            attempt: row::count(found, "attempts")?,
        });
    }
    Ok(candidates)
}

pub(super) async fn settle(
    connection: &mut SqliteConnection,
    webhook: &ClaimedWebhook,
    outcome: &WebhookOutcome,
) -> Result<(), StoreError> {
    let now = now();
    let delivered = outcome.status() == WebhookStatus::Delivered;
    sqlx::query(
        "UPDATE webhook_deliveries SET status = ?, last_error = coalesce(?, last_error), due_at = ?, delivered_at = ?
         WHERE job_id = ? AND seq = ? AND attempts = ? AND status = 'pending'",
    )
    .bind(outcome.status().as_str())
    .bind(outcome.error())
    .bind(microseconds_after(now, outcome.after()))
    .bind(delivered.then(|| microseconds(now)))
    .bind(webhook.job_id.0)
    .bind(webhook.seq)
    .bind(webhook.attempt)
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds to the jobs how the deliveries of their latest events stand. Asks nothing where no job has a webhook.
pub(super) async fn add_states(readers: &SqlitePool, jobs: &mut [StoredJob]) -> Result<(), StoreError> {
    let over: Vec<_> = jobs.iter().filter_map(StoredJob::awaited_delivery).collect();
    let mut found = HashMap::with_capacity(over.len());
    for run in runs(&over) {
        let mut query = over_rows(
            "WITH c (job_id, seq) AS (VALUES",
            run.len(),
            2,
            ") SELECT d.job_id, d.status, d.attempts, d.last_error, d.due_at, d.delivered_at
             FROM webhook_deliveries AS d JOIN c ON d.job_id = c.job_id AND d.seq = c.seq",
        );
        for (id, seq) in run {
            query = query.bind(*id).bind(*seq);
        }
        for row in query.fetch_all(readers).await? {
            let delivery = DeliveryRow {
                job_id: JobId(row.try_get("job_id")?),
                status: row.try_get("status")?,
                attempts: row::count(&row, "attempts")?,
                last_error: row.try_get("last_error")?,
                due_at: instant(row.try_get("due_at")?)?,
                delivered_at: row.try_get::<Option<i64>, _>("delivered_at")?.map(instant).transpose()?,
            };
            found.insert(delivery.job_id, delivery);
        }
    }
    jobs.iter_mut().for_each(|job| job.set_delivery(&mut found));
    Ok(())
}
