//! The databases to measure on: fresh for every round, gone afterwards.
//! Must not change a server's settings: the product and its peers meet the same ones.

use std::future::Future;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, raw_sql};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

use crate::Outcome;

/// Names a PostgreSQL server that may create databases.
const SERVER: &str = "BENCH_POSTGRES_URL";

/// A database that the product runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Sqlite => "SQLite",
            Kind::Postgres => "PostgreSQL",
        }
    }

    /// Whether it can be measured on here.
    pub fn is_there(self) -> bool {
        self == Kind::Sqlite || std::env::var_os(SERVER).is_some()
    }

    /// An empty database.
    pub fn fresh(self) -> Outcome<Database> {
        match self {
            Kind::Sqlite => {
                let folder = tempfile::Builder::new().prefix("jobcast-bench.").tempdir()?;
                let url = format!("sqlite://{}", folder.path().join("jobcast.db").display());
                Ok(Database { url, place: Place::Folder(folder) })
            }
            Kind::Postgres => {
                let server = std::env::var(SERVER)?;
                let name = format!("jobcast_bench_{}", Uuid::new_v4().simple());
                let mut url = Url::parse(&server)?;
                url.set_path(&name);
                execute(&server, format!("CREATE DATABASE {name}"))?;
                Ok(Database { url: url.into(), place: Place::Server { server, name } })
            }
        }
    }

    /// Processes that work for it: all of PostgreSQL, none of SQLite.
    pub fn processes(self) -> Vec<u32> {
        match self {
            Kind::Sqlite => Vec::new(),
            Kind::Postgres => postmaster().into_iter().collect(),
        }
    }

    /// What decides how fast a commit can be.
    pub fn conditions(self) -> Outcome<String> {
        match self {
            Kind::Sqlite => Ok("SQLite: WAL, synchronous FULL".to_owned()),
            Kind::Postgres => blocking(async {
                let mut connection = PgConnection::connect(&std::env::var(SERVER)?).await?;
                let settings = sqlx::query(
                    "SELECT current_setting('server_version'), current_setting('fsync'),
                            current_setting('synchronous_commit'), current_setting('shared_buffers')",
                )
                .fetch_one(&mut connection)
                .await?;
                let setting = |at| settings.try_get::<String, _>(at);
                Ok(format!(
                    "PostgreSQL {}: fsync {}, synchronous_commit {}, shared_buffers {}",
                    setting(0)?,
                    setting(1)?,
                    setting(2)?,
                    setting(3)?
                ))
            }),
        }
    }
}

/// An empty database. Dropping it removes it.
pub struct Database {
    pub url: String,
    place: Place,
}

enum Place {
    Folder(TempDir),
    Server { server: String, name: String },
}

impl Drop for Database {
    fn drop(&mut self) {
        let removed = match &self.place {
            Place::Folder(folder) => std::fs::remove_dir_all(folder.path()).map_err(Into::into),
            Place::Server { server, name } => execute(server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")),
        };
        if let Err(error) = removed {
            eprintln!("a database was left behind: {error}");
        }
    }
}

/// The process that started all others of PostgreSQL: the parent of the one that serves us.
fn postmaster() -> Option<u32> {
    let backend: i32 = blocking(async {
        let mut connection = PgConnection::connect(&std::env::var(SERVER)?).await?;
        Ok(sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?)
    })
    .ok()?;
    crate::usage::parent(u32::try_from(backend).ok()?)
}

fn execute(server: &str, sql: String) -> Outcome<()> {
    blocking(async {
        let mut connection = PgConnection::connect(server).await?;
        raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    })
}

/// Runs a future to its end on a runtime of its own.
pub fn blocking<T>(future: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
