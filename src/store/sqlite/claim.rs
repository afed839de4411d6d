//! Takes due jobs for their next attempt.
//! Must not run beside another claim; the immediate transaction sees to it.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::sqlite::Sqlite;
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::recent::{RecentEvents, Written, catch_up};
use super::row::{microseconds, microseconds_after};
use super::writer::Session;
use super::{brand_stream, recent_table, row, save};
use crate::job::BrandId;
use crate::store::plan::{CANDIDATES_PER_CLAIM, plan_claim};
use crate::store::{Claim, Claimed, StoreError, StoredJob, now};

pub(super) async fn claim(
    session: &mut Session,
    recent: &RecentEvents,
    claim: &Claim,
    lease: Duration,
) -> Result<Vec<Claimed>, StoreError> {
    session.make_room(recent, claim.limit as usize).await?;
    let Session { connection, known } = session;
    known.begin(connection, recent).await?;
    let now = now();
    let under_way = under_way(connection).await?;
    let candidates = candidates(connection, recent, claim, &under_way, now).await?;
    let (mut plan, mut claimed) = plan_claim(claim, candidates, under_way, now);
    brand_stream::number(connection, known, recent, &mut plan).await?;
    claimed.iter_mut().zip(&plan.events).for_each(|(claimed, event)| claimed.event = event.clone());
    save::save(connection, known, &plan, None, lease, now).await?;
    let written = Written { batch: None, lease_expires_at: microseconds_after(now, lease) };
    recent_table::insert_and_commit(connection, &plan, written, now).await?;
    recent.add(plan.take_events(), written);
    known.pending = known.pending.map(|pending| pending.saturating_sub(claimed.len() as u64));
    Ok(claimed)
}

/// How many jobs each brand is running.
async fn under_way(connection: &mut SqliteConnection) -> Result<HashMap<BrandId, u32>, StoreError> {
    let rows = sqlx::query(
        "SELECT brand_id, count(*) AS jobs FROM ai_jobs
         WHERE status = 'processing' AND lease_expires_at IS NOT NULL GROUP BY brand_id",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|found| Ok((BrandId(found.try_get("brand_id")?), row::count(found, "jobs")?))).collect()
}

/// Due jobs of brands that have room, the oldest due first. The row of one that was put back by hand may be behind.
async fn candidates(
    connection: &mut SqliteConnection,
    recent: &RecentEvents,
    claim: &Claim,
    under_way: &HashMap<BrandId, u32>,
    now: DateTime<Utc>,
) -> Result<Vec<StoredJob>, StoreError> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(concat!(
        "SELECT ",
        job_columns!(),
        ", input_data FROM ai_jobs WHERE status = 'pending' AND run_at <= "
    ));
    query.push_bind(microseconds(now)).push(" AND job_type IN (");
    let mut list = query.separated(", ");
    for job_type in &claim.job_types {
        list.push_bind(job_type.as_str());
    }
    query.push(") AND brand_id NOT IN (");
    let mut list = query.separated(", ");
    for (brand, _) in under_way.iter().filter(|(_, jobs)| **jobs >= claim.max_jobs_per_brand) {
        list.push_bind(brand.0);
    }
    query.push(") ORDER BY run_at, created_at, id LIMIT ");
    query.push_bind(i64::from(claim.limit) * i64::from(CANDIDATES_PER_CLAIM));
    let rows = query.build().fetch_all(connection).await?;
    let mut jobs: Vec<StoredJob> =
        rows.iter().filter_map(|found| row::stored_job(found).transpose()).collect::<Result<_, _>>()?;
    let recent = recent.read();
    for StoredJob { job, .. } in &mut jobs {
        if let Some(latest) = recent.latest(job.id) {
            catch_up(job, &latest)?;
        }
    }
    Ok(jobs)
}
