//! The stream of a brand: takes positions in it, and reads where it has come to.
//! Must not take a position outside an immediate transaction.

use std::collections::HashMap;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::statement::{list, runs};
use crate::job::BrandId;
use crate::store::plan::Plan;
use crate::store::{BrandStream, StoreError};

/// Takes a position for each event of the plan.
pub(super) async fn number(connection: &mut SqliteConnection, plan: &mut Plan<'_>) -> Result<(), sqlx::Error> {
    let brands: Vec<(BrandId, i64)> = plan.events_of_brands().into_iter().collect();
    let mut last_seqs = HashMap::with_capacity(brands.len());
    for run in runs(&brands) {
        let statement = format!(
            "INSERT INTO brand_streams (brand_id, last_seq) VALUES {}
             ON CONFLICT (brand_id) DO UPDATE SET last_seq = brand_streams.last_seq + excluded.last_seq
             RETURNING brand_id, last_seq",
            list("(?, ?)", run.len())
        );
        let mut query = sqlx::query_as::<_, (Uuid, i64)>(sqlx::AssertSqlSafe(statement));
        for (brand_id, events) in run {
            query = query.bind(brand_id.0).bind(*events);
        }
        let rows = query.fetch_all(&mut *connection).await?;
        last_seqs.extend(rows.into_iter().map(|(brand_id, last)| (BrandId(brand_id), last)));
    }
    plan.number(&last_seqs);
    Ok(())
}

pub(super) async fn read(readers: &SqlitePool, brand_id: BrandId) -> Result<BrandStream, StoreError> {
    let found: Option<(i64, i64)> =
        sqlx::query_as("SELECT last_seq, pruned_through FROM brand_streams WHERE brand_id = ?")
            .bind(brand_id.0)
            .fetch_optional(readers)
            .await?;
    Ok(found.map_or_else(BrandStream::default, |(last_seq, pruned_through)| BrandStream { last_seq, pruned_through }))
}
