//! What a database says of itself to somebody who looks for what is wrong: its version, its tables, what lies between.
//! Must not change anything in it.

use std::path::PathBuf;

use chrono::TimeDelta;

use super::{StoreError, postgres, sqlite};

/// Which database an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `sqlite://…`
    Sqlite,
    /// `postgres://…` or `postgresql://…`
    Postgres,
}

impl Kind {
    /// The database of this address.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if it is neither.
    pub fn of(url: &str) -> Result<Kind, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Ok(Kind::Sqlite),
            Some(("postgres" | "postgresql", _)) => Ok(Kind::Postgres),
            _ => Err(StoreError::Rejected("DATABASE_URL must begin with sqlite:// or postgres://".to_owned())),
        }
    }
}

/// How the tables stand against what this version of the program needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// What the next start would apply, in order.
    pub missing: Vec<MigrationName>,
    /// The numbers of migrations that a later version of the program has applied.
    pub later: Vec<i64>,
}

/// One step by which tables are brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationName {
    /// Its place in the order, from 1.
    pub number: i64,
    /// What it brings.
    pub description: String,
}

/// Compares the tables with what this version needs. `url` is the one for migrations: on PostgreSQL without a pooler.
///
/// # Errors
/// [`StoreError`] if the database cannot be read, if a migration was left half applied, or if one was applied in another
/// form; a file that does not exist lacks everything and is no error.
pub async fn schema(url: &str) -> Result<Schema, StoreError> {
    match Kind::of(url)? {
        Kind::Sqlite => sqlite::inspect::schema(url).await,
        Kind::Postgres => postgres::inspect::schema(url).await,
    }
}

/// A PostgreSQL server as a client meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresServer {
    /// Its version in its own words, such as `15.18`.
    pub version: String,
    /// Its version as a number: 150018 is 15.18.
    pub version_number: i32,
    /// How far its clock is ahead of this machine's; negative if it is behind. Half a round trip is uncertain.
    pub clock_ahead: TimeDelta,
    /// What stands between.
    pub pooling: Pooling,
}

/// What stands between a client and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Nothing, or a pooler that leaves a connection to its client (session mode).
    Session,
    /// A pooler that gives the server's connection to somebody else after each transaction.
    Transaction {
        /// Whether a prepared statement outlives the transaction, without which no statement of this program works.
        keeps_prepared_statements: bool,
    },
}

/// Looks at the server behind this address.
///
/// # Errors
/// [`StoreError`] in words that name the address without its password.
pub async fn postgres_server(url: &str) -> Result<PostgresServer, StoreError> {
    postgres::inspect::server(url).await
}

/// Whether what is announced over `url` is heard over `direct_url` within five seconds.
///
/// # Errors
/// [`StoreError`] if one of the two cannot be used.
pub async fn hears_notifications(url: &str, direct_url: &str) -> Result<bool, StoreError> {
    postgres::inspect::hears_notifications(url, direct_url).await
}

/// An SQLite file as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes; none if it does not exist yet.
    pub bytes: Option<u64>,
    /// Whether a server works on it.
    pub in_use: bool,
}

/// Looks at the file of this address without opening it as a database.
///
/// # Errors
/// [`StoreError::Rejected`] if the address names no file, or one in a folder that does not exist.
pub fn sqlite_file(url: &str) -> Result<SqliteFile, StoreError> {
    sqlite::inspect::file(url)
}
