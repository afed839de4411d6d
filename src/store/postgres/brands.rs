//! The origin application's brands: reads one, and finds out which it does not have.
//! Must not change anything, or take it for granted that the table is there.

use std::collections::HashSet;

use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::job::BrandId;
use crate::store::StoreError;

/// The origin application's own row of the brand; nothing where there is none, or where `brands` is another's table.
pub(super) async fn read(connection: &mut PgConnection, brand_id: BrandId) -> Result<Option<Value>, StoreError> {
    let is_there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('brands') AND attname = 'id'
                                                     AND atttypid = 'uuid'::regtype AND NOT attisdropped)",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !is_there {
        return Ok(None);
    }
    let row: Option<Json<Value>> = sqlx::query_scalar("SELECT to_jsonb(b) FROM brands AS b WHERE id = $1")
        .bind(brand_id.0)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|Json(row)| row))
}

/// Those of the brands that a foreign key of `ai_jobs` refuses.
pub(super) async fn unknown(
    connection: &mut PgConnection,
    brands: HashSet<BrandId>,
) -> Result<HashSet<BrandId>, sqlx::Error> {
    let brands: Vec<Uuid> = brands.into_iter().map(|brand| brand.0).collect();
    let references: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.confrelid::regclass::text, quote_ident(there.attname)
         FROM pg_constraint AS c
         JOIN pg_attribute AS here ON here.attrelid = c.conrelid AND c.conkey = ARRAY[here.attnum]
         JOIN pg_attribute AS there ON there.attrelid = c.confrelid AND c.confkey = ARRAY[there.attnum]
         WHERE c.conrelid = 'ai_jobs'::regclass AND c.contype = 'f' AND here.attname = 'brand_id'",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut unknown = HashSet::new();
    for (table, id) in references {
        // Both names come quoted from the database.
        let statement = format!(
            "SELECT b.id FROM UNNEST($1::uuid[]) AS b (id)
             WHERE NOT EXISTS (SELECT 1 FROM {table} AS r WHERE r.{id} = b.id)"
        );
        let missing: Vec<Uuid> =
            sqlx::query_scalar(AssertSqlSafe(statement)).bind(&brands).fetch_all(&mut *connection).await?;
        unknown.extend(missing.into_iter().map(BrandId));
    }
    Ok(unknown)
}
