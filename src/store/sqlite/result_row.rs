//! Saves and reads the rows of the tables that results go to.
//! Must not begin or end a transaction, or decide what a row says.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::types::Json;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::row::{instant, microseconds};
use crate::job::BrandId;
use crate::store::StoreError;
use crate::write::{Column, ColumnKind, ResultRow, ResultTable};

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    brand_id: BrandId,
    row: &ResultRow,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let given: Vec<(&Column, &Value)> =
        columns(row.table).filter_map(|column| Some((column, row.values.get(column.name)?))).collect();
    let mut query: QueryBuilder<Sqlite> =
        QueryBuilder::new(format!("INSERT INTO {} (id, brand_id, created_at, updated_at", row.table.as_str()));
    for (column, _) in &given {
        query.push(", \"").push(column.name).push("\"");
    }
    query.push(") VALUES (");
    let mut values = query.separated(", ");
    values.push_bind(row.id);
    values.push_bind(brand_id.0);
    values.push_bind(microseconds(now));
    values.push_bind(microseconds(now));
    for (column, value) in given {
        match (column.kind, value) {
            (_, Value::Null) => values.push_bind(None::<String>),
            (ColumnKind::Text | ColumnKind::Date, value) => values.push_bind(value.as_str().map(str::to_owned)),
            (ColumnKind::Integer, value) => values.push_bind(value.as_i64()),
            (ColumnKind::Number, value) => values.push_bind(value.as_f64()),
            (ColumnKind::Instant, value) => values.push_bind(micros_of(value)),
            (ColumnKind::Json | ColumnKind::Document, value) => values.push_bind(Json(value.clone())),
        };
    }
    query.push(")");
    query.build().execute(connection).await?;
    Ok(())
}

pub(super) async fn latest(
    readers: &SqlitePool,
    table: ResultTable,
    brand_id: BrandId,
    limit: u32,
) -> Result<Vec<Value>, StoreError> {
    let shown: Vec<&Column> = columns(table).filter(|column| column.kind != ColumnKind::Document).collect();
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT id");
    for column in &shown {
        query.push(", \"").push(column.name).push("\"");
    }
    query.push(" FROM ").push(table.as_str()).push(" WHERE brand_id = ").push_bind(brand_id.0);
    query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(limit);
    let rows = query.build().fetch_all(readers).await?;
    rows.iter().map(|row| object(row, &shown)).collect()
}

/// The columns of the table; the ones of the origin application's oldest vintage were never made here.
fn columns(table: ResultTable) -> impl Iterator<Item = &'static Column> {
    let is_old = move |column: &Column| {
        table == ResultTable::TargetAudiences && ["interests", "pain_points", "goals"].contains(&column.name)
    };
    table.columns().iter().filter(move |column| !is_old(column))
}

fn object(row: &SqliteRow, columns: &[&Column]) -> Result<Value, StoreError> {
    let mut object = Map::new();
    object.insert("id".to_owned(), row.try_get::<Uuid, _>("id")?.to_string().into());
    for column in columns {
        let name = column.name;
        let value = match column.kind {
            ColumnKind::Text | ColumnKind::Date => row.try_get::<Option<String>, _>(name)?.map(Value::String),
            ColumnKind::Integer => row.try_get::<Option<i64>, _>(name)?.map(Value::from),
            ColumnKind::Number => row.try_get::<Option<f64>, _>(name)?.map(Value::from),
            ColumnKind::Instant => {
                let at = row.try_get::<Option<i64>, _>(name)?.map(instant).transpose()?;
                at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true).into())
            }
            ColumnKind::Json | ColumnKind::Document => {
                row.try_get::<Option<Json<Value>>, _>(name)?.map(|Json(value)| value)
            }
        };
        object.insert(name.to_owned(), value.unwrap_or(Value::Null));
    }
    Ok(Value::Object(object))
}

fn micros_of(value: &Value) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    Some(microseconds(at.with_timezone(&Utc)))
}
