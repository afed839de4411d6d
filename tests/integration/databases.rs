//! Fresh databases that vanish with the test that asked for them.
//! Must not skip: without a PostgreSQL server the test fails and says how to get one.

use std::sync::Arc;

use jobcast::store::{self, Store, StoreSettings};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, raw_sql};
use tempfile::TempDir;
use uuid::Uuid;

const DEFAULT_SERVER: &str = "postgres://postgres@127.0.0.1:5432/postgres";

/// An empty database, dropped at the end, also when the test panics.
pub struct TestDatabase {
    /// What `DATABASE_URL` would be.
    pub url: String,
    place: Place,
}

enum Place {
    /// On a server that goes as a whole.
    Borrowed,
    /// The folder is removed with the value.
    Sqlite(#[allow(dead_code)] TempDir),
    Postgres {
        server: String,
        name: String,
    },
}

impl TestDatabase {
    pub async fn sqlite() -> TestDatabase {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("jobcast.db").display());
        TestDatabase { url, place: Place::Sqlite(folder) }
    }

    /// A database of a PostgreSQL server that the test has to itself.
    pub fn on_own_server(url: String) -> TestDatabase {
        TestDatabase { url, place: Place::Borrowed }
    }

    pub async fn postgres() -> TestDatabase {
        let server = std::env::var("TEST_DATABASE_URL").unwrap_or_else(|_| DEFAULT_SERVER.to_owned());
        let name = format!("jobcast_test_{}", Uuid::new_v4().simple());
        let mut connection = connect(&server).await;
        raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap_or_else(
            |error| panic!("the PostgreSQL server for tests refused to create a database: {error}\n{HOW_TO_GET_ONE}"),
        );
        let mut url = url::Url::parse(&server).expect("TEST_DATABASE_URL is a URL");
        url.set_path(&name);
        TestDatabase { url: url.into(), place: Place::Postgres { server, name } }
    }

    /// Opens the store, migrating the database if it is the first time.
    pub async fn store(&self, settings: StoreSettings) -> Arc<dyn Store> {
        store::open(&self.url, &self.url, settings).await.expect("the store opens")
    }

    /// Runs statements beside the store, as another program would.
    pub async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.expect("the statements run");
    }

    /// The same where the database may refuse.
    pub async fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.place {
            Place::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&self.url).await.expect("the file opens");
                raw_sql(sql).execute(&mut connection).await?;
            }
            Place::Postgres { .. } | Place::Borrowed => {
                let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
                raw_sql(sql).execute(&mut connection).await?;
            }
        }
        Ok(())
    }

    /// The texts that a query answers, row by row.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.place {
            Place::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&self.url).await.expect("the file opens");
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("the query answers texts")
            }
            Place::Postgres { .. } | Place::Borrowed => {
                let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("the query answers texts")
            }
        }
    }

    /// An id as it stands in a query.
    pub fn id_literal(&self, id: Uuid) -> String {
        match &self.place {
            Place::Sqlite(_) => format!("x'{}'", id.simple()),
            Place::Postgres { .. } | Place::Borrowed => format!("'{id}'"),
        }
    }

    /// The number that a query answers.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.place {
            Place::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&self.url).await.expect("the file opens");
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("the query answers a number")
            }
            Place::Postgres { .. } | Place::Borrowed => {
                let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("the query answers a number")
            }
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Place::Postgres { server, name } = &self.place else { return };
        let (server, drop_it) = (server.clone(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        // The test's own runtime may be ending.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&server).await?;
                raw_sql(AssertSqlSafe(drop_it)).execute(&mut connection).await?;
                connection.close().await
            })
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            eprintln!("the test database {name} could not be dropped");
        }
    }
}

const HOW_TO_GET_ONE: &str =
    "run ./scripts/test, or set TEST_DATABASE_URL to a PostgreSQL server where databases may be created";

async fn connect(server: &str) -> PgConnection {
    PgConnection::connect(server)
        .await
        .unwrap_or_else(|error| panic!("no PostgreSQL server for tests: {error}\n{HOW_TO_GET_ONE}"))
}
