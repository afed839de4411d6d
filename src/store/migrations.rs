//! The migrations of both databases, embedded, and the running of them.
//! Must not contain SQL of its own.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};

use super::StoreError;

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

pub(super) fn for_postgres() -> Migrator {
    migrator(migrations!("postgres"))
}

pub(super) fn for_sqlite() -> Migrator {
    migrator(migrations!("sqlite"))
}

fn migrator(migrations: Vec<Migration>) -> Migrator {
    let mut migrator = Migrator::with_migrations(migrations);
    // The origin application may use sqlx's default name for its own.
    migrator.dangerous_set_table_name("jobcast_migrations");
    // A deploy that is rolled back meets the migrations of the later version, which only added.
    migrator.set_ignore_missing(true);
    migrator
}

/// Brings the database up to date. Instances that start at once wait for each other on PostgreSQL.
pub(super) async fn run<C: Migrate>(migrator: &Migrator, connection: &mut C) -> Result<(), StoreError> {
    use sqlx::migrate::MigrateError::{Execute, ExecuteMigration};
    migrator.run_direct(None, connection, false).await.map_err(|error| match error {
        Execute(error) => StoreError::from(error),
        ExecuteMigration(error, number) => match StoreError::from(error) {
            StoreError::Unavailable(why) => StoreError::Unavailable(format!("migration {number}: {why}")),
            StoreError::Rejected(why) => StoreError::Rejected(format!("migration {number}: {why}")),
        },
        other => StoreError::Rejected(format!("migrations: {other}")),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_folders_hold_the_migrations_that_are_embedded() {
        let embedded: BTreeSet<String> = for_postgres()
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
        assert_eq!(for_postgres().iter().count(), for_sqlite().iter().count());
    }
}
