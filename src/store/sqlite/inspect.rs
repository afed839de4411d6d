//! Looks at an SQLite file and its tables.
//! Must not create or change anything.

use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;

use super::{BUSY_TIMEOUT, StoreError, has_folder, lock, migrations, options};
use crate::store::inspection::{Schema, SqliteFile};

pub(in crate::store) fn file(url: &str) -> Result<SqliteFile, StoreError> {
    let path = options(url)?.get_filename().to_owned();
    has_folder(&path)?;
    let bytes = std::fs::metadata(&path).ok().map(|file| file.len());
    Ok(SqliteFile { in_use: lock::is_held(&path), bytes, path })
}

pub(in crate::store) async fn schema(url: &str) -> Result<Schema, StoreError> {
    let file = file(url)?;
    let migrator = migrations::for_sqlite();
    if file.bytes.is_none() {
        let missing = migrations::names(&migrator);
        return Ok(Schema { missing, later: Vec::new() });
    }
    let compare = async {
        // Not those of the store: they would change the file's journal.
        let options = SqliteConnectOptions::new().filename(&file.path).read_only(true).busy_timeout(BUSY_TIMEOUT);
        let mut connection = options.connect().await?;
        let has_table: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)")
                .bind(migrations::TABLE)
                .fetch_one(&mut connection)
                .await?;
        let schema = migrations::compare(&migrator, &mut connection, has_table).await?;
        connection.close().await?;
        Ok(schema)
    };
    compare.await.map_err(|error: StoreError| error.about(&file.path.display().to_string()))
}
