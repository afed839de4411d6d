//! The stream of a brand: takes positions in it, and reads where it has come to.
//! Must not take a position outside an immediate transaction.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::known::Known;
use super::recent::RecentEvents;
use super::statement::{list, runs};
use crate::event::Seq;
use crate::job::BrandId;
use crate::store::plan::Plan;
use crate::store::{BrandStream, StoreError};

/// Takes a position for each event of the plan. The row of the brand follows when the events are sorted in.
pub(super) async fn number(
    connection: &mut SqliteConnection,
    known: &mut Known,
    recent: &RecentEvents,
    plan: &mut Plan<'_>,
) -> Result<(), sqlx::Error> {
    let events = plan.events_of_brands();
    let unknown: Vec<BrandId> = events.keys().copied().filter(|id| !known.brands.contains_key(id)).collect();
    for run in runs(&unknown) {
        let statement =
            format!("SELECT brand_id, last_seq FROM brand_streams WHERE brand_id IN ({})", list("?", run.len()));
        let query = sqlx::query_as::<_, (Uuid, Seq)>(sqlx::AssertSqlSafe(statement));
        let rows = run.iter().fold(query, |query, id| query.bind(id.0)).fetch_all(&mut *connection).await?;
        known.brands.extend(rows.into_iter().map(|(brand_id, last)| (BrandId(brand_id), last)));
    }
    for brand_id in unknown {
        let last = known.brands.entry(brand_id).or_default();
        *last = recent.read().last_of_brand(brand_id).max(*last);
    }
    for (brand_id, events) in events {
        *known.brands.entry(brand_id).or_default() += events;
    }
    plan.number(&known.brands);
    Ok(())
}

pub(super) async fn read(
    readers: &SqlitePool,
    recent: &RecentEvents,
    brand_id: BrandId,
) -> Result<BrandStream, StoreError> {
    let last = recent.ask(readers, |recent| recent.last_of_brand(brand_id)).await?;
    let found: Option<(Seq, Seq)> =
        sqlx::query_as("SELECT last_seq, pruned_through FROM brand_streams WHERE brand_id = ?")
            .bind(brand_id.0)
            .fetch_optional(readers)
            .await?;
    let (last_seq, pruned_through) = found.unwrap_or_default();
    Ok(BrandStream { last_seq: last_seq.max(last), pruned_through })
}
