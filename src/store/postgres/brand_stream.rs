//! The stream of a brand: takes positions in it, and reads where it has come to.
//! Must not take a position without the brand's row lock, or lock a brand before the jobs of a batch.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::job::BrandId;
use crate::store::plan::Plan;
use crate::store::{BrandStream, StoreError};

/// Takes a position for each event of the plan. The rows of the brands are locked, in the order of their ids, until the
/// transaction ends, so that the order of positions is that of commits.
pub(super) async fn number(connection: &mut PgConnection, plan: &mut Plan<'_>) -> Result<(), sqlx::Error> {
    let (brands, events): (Vec<Uuid>, Vec<i64>) =
        plan.events_of_brands().into_iter().map(|(brand_id, events)| (brand_id.0, events)).unzip();
    if brands.is_empty() {
        return Ok(());
    }
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "INSERT INTO brand_streams (brand_id, last_seq)
         SELECT b.brand_id, b.events FROM UNNEST($1::uuid[], $2::bigint[]) AS b (brand_id, events) ORDER BY b.brand_id
         ON CONFLICT (brand_id) DO UPDATE SET last_seq = brand_streams.last_seq + EXCLUDED.last_seq
         RETURNING brand_id, last_seq",
    )
    .bind(brands)
    .bind(events)
    .fetch_all(connection)
    .await?;
    let last_seqs: HashMap<_, _> = rows.into_iter().map(|(brand_id, last)| (BrandId(brand_id), last)).collect();
    plan.number(&last_seqs);
    Ok(())
}

pub(super) async fn read(connection: &mut PgConnection, brand_id: BrandId) -> Result<BrandStream, StoreError> {
    let found: Option<(i64, i64)> =
        sqlx::query_as("SELECT last_seq, pruned_through FROM brand_streams WHERE brand_id = $1")
            .bind(brand_id.0)
            .fetch_optional(connection)
            .await?;
    Ok(found.map_or_else(BrandStream::default, |(last_seq, pruned_through)| BrandStream { last_seq, pruned_through }))
}
