//! Takes due jobs for their next attempt.
//! Must not wait for another instance that is claiming, nor for a job that is being changed.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use super::{brand_stream, row, save};
use crate::job::BrandId;
use crate::store::plan::{CANDIDATES_PER_CLAIM, plan_claim};
use crate::store::{Claim, Claimed, StoreError, StoredJob, now};

/// The advisory lock under which all instances claim, so that the limit of a brand holds over all of them.
const CLAIM_LOCK: i64 = i64::from_be_bytes(*b"jobcast\0");

pub(super) async fn claim(
    connection: &mut PgConnection,
    claim: &Claim,
    lease: Duration,
) -> Result<Vec<Claimed>, StoreError> {
    let mut transaction = connection.begin().await?;
    if !try_claim_lock(&mut transaction).await? {
        transaction.rollback().await?;
        return Ok(Vec::new());
    }
    let under_way = under_way(&mut transaction).await?;
    let candidates = lock_candidates(&mut transaction, claim, &under_way).await?;
    let (mut plan, mut claimed) = plan_claim(claim, candidates, under_way, now());
    brand_stream::number(&mut transaction, &mut plan).await?;
    claimed.iter_mut().zip(&plan.events).for_each(|(claimed, event)| claimed.event = event.clone());
    save::save(&mut transaction, &plan, None, lease).await?;
    transaction.commit().await?;
    Ok(claimed)
}

/// Whether nobody else is claiming. Not a blocking lock: an instance that froze in its claim would hold up all others.
async fn try_claim_lock(connection: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(CLAIM_LOCK).fetch_one(connection).await?)
}

/// How many jobs each brand is running. A job that the origin application runs has no lease and is not counted.
async fn under_way(connection: &mut PgConnection) -> Result<HashMap<BrandId, u32>, StoreError> {
    let rows = sqlx::query(
        "SELECT brand_id, count(*)::integer AS jobs FROM ai_jobs
         WHERE status = 'processing' AND lease_expires_at IS NOT NULL GROUP BY brand_id",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| Ok((BrandId(found.try_get("brand_id")?), row::count(found, "jobs")?))).collect()
}

/// Due jobs of brands that have room, the oldest due first; jobs that somebody is changing are left out.
async fn lock_candidates(
    connection: &mut PgConnection,
    claim: &Claim,
    under_way: &HashMap<BrandId, u32>,
) -> Result<Vec<StoredJob>, StoreError> {
    let job_types: Vec<&str> = claim.job_types.iter().map(|job_type| job_type.as_str()).collect();
    let full_brands: Vec<Uuid> =
        under_way.iter().filter(|(_, jobs)| **jobs >= claim.max_jobs_per_brand).map(|(brand, _)| brand.0).collect();
    let rows = sqlx::query(concat!(
        "SELECT ",
        job_columns!(),
        ", coalesce(input_data, '{}') AS input_data FROM ai_jobs
         WHERE status = 'pending' AND run_at <= now() AND job_type = ANY($1) AND brand_id <> ALL($2) AND created_at IS NOT NULL
           -- What the origin application has queued is its own to run.
           AND last_seq > 0
         ORDER BY run_at, created_at, id LIMIT $3 FOR UPDATE SKIP LOCKED"
    ))
    .bind(job_types)
    .bind(full_brands)
    .bind(i64::from(claim.limit) * i64::from(CANDIDATES_PER_CLAIM))
    .fetch_all(connection)
    .await?;
    rows.iter().filter_map(|found| row::stored_job(found).transpose()).collect()
}
