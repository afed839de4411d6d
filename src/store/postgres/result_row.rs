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
        columns.iter().filter_map(|real| Some((real.name.clone(), real.fit(row.values.get(&real.name)?)))).collect();
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
        "SELECT to_jsonb(t) - $2::text[] FROM {} AS t WHERE brand_id = $1
         ORDER BY created_at DESC NULLS LAST, id DESC LIMIT $3",
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

/// A column that the table has, and what there is room for in it.
struct RealColumn {
    name: String,
    /// The characters that a VARCHAR holds.
    characters: Option<usize>,
    /// A DECIMAL holds numbers below this.
    below: Option<f64>,
}

/// Those of the columns that a row may fill that the table has.
async fn columns_of(connection: &mut PgConnection, table: ResultTable) -> Result<Vec<RealColumn>, sqlx::Error> {
    let names: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
    // The type modifier of a VARCHAR is its length and 4; that of a DECIMAL is 4 and its precision in the upper 16 bits,
    // its scale in the lower 11 (PostgreSQL's numeric.c).
    let found: Vec<(String, Option<i32>, Option<i32>)> = sqlx::query_as(
        "SELECT attname::text,
                CASE WHEN atttypid = 'varchar'::regtype AND atttypmod > 4 THEN atttypmod - 4 END,
                CASE WHEN atttypid = 'numeric'::regtype AND atttypmod > 4
                     THEN (((atttypmod - 4) >> 16) & 65535) - ((atttypmod - 4) & 2047) END
         FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = ANY($2) AND attnum > 0 AND NOT attisdropped",
    )
    .bind(table.as_str())
    .bind(names)
    .fetch_all(connection)
    .await?;
    let real = |(name, characters, digits): (String, Option<i32>, Option<i32>)| RealColumn {
        name,
        characters: characters.and_then(|room| usize::try_from(room).ok()),
        below: digits.map(|digits| 10_f64.powi(digits)),
    };
    Ok(found.into_iter().map(real).collect())
}

impl RealColumn {
    /// The value, its text cut to the characters that there is room for; null in place of a number that is too large.
    fn fit(&self, value: &Value) -> Value {
        match (value, self.characters, self.below) {
            (Value::Null | Value::Bool(_), ..) => value.clone(),
            // A little less, because the column rounds.
            (Value::Number(number), _, Some(below)) if number.as_f64().is_some_and(|n| n.abs() > below - 0.5) => {
                Value::Null
            }
            (Value::Number(_), ..) | (_, None, _) => value.clone(),
            (Value::String(text), Some(room), _) => text.chars().take(room).collect::<String>().into(),
            (Value::Array(_) | Value::Object(_), Some(room), _) => {
                value.to_string().chars().take(room).collect::<String>().into()
            }
        }
    }
}
