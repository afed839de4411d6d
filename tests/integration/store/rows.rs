//! Rows of results: what is saved is shown again, all of them with the result or none.

use chrono::{DateTime, FixedOffset};
use jobcast::job::JobStatus;
use jobcast::write::ColumnKind;
use serde_json::{Map, Value};

use super::*;
use crate::databases::TestDatabase;
use crate::harness::on_both_databases;

on_both_databases!(
    a_row_of_every_table_survives_the_round_trip,
    rows_are_shown_newest_first_up_to_the_limit_and_to_their_own_brand,
    all_rows_are_saved_with_the_result_or_none,
    the_same_batch_again_saves_no_row_twice,
);

/// Columns that only the oldest vintage of the origin application has.
const OLD_COLUMNS: [&str; 3] = ["interests", "pain_points", "goals"];

/// A row with a value of its kind in every column.
pub fn full_row(table: ResultTable) -> ResultRow {
    let value = |kind, name: &str| match kind {
        ColumnKind::Text if name == "status" => json!("active"),
        ColumnKind::Text => json!(format!("»{name}« – it's \"quoted\"\n\u{1F600}")),
        ColumnKind::Integer => json!(-7),
        ColumnKind::Number => json!(0.87),
        ColumnKind::Date => json!("2026-02-28"),
        ColumnKind::Instant => json!("2026-11-23T10:20:30.123456+01:00"),
        ColumnKind::Json => json!({"list": ["a", {"b": null}], "n": 1.5, "of": name}),
        ColumnKind::Document => json!([{"large": name}]),
    };
    row(table, value)
}

/// A row with null in every column that need not be filled.
fn empty_row(table: ResultTable) -> ResultRow {
    const REQUIRED: [&str; 4] = ["name", "competitor_name", "category", "objective"];
    row(table, |_, name| if REQUIRED.contains(&name) { json!("x") } else { json!(null) })
}

fn row(table: ResultTable, value: impl Fn(ColumnKind, &str) -> Value) -> ResultRow {
    let values: Map<String, Value> =
        table.columns().iter().map(|column| (column.name.to_owned(), value(column.kind, column.name))).collect();
    ResultRow::new(table, Uuid::now_v7(), &values.into())
}

/// What `latest_rows` shows must be the row without its documents. Answers the columns in which a list or an object came
/// back as its text, as they do from a TEXT column.
pub fn assert_shows(shown: &Value, row: &ResultRow) -> Vec<&'static str> {
    let mut as_text = Vec::new();
    assert_eq!(shown["id"], row.id.to_string());
    for column in row.table.columns() {
        let (name, expected) = (column.name, &row.values[column.name]);
        let what = format!("{}.{name}: {shown}", row.table.as_str());
        match (column.kind, shown.get(name)) {
            (ColumnKind::Document, shown) => assert_eq!(shown, None, "{what}"),
            (_, None) => assert!(OLD_COLUMNS.contains(&name), "{what}"),
            (ColumnKind::Number, Some(shown)) => match (shown.as_f64(), expected.as_f64()) {
                (Some(shown), Some(expected)) => assert!((shown - expected).abs() < 1e-9, "{what}"),
                _ => assert_eq!(shown, expected, "{what}"),
            },
            (ColumnKind::Instant, Some(shown)) => assert_eq!(instant(shown), instant(expected), "{what}"),
            (ColumnKind::Json, Some(Value::String(text))) => {
                assert_eq!(&serde_json::from_str::<Value>(text).expect(&what), expected, "{what}");
                as_text.push(name);
            }
            (_, Some(shown)) => assert_eq!(shown, expected, "{what}"),
        }
    }
    as_text
}

fn instant(value: &Value) -> Option<DateTime<FixedOffset>> {
    value.as_str().map(|text| DateTime::parse_from_rfc3339(text).expect("an instant is RFC 3339"))
}

/// A result with these rows.
pub fn result_of(rows: Vec<ResultRow>) -> JobResult {
    JobResult { result_id: rows[0].id, result_data: json!({"rows": rows.len()}), usage: None, rows }
}

/// A job of the brand that ends with these rows.
pub async fn complete_with(store: &dyn Store, brand_id: BrandId, rows: Vec<ResultRow>) -> Job {
    let job = running(store, brand_id).await;
    let committed = commit_one(store, report(job.id, 1, Report::Complete(result_of(rows)))).await;
    committed.expect("the result is taken").job
}

async fn running(store: &dyn Store, brand_id: BrandId) -> Job {
    let job = created(store, brand_id).await;
    let claimed = claim_all(store).await;
    claimed.into_iter().find(|claimed| claimed.job.id == job.id).expect("the new job is claimed").job
}

async fn a_row_of_every_table_survives_the_round_trip(database: TestDatabase) {
    let store = database.store(settings()).await;
    for table in ResultTable::ALL {
        for row in [full_row(table), empty_row(table)] {
            let brand_id = brand();
            complete_with(&*store, brand_id, vec![row.clone()]).await;
            let shown = store.latest_rows(table, brand_id, 10).await.unwrap();
            assert_eq!(shown.len(), 1, "{shown:?}");
            assert_eq!(assert_shows(&shown[0], &row), [] as [&str; 0]);
        }
    }
}

async fn rows_are_shown_newest_first_up_to_the_limit_and_to_their_own_brand(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (one, other) = (brand(), brand());
    let mut saved = Vec::new();
    for _ in 0..3 {
        let rows = vec![full_row(ResultTable::TargetAudiences), full_row(ResultTable::TargetAudiences)];
        saved.extend(rows.iter().map(|row| row.id.to_string()));
        complete_with(&*store, one, rows).await;
        complete_with(&*store, other, vec![full_row(ResultTable::TargetAudiences)]).await;
    }
    saved.reverse();
    let ids = async |table, brand_id, limit| {
        let rows = store.latest_rows(table, brand_id, limit).await.unwrap();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(ResultTable::TargetAudiences, one, 100).await, saved);
    assert_eq!(ids(ResultTable::TargetAudiences, one, 3).await, saved[..3]);
    assert_eq!(ids(ResultTable::TargetAudiences, other, 100).await.len(), 3);
    assert!(ids(ResultTable::TargetAudiences, brand(), 100).await.is_empty());
    assert!(ids(ResultTable::Campaigns, one, 100).await.is_empty());
}

async fn all_rows_are_saved_with_the_result_or_none(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = running(&*store, brand()).await;
    let good = vec![full_row(ResultTable::Campaigns), full_row(ResultTable::Campaigns)];
    let mut refused = full_row(ResultTable::Campaigns);
    refused.values.insert("status".to_owned(), json!("nonsense"));
    let with_refused = good.iter().cloned().chain([refused]).collect();
    let complete = |rows| report(job.id, 1, Report::Complete(result_of(rows)));

    let answer = store.commit(Uuid::new_v4(), &[complete(with_refused)]).await;
    assert!(matches!(answer, Err(StoreError::Rejected(_))), "{answer:?}");
    assert_eq!(database.number("SELECT count(*) FROM campaigns").await, 0);
    assert_eq!(stored(&*store, job.id).await, job);
    assert_eq!(store.result_data(job.id).await.unwrap(), None);
    assert_eq!(seqs(&*store, job.id).await, [1, 2], "no terminal event");

    let done = commit_one(&*store, complete(good)).await.unwrap().job;
    assert_eq!((done.status, done.last_seq), (JobStatus::Completed, 3));
    assert_eq!(database.number("SELECT count(*) FROM campaigns").await, 2);
    assert_eq!(store.result_data(job.id).await.unwrap(), Some(json!({"rows": 2})));
}

async fn the_same_batch_again_saves_no_row_twice(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (one, other) = (running(&*store, brand()).await, running(&*store, brand()).await);
    let rows = |table| (0..3).map(|_| full_row(table)).collect();
    let writes = [
        report(one.id, 1, Report::Complete(result_of(rows(ResultTable::ProductsServices)))),
        report(other.id, 1, Report::Complete(result_of(rows(ResultTable::Campaigns)))),
    ];
    let batch = Uuid::new_v4();
    for again in [false, true, true] {
        for outcome in store.commit(batch, &writes).await.unwrap() {
            assert_eq!(outcome.unwrap().again, again);
        }
        for table in ["products_services", "campaigns"] {
            assert_eq!(database.number(&format!("SELECT count(*) FROM {table}")).await, 3, "{table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_its_column_cannot_hold_is_null() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    for (confidence, shown) in [(json!(9.49), json!(9.49)), (json!(12.0), json!(null)), (json!(-1e300), json!(null))] {
        let (brand_id, mut row) = (brand(), full_row(ResultTable::CompetitorAnalyses));
        row.values.insert("analysis_confidence".to_owned(), confidence);
        complete_with(&*store, brand_id, vec![row]).await;
        let rows = store.latest_rows(ResultTable::CompetitorAnalyses, brand_id, 1).await.unwrap();
        assert_eq!(rows[0]["analysis_confidence"], shown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_a_time_is_the_oldest() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let (brand_id, row) = (brand(), full_row(ResultTable::BrandData));
    let insert = format!("INSERT INTO brand_data (brand_id, created_at) VALUES ('{brand_id}', NULL)");
    database.execute(&insert).await;
    complete_with(&*store, brand_id, vec![row.clone()]).await;
    let shown = store.latest_rows(ResultTable::BrandData, brand_id, 10).await.unwrap();
    assert_eq!(shown.len(), 2);
    assert_shows(&shown[0], &row);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brand_is_read_where_the_origin_application_has_it() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let known = brand();
    assert_eq!(store.brand(known).await.unwrap(), None, "without the table");
    database.execute("CREATE TABLE brands (id BIGINT PRIMARY KEY)").await;
    assert_eq!(store.brand(known).await.unwrap(), None, "another program's table of that name");
    database.execute("DROP TABLE brands; CREATE TABLE brands (id UUID PRIMARY KEY, name TEXT, industry TEXT)").await;
    assert_eq!(store.brand(known).await.unwrap(), None, "without the row");
    database.execute(&format!("INSERT INTO brands VALUES ('{known}', 'Søren', NULL)")).await;
    let expected = json!({"id": known, "name": "Søren", "industry": null});
    assert_eq!(store.brand(known).await.unwrap(), Some(expected));
}

#[tokio::test]
async fn sqlite_has_no_brands() {
    let database = TestDatabase::sqlite().await;
    assert_eq!(database.store(settings()).await.brand(brand()).await.unwrap(), None);
}
