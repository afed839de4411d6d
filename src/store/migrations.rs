//! The migrations of both databases, embedded, and the running of them.
//! Must not contain SQL of its own.

use std::borrow::Cow;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::StoreError;
use super::inspection::{MigrationName, Schema};

/// The table that records what has been applied. The origin application may use sqlx's default name for its own.
pub(super) const TABLE: &str = "jobcast_migrations";

/// One entry for each number: the file has the same name in both folders.
macro_rules! migrations {
    ($folder:literal) => {
        vec![
            migration!(
                $folder,
                1,
                "jobs events steps and brand intelligence",
                "0001_jobs_events_steps_and_brand_intelligence"
            ),
            migration!($folder, 2, "all job types", "0002_all_job_types"),
            migration!($folder, 3, "brand streams", "0003_brand_streams"),
            migration!($folder, 4, "webhooks", "0004_webhooks"),
            migration!($folder, 5, "recent events", "0005_recent_events"),
            migration!($folder, 6, "progress in one statement", "0006_progress_in_one_statement"),
            migration!($folder, 7, "starts in one statement", "0007_starts_in_one_statement"),
        ]
    };
}

macro_rules! migration {
    ($folder:literal, $number:literal, $description:literal, $file:literal) => {
        Migration::new(
            $number,
            Cow::Borrowed($description),
            MigrationType::Simple,
            include_str!(concat!("../../migrations/", $folder, "/", $file, ".sql")).into_sql_str(),
            false,
        )
    };
}

/// Those for PostgreSQL, as they run on a database that has the origin application's `ai_jobs` or on one that has not.
///
/// The first migration, as it was released, replaces the CHECKs of `ai_jobs` by narrower ones, which fails where the
/// origin application has jobs of types of its own, and forbids those types where it has none yet. Beside it the first
/// migration leaves those CHECKs alone; the second one widens them. It is recorded as the same migration either way.
pub(super) fn for_postgres(beside_the_origin: bool) -> Migrator {
    let mut migrations = migrations!("postgres");
    if beside_the_origin && let Some(first) = migrations.iter_mut().find(|migration| migration.version == 1) {
        first.sql = AssertSqlSafe(without_checks(first.sql.as_str())).into_sql_str();
    }
    migrator(migrations)
}

/// The statements that drop or add a CHECK of `ai_jobs` left out.
fn without_checks(sql: &str) -> String {
    let is_check = |statement: &&str| {
        let words: Vec<&str> = statement.split_whitespace().take(5).collect();
        matches!(words[..], ["ALTER", "TABLE", "ai_jobs", "DROP" | "ADD", "CONSTRAINT"])
    };
    sql.split_inclusive(';').filter(|statement| !is_check(statement)).collect()
}

pub(super) fn for_sqlite() -> Migrator {
    migrator(migrations!("sqlite"))
}

fn migrator(migrations: Vec<Migration>) -> Migrator {
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.dangerous_set_table_name(TABLE);
    // A deploy that is rolled back meets the migrations of the later version, which only added.
    migrator.set_ignore_missing(true);
    migrator
}

/// Brings the database up to date. Instances that start at once wait for each other on PostgreSQL.
pub(super) async fn run<C: Migrate>(migrator: &Migrator, connection: &mut C) -> Result<(), StoreError> {
    migrator.run_direct(None, connection, false).await.map_err(failure)
}

/// What [`run`] would apply, without applying it. `has_table` says whether anything was ever applied.
pub(super) async fn compare<C: Migrate>(
    migrator: &Migrator,
    connection: &mut C,
    has_table: bool,
) -> Result<Schema, StoreError> {
    let applied = if has_table {
        if let Some(number) = connection.dirty_version(TABLE).await.map_err(failure)? {
            return Err(failure(MigrateError::Dirty(number)));
        }
        connection.list_applied_migrations(TABLE).await.map_err(failure)?
    } else {
        Vec::new()
    };
    let mut schema = Schema::default();
    for migration in migrator.iter() {
        match applied.iter().find(|applied| applied.version == migration.version) {
            None => schema.missing.push(name(migration)),
            Some(applied) if applied.checksum != migration.checksum => {
                return Err(failure(MigrateError::VersionMismatch(migration.version)));
            }
            Some(_) => {}
        }
    }
    let is_later = |number: &i64| !migrator.version_exists(*number);
    schema.later = applied.iter().map(|applied| applied.version).filter(is_later).collect();
    Ok(schema)
}

/// All of them.
pub(super) fn names(migrator: &Migrator) -> Vec<MigrationName> {
    migrator.iter().map(name).collect()
}

fn name(migration: &Migration) -> MigrationName {
    MigrationName { number: migration.version, description: migration.description.clone().into_owned() }
}

fn failure(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => StoreError::from(error),
        MigrateError::ExecuteMigration(error, number) => StoreError::from(error).about(&format!("migration {number}")),
        other => StoreError::Rejected(format!("migrations: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_folders_hold_the_migrations_that_are_embedded() {
        let embedded: BTreeSet<String> = for_postgres(false)
            .iter()
            .map(|migration| format!("{:04}_{}.sql", migration.version, migration.description.replace(' ', "_")))
            .collect();
        for folder in ["postgres", "sqlite"] {
            let path = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let files: BTreeSet<String> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            assert_eq!(files, embedded, "{folder}");
        }
        assert_eq!(for_postgres(false).iter().count(), for_sqlite().iter().count());
    }
    #[test]
    fn beside_the_origin_the_first_migration_leaves_the_checks_alone_and_nothing_else() {
        let (plain, beside) = (for_postgres(false), for_postgres(true));
        for (plain, beside) in plain.iter().zip(beside.iter()) {
            assert_eq!((plain.version, &plain.checksum), (beside.version, &beside.checksum));
            let left_out: Vec<&str> =
                plain.sql.as_str().split(';').filter(|statement| !beside.sql.as_str().contains(*statement)).collect();
            let expected = if plain.version == 1 { 4 } else { 0 };
            assert_eq!(left_out.len(), expected, "{left_out:?}");
            assert!(left_out.iter().all(|statement| statement.contains("_check")), "{left_out:?}");
            let length: usize = left_out.iter().map(|statement| statement.len() + 1).sum();
            assert_eq!(beside.sql.as_str().len(), plain.sql.as_str().len() - length);
        }
    }
}
