//! Deliveries to webhooks: writes, claims and settles them, and reads how those of some jobs stand.
//! Must not wait for a delivery that another instance is claiming.

use std::collections::HashMap;

use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use super::row;
use crate::job::{BrandId, JobId};
use crate::store::plan::Plan;
use crate::store::webhook::DeliveryRow;
use crate::store::{ClaimedWebhook, StoreError, StoredJob, WebhookClaim, WebhookOutcome};

/// Makes the deliveries of the plan part of the transaction that writes their events.
pub(super) async fn insert(connection: &mut PgConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    let deliveries = &plan.deliveries;
    if deliveries.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO webhook_deliveries (job_id, seq, brand_id, url, body)
         SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[])",
    )
    .bind(deliveries.iter().map(|delivery| delivery.job_id.0).collect::<Vec<_>>())
    .bind(deliveries.iter().map(|delivery| delivery.seq).collect::<Vec<_>>())
    .bind(deliveries.iter().map(|delivery| delivery.brand_id.0).collect::<Vec<_>>())
    .bind(deliveries.iter().map(|delivery| delivery.url.as_str()).collect::<Vec<_>>())
    .bind(deliveries.iter().map(|delivery| delivery.body.as_str()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn claim(
    connection: &mut PgConnection,
    claim: &WebhookClaim,
) -> Result<Vec<ClaimedWebhook>, StoreError> {
    let mut transaction = connection.begin().await?;
    let rows = sqlx::query(
        "SELECT job_id, seq, brand_id, url, body, attempts FROM webhook_deliveries
         WHERE status = 'pending' AND due_at <= now() AND brand_id <> ALL($1)
         ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED",
    )
    .bind(claim.full_brands().map(|brand_id| brand_id.0).collect::<Vec<_>>())
    .bind(claim.candidates())
    .fetch_all(&mut *transaction)
    .await?;
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
    let claimed = claim.pick(candidates);
    if !claimed.is_empty() {
        sqlx::query(
            "UPDATE webhook_deliveries AS d SET attempts = d.attempts + 1, due_at = now() + make_interval(secs => $3)
             FROM UNNEST($1::uuid[], $2::bigint[]) AS c (job_id, seq) WHERE d.job_id = c.job_id AND d.seq = c.seq",
        )
        .bind(claimed.iter().map(|claimed| claimed.job_id.0).collect::<Vec<_>>())
        .bind(claimed.iter().map(|claimed| claimed.seq).collect::<Vec<_>>())
        .bind(claim.lease.as_secs_f64())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(claimed)
}

pub(super) async fn settle(
    connection: &mut PgConnection,
    webhook: &ClaimedWebhook,
    outcome: &WebhookOutcome,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE webhook_deliveries
         SET status = $4, last_error = coalesce($5, last_error), due_at = now() + make_interval(secs => $6),
             delivered_at = CASE $4 WHEN 'delivered' THEN now() END
         WHERE job_id = $1 AND seq = $2 AND attempts = $3 AND status = 'pending'",
    )
    .bind(webhook.job_id.0)
    .bind(webhook.seq)
    .bind(i64::from(webhook.attempt))
    .bind(outcome.status().as_str())
    .bind(outcome.error())
    .bind(outcome.after().as_secs_f64())
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds to the jobs how the deliveries of their latest events stand. Asks nothing where no job has a webhook.
pub(super) async fn add_states(connection: &mut PgConnection, jobs: &mut [StoredJob]) -> Result<(), StoreError> {
    let over: Vec<(Uuid, i64)> = jobs.iter().filter_map(StoredJob::awaited_delivery).collect();
    if over.is_empty() {
        return Ok(());
    }
    let (ids, seqs): (Vec<Uuid>, Vec<i64>) = over.into_iter().unzip();
    let rows = sqlx::query(
        "SELECT d.job_id, d.status, d.attempts, d.last_error, d.due_at, d.delivered_at FROM webhook_deliveries AS d
         JOIN UNNEST($1::uuid[], $2::bigint[]) AS c (job_id, seq) ON d.job_id = c.job_id AND d.seq = c.seq",
    )
    .bind(ids)
    .bind(seqs)
    .fetch_all(connection)
    .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let delivery = DeliveryRow {
            job_id: JobId(row.try_get("job_id")?),
            status: row.try_get("status")?,
            attempts: row::count(row, "attempts")?,
            last_error: row.try_get("last_error")?,
            due_at: row.try_get("due_at")?,
            delivered_at: row.try_get("delivered_at")?,
        };
        found.insert(delivery.job_id, delivery);
    }
    jobs.iter_mut().for_each(|job| job.set_delivery(&mut found));
    Ok(())
}
