//! Saves and reads the rows of the origin application's tables, in whatever vintage of them the database has.
//! Must not begin or end a transaction, or decide what a row says.

use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::job::BrandId;
use crate::store::StoreError;
use crate::write::{ColumnKind, ResultRow, ResultTable};

/// Inserts the row. PostgreSQL itself turns the values into the types that the table really has: an older vintage keeps
/// as TEXT what a newer one keeps as JSONB. What a column has no room for is cut.
pub(super) async fn insert(
    connection: &mut PgConnection,
    brand_id: BrandId,
    row: &ResultRow,
) -> Result<(), sqlx::Error> {
    let table = row.table.as_str();
    let columns = columns_of(connection, row.table).await?;
    let mut values: Map<String, Value> =
        columns.iter().filter_map(|(name, room)| Some((name.clone(), fit(row.values.get(name)?, *room)))).collect();
    values.insert("id".to_owned(), row.id.to_string().into());
    values.insert("brand_id".to_owned(), brand_id.to_string().into());
    let names = values.keys().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    // The names come from this crate's tables of columns.
    let statement =
        format!("INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{table}, $1)");
    sqlx::query(AssertSqlSafe(statement)).bind(Json(values)).execute(connection).await?;
    Ok(())
}

pub(super) async fn latest(
    connection: &mut PgConnection,
    table: ResultTable,
    brand_id: BrandId,
    limit: u32,
) -> Result<Vec<Value>, StoreError> {
    let documents: Vec<&str> =
        table.columns().iter().filter(|column| column.kind == ColumnKind::Document).map(|column| column.name).collect();
    let statement = format!(
        "SELECT to_jsonb(t) - $2::text[] FROM {} AS t WHERE brand_id = $1 ORDER BY created_at DESC, id DESC LIMIT $3",
        table.as_str()
    );
    let rows: Vec<Json<Value>> = sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(brand_id.0)
        .bind(documents)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|Json(row)| row).collect())
}

/// The origin application's own row of the brand.
pub(super) async fn brand(connection: &mut PgConnection, brand_id: BrandId) -> Result<Option<Value>, StoreError> {
    let is_there: bool =
        sqlx::query_scalar("SELECT to_regclass('brands') IS NOT NULL").fetch_one(&mut *connection).await?;
    if !is_there {
        return Ok(None);
    }
    let row: Option<Json<Value>> = sqlx::query_scalar("SELECT to_jsonb(b) FROM brands AS b WHERE id = $1")
        .bind(brand_id.0)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|Json(row)| row))
}

/// The columns that the table has of those that a row may fill, with the characters that a VARCHAR has room for.
async fn columns_of(
    connection: &mut PgConnection,
    table: ResultTable,
) -> Result<Vec<(String, Option<usize>)>, sqlx::Error> {
    let names: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
    // The type modifier of a VARCHAR is its length and 4 (PostgreSQL's manual, pg_attribute.atttypmod).
    let found: Vec<(String, Option<i32>)> = sqlx::query_as(
        "SELECT attname::text, CASE WHEN atttypid = 'varchar'::regtype AND atttypmod > 4 THEN atttypmod - 4 END
         FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = ANY($2) AND attnum > 0 AND NOT attisdropped",
    )
    .bind(table.as_str())
    .bind(names)
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(|(name, room)| (name, room.and_then(|room| usize::try_from(room).ok()))).collect())
}

/// The value, its text cut to the characters that there is room for.
fn fit(value: &Value, room: Option<usize>) -> Value {
    match (value, room) {
        (Value::String(text), Some(room)) if text.chars().count() > room => {
            Value::String(text.chars().take(room).collect())
        }
        _ => value.clone(),
    }
}
