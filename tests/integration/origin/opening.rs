//! Opening the store on the origin application's database: what is there stays as it is, what is missing is added.

use std::borrow::Cow;

use jobcast::job::{JobStatus, JobType};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection, SqlSafeStr};

use super::snapshot::Snapshot;
use super::{NAMED, NORTHWIND, Vintage, on_every_vintage};
use crate::databases::TestDatabase;
use crate::store::{commit_one, create, settings};

on_every_vintage!(what_was_there_stays_as_it_was, what_was_allowed_is_allowed_and_more, every_column_is_there);

/// UPSTREAMS §12, and the times that every table has.
const COLUMNS: &[(&str, &str)] = &[
    (
        "ai_jobs",
        "job_type status input_data result_data result_id progress current_step total_steps error_message retry_count \
         max_retries started_at completed_at",
    ),
    (
        "brand_intelligence",
        "brand_name tagline mission vision values brand_tone brand_voice messaging_themes industry target_market \
         unique_value_proposition key_messages content_themes pages_analyzed analysis_confidence raw_analysis",
    ),
    (
        "competitor_analyses",
        "competitor_id competitor_name competitor_website facebook_page total_ads_analyzed ad_ids ads_data overview \
         positioning creative_strategy messaging_analysis visual_design_elements target_audience_insights \
         performance_indicators recommendations key_findings analysis_model analysis_confidence analysis_date \
         analysis_start_date analysis_end_date",
    ),
    ("target_audiences", "name description demographics psychographics"),
    ("products_services", "name category description price features image_url"),
    ("campaigns", "name objective target_audience_ids start_date end_date budget channels status"),
    ("brand_data", "url timestamp colors typography logos metadata screenshot"),
    ("brand_pages", "url timestamp total_pages_found pages insights metadata"),
];

async fn what_was_there_stays_as_it_was(vintage: &Vintage) {
    let database = vintage.database().await;
    let before = Snapshot::of(&database).await;
    for table in before.filled_tables().into_iter().chain(["brands", "brand_data", "campaigns"]) {
        assert!(before.filled_tables().contains(&table), "{table} has rows");
    }
    let stores = tokio::join!(database.store(settings()), database.store(settings()));
    before.assert_kept(&database).await;
    let opened = Snapshot::of(&database).await;
    drop(database.store(settings()).await);
    assert_eq!(Snapshot::of(&database).await, opened, "a second opening changes nothing");
    for store in [stores.0, stores.1] {
        let job = commit_one(&*store, create(NORTHWIND)).await.unwrap().job;
        assert_eq!(store.job(job.id).await.unwrap().unwrap().job, job);
    }
    before.assert_kept(&database).await;
}

async fn what_was_allowed_is_allowed_and_more(vintage: &Vintage) {
    let database = vintage.database().await;
    drop(database.store(settings()).await);
    let insert = async |job_type: &str, status: &str| {
        let insert = "INSERT INTO ai_jobs (brand_id, job_type, status) VALUES";
        database.try_execute(&format!("{insert} ('{NORTHWIND}', '{job_type}', '{status}')")).await
    };
    let ours = JobType::ALL.map(JobType::as_str);
    for job_type in ours.iter().chain(vintage.job_types) {
        for status in JobStatus::ALL.map(JobStatus::as_str).iter().chain(vintage.statuses) {
            insert(job_type, status).await.unwrap_or_else(|error| panic!("{job_type}, {status}: {error}"));
        }
    }
    assert!(insert("no_such_type", "pending").await.is_err(), "the CHECK is still there");
    let has_status_check = !vintage.statuses.contains(&"on_hold");
    assert_eq!(insert("campaigns", "no_such_status").await.is_err(), has_status_check);
}

async fn every_column_is_there(vintage: &Vintage) {
    let database = vintage.database().await;
    drop(database.store(settings()).await);
    for (table, columns) in COLUMNS {
        let there = format!("SELECT column_name::text FROM information_schema.columns WHERE table_name = '{table}'");
        let there = database.texts(&there).await;
        for column in columns.split_whitespace().chain(["id", "brand_id", "created_at", "updated_at"]) {
            assert!(there.iter().any(|name| name == column), "{table}.{column} is missing: {there:?}");
        }
    }
}

/// A database that the version before this one has taken over already: it left such CHECKs as they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_the_first_migration_has_changed_is_widened_too() {
    let database = NAMED.database().await;
    // With jobs of a type of the application's own in the table, that version could not be started.
    database.execute("DELETE FROM ai_jobs WHERE job_type = 'brand_audit'").await;
    let before = Snapshot::of(&database).await;
    run_the_first_migration(&database).await;
    let insert = |status: &str| {
        format!(
            "INSERT INTO ai_jobs (id, brand_id, job_type, status, last_seq, completed_at)
             VALUES (gen_random_uuid(), '{NORTHWIND}', 'campaigns', '{status}', 3, now() - interval '1 year')"
        )
    };
    assert!(database.try_execute(&insert("cancelled")).await.is_err(), "the CHECK was left as it was");
    database.execute(&insert("completed")).await;
    database.execute("INSERT INTO job_events SELECT id, 1, 'delta', now(), '{}' FROM ai_jobs WHERE last_seq > 0").await;

    let store = database.store(settings()).await;
    database.execute(&insert("cancelled")).await;
    assert_eq!(store.prune(chrono::Utc::now(), chrono::Utc::now()).await.unwrap(), 1, "its own job is pruned");
    before.assert_kept(&database).await;
}

/// As it was released, and recorded as that version did.
async fn run_the_first_migration(database: &TestDatabase) {
    let sql = include_str!("../../../migrations/postgres/0001_jobs_events_steps_and_brand_intelligence.sql");
    let description = Cow::Borrowed("jobs events steps and brand intelligence");
    let first = Migration::new(1, description, MigrationType::Simple, sql.into_sql_str(), false);
    let mut migrator = Migrator::with_migrations(vec![first]);
    migrator.dangerous_set_table_name("jobcast_migrations");
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    migrator.run_direct(None, &mut connection, false).await.unwrap();
}
