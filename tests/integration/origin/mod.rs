//! The origin application's database, in each shape that it has had: the service takes it over without a loss, and works
//! beside the application on it.
//! Must not hold what is true of any database; `store` does.

use jobcast::job::BrandId;
use jobcast::write::ResultTable;
use uuid::uuid;

use crate::databases::TestDatabase;

mod jobs;
mod opening;
mod results;
mod snapshot;

/// A shape of the origin application's database.
#[derive(Debug)]
pub struct Vintage {
    /// What brings it about, on an empty database.
    scripts: &'static [&'static str],
    /// What its `ai_jobs` takes; empty where it has no such table.
    job_types: &'static [&'static str],
    statuses: &'static [&'static str],
    /// Columns that keep lists and objects as text.
    as_text: &'static [(ResultTable, &'static str)],
}

/// Brands that every vintage has. Northwind has something in every table.
pub const NORTHWIND: BrandId = BrandId(uuid!("a0000000-0000-4000-8000-000000000001"));
pub const SOREN: BrandId = BrandId(uuid!("a0000000-0000-4000-8000-000000000002"));

const FIRST_SCHEMA: &str = include_str!("vintages/1_first_schema.sql");
const NEWER_MIGRATIONS: &str = include_str!("vintages/2_newer_migrations.sql");
const NEWER_AFTER_FIRST: &str = include_str!("vintages/3_first_schema_then_newer.sql");
const SINCE_THEN: &str = include_str!("vintages/4_today.sql");
const NAMED_CHECKS: &str = include_str!("vintages/5_named_checks.sql");
const FURTHER_TYPE: &str = include_str!("vintages/6_further_type.sql");

const TYPES: &[&str] =
    &["brand_intelligence", "target_audiences", "competitor_analysis", "products_services", "campaigns"];
const TYPES_AND_AUDIT: &[&str] =
    &["brand_intelligence", "target_audiences", "competitor_analysis", "products_services", "campaigns", "brand_audit"];
const STATUSES: &[&str] = &["pending", "processing", "completed", "failed"];
const TEXT_DEMOGRAPHICS: &[(ResultTable, &str)] = &[(ResultTable::TargetAudiences, "demographics")];

static FIRST: Vintage = Vintage { scripts: &[FIRST_SCHEMA], job_types: &[], statuses: &[], as_text: TEXT_DEMOGRAPHICS };
static FRESH: Vintage = Vintage { scripts: &[NEWER_MIGRATIONS], job_types: TYPES, statuses: STATUSES, as_text: &[] };
static MIXED: Vintage = Vintage {
    scripts: &[FIRST_SCHEMA, NEWER_AFTER_FIRST],
    job_types: TYPES,
    statuses: STATUSES,
    as_text: TEXT_DEMOGRAPHICS,
};
static TODAY: Vintage = Vintage {
    scripts: &[FIRST_SCHEMA, NEWER_AFTER_FIRST, SINCE_THEN],
    job_types: TYPES,
    statuses: STATUSES,
    as_text: TEXT_DEMOGRAPHICS,
};
static NAMED: Vintage = Vintage {
    scripts: &[NEWER_MIGRATIONS, NAMED_CHECKS],
    job_types: TYPES_AND_AUDIT,
    statuses: STATUSES,
    as_text: &[],
};
static FURTHER: Vintage = Vintage {
    scripts: &[NEWER_MIGRATIONS, FURTHER_TYPE],
    job_types: TYPES_AND_AUDIT,
    statuses: &["pending", "processing", "completed", "failed", "on_hold"],
    as_text: &[],
};

impl Vintage {
    /// A database of this vintage that no store has opened yet.
    async fn database(&self) -> TestDatabase {
        let database = TestDatabase::postgres().await;
        for script in self.scripts {
            database.execute(script).await;
        }
        database
    }
}

/// Makes a test of each function on each vintage.
macro_rules! on_every_vintage {
    ($($name:ident),* $(,)?) => {
        crate::origin::on_every_vintage!(first_schema FIRST $($name)*);
        crate::origin::on_every_vintage!(newer_migrations FRESH $($name)*);
        crate::origin::on_every_vintage!(first_schema_then_newer MIXED $($name)*);
        crate::origin::on_every_vintage!(today TODAY $($name)*);
        crate::origin::on_every_vintage!(named_checks NAMED $($name)*);
        crate::origin::on_every_vintage!(further_type FURTHER $($name)*);
    };
    ($module:ident $vintage:ident $($name:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&crate::origin::$vintage).await;
            })*
        }
    };
}
use on_every_vintage;
