//! One process at a time works on a file: a lock beside it that the system takes back when its holder ends, however.
//! Must not lock the database itself: `sqlite3` and backups may look at it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::StoreError;

/// How long a process that is about to end may keep the file: a restart need not look at the clock.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// Held as long as the process works on the file.
#[derive(Debug)]
pub(super) struct FileLock {
    _held: File,
}

impl FileLock {
    /// Takes the lock of the database at `path`.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] when another process holds it, or when the lock's file cannot be made.
    pub(super) async fn take(path: &Path) -> Result<FileLock, StoreError> {
        let beside = beside(path);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&beside)
            .map_err(|error| StoreError::Rejected(format!("cannot open the lock {}: {error}", beside.display())))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(FileLock { _held: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Rejected(
                        "another jobcast process is using this file, and SQLite is for one process alone: stop the other \
                         one, name another file, or use PostgreSQL for several"
                            .to_owned(),
                    ));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(StoreError::Rejected(format!("cannot lock {}: {error}", beside.display())));
                }
            }
        }
    }
}

/// Whether a process works on the database at `path`. Looks without making the lock's file; a process that starts at
/// this very moment waits a little longer for its lock.
pub(super) fn is_held(path: &Path) -> bool {
    let Ok(file) = OpenOptions::new().write(true).open(beside(path)) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    PathBuf::from(name)
}
