//! Results in the origin application's tables, whatever their vintage.

use jobcast::write::{ColumnKind, ResultRow, ResultTable};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{NORTHWIND, SOREN, Vintage, on_every_vintage};
use crate::store::rows::{assert_shows, complete_with, full_row};
use crate::store::settings;

on_every_vintage!(
    every_table_takes_a_row_and_shows_it,
    texts_that_are_too_long_are_cut,
    a_brand_that_goes_takes_all_along,
    rows_of_the_application_are_shown_too,
);

async fn every_table_takes_a_row_and_shows_it(vintage: &Vintage) {
    let database = vintage.database().await;
    let store = database.store(settings()).await;
    for table in ResultTable::ALL {
        let row = full_row(table);
        complete_with(&*store, NORTHWIND, vec![row.clone()]).await;
        let shown = store.latest_rows(table, NORTHWIND, 1).await.unwrap();
        let as_text: Vec<_> = assert_shows(&shown[0], &row).into_iter().map(|column| (table, column)).collect();
        let expected: Vec<_> = vintage.as_text.iter().filter(|(of, _)| *of == table).copied().collect();
        assert_eq!(as_text, expected);
    }
}

async fn texts_that_are_too_long_are_cut(vintage: &Vintage) {
    let database = vintage.database().await;
    let store = database.store(settings()).await;
    let long = "ß\u{1F600}".repeat(400);
    for table in ResultTable::ALL {
        let mut row = full_row(table);
        let columns = table.columns().iter().filter(|column| column.kind == ColumnKind::Text);
        let columns: Vec<&str> = columns.map(|column| column.name).filter(|name| *name != "status").collect();
        for column in &columns {
            row.values.insert((*column).to_owned(), json!(long));
        }
        complete_with(&*store, NORTHWIND, vec![row]).await;
        let shown = store.latest_rows(table, NORTHWIND, 1).await.unwrap().remove(0);
        for column in columns {
            let room = format!(
                "SELECT coalesce(max(character_maximum_length), 800)::bigint FROM information_schema.columns
                 WHERE table_name = '{}' AND column_name = '{column}'",
                table.as_str()
            );
            let kept: String = long.chars().take(database.number(&room).await as usize).collect();
            assert_eq!(shown[column], kept, "{}.{column}", table.as_str());
        }
    }
}

async fn a_brand_that_goes_takes_all_along(vintage: &Vintage) {
    let database = vintage.database().await;
    let store = database.store(settings()).await;
    let tables = ResultTable::ALL.map(ResultTable::as_str);
    for table in ResultTable::ALL {
        for brand in [NORTHWIND, SOREN] {
            complete_with(&*store, brand, vec![full_row(table)]).await;
        }
    }
    database.execute(&format!("DELETE FROM brands WHERE id = '{NORTHWIND}'")).await;
    for table in tables.into_iter().chain(["ai_jobs"]) {
        let of = |brand| format!("SELECT count(*) FROM {table} WHERE brand_id = '{brand}'");
        assert_eq!(database.number(&of(NORTHWIND)).await, 0, "{table}");
        assert!(database.number(&of(SOREN)).await > 0, "{table}");
    }
    let orphans = "SELECT count(*) FROM job_events WHERE job_id NOT IN (SELECT id FROM ai_jobs)";
    assert_eq!(database.number(orphans).await, 0);
    assert!(database.number("SELECT count(*) FROM job_events").await > 0);
}

async fn rows_of_the_application_are_shown_too(vintage: &Vintage) {
    let database = vintage.database().await;
    let store = database.store(settings()).await;
    let audiences = store.latest_rows(ResultTable::TargetAudiences, NORTHWIND, 10).await.unwrap();
    assert_eq!(audiences.len(), 1);
    assert_eq!(audiences[0]["name"], "Tea drinkers");
    let data = store.latest_rows(ResultTable::BrandData, NORTHWIND, 10).await.unwrap();
    assert_eq!(data[0]["colors"], json!({"primary": ["#1e40af"]}));
    let brand = store.brand(NORTHWIND).await.unwrap().unwrap();
    assert_eq!((&brand["name"], &brand["website"]), (&json!("Northwind"), &json!("https://northwind.example")));
    let nobody = jobcast::job::BrandId(Uuid::new_v4());
    assert_eq!(store.brand(nobody).await.unwrap(), None);
    assert_eq!(store.latest_rows(ResultTable::BrandData, nobody, 10).await.unwrap(), [] as [Value; 0]);
    // A row that the application has without some of the columns is completed with ours.
    let row = ResultRow::new(ResultTable::Campaigns, Uuid::now_v7(), &json!({"name": "Winter", "objective": "reach"}));
    complete_with(&*store, SOREN, vec![row]).await;
    let campaigns = store.latest_rows(ResultTable::Campaigns, SOREN, 10).await.unwrap();
    assert_eq!((&campaigns[0]["status"], &campaigns[0]["budget"]), (&json!("draft"), &json!(null)), "the defaults");
}
