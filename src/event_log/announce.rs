//! Tells other instances which jobs this one has changed: whatever has piled up, in one go, after its commit.
//! Must not delay a commit or its own viewers, or be relied on: an announcement may be lost, and a slow poll finds it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::job::{BrandId, JobId};
use crate::store::Store;

/// The most changed jobs that are remembered while the database is away; the poll of the others finds the rest.
const REMEMBERED: usize = 16_384;

/// An announcement of nothing is made after this much silence, so that listeners can tell silence from a dead connection.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// The pause after an announcement of changed jobs. Under load it makes one of many, which saves the database and all who
/// listen as many transactions; after a pause in the changes nothing waits for it.
const PAUSE: Duration = Duration::from_millis(3);

/// A cheap handle to what is to be announced.
#[derive(Debug, Clone, Default)]
pub(super) struct Announcements {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    changed: Mutex<HashSet<(BrandId, JobId)>>,
    ready: Notify,
}

impl Announcements {
    /// Has the job announced soon.
    pub(super) fn add(&self, brand_id: BrandId, job_id: JobId) {
        let mut changed = self.shared.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.len() < REMEMBERED {
            changed.insert((brand_id, job_id));
        }
        drop(changed);
        self.shared.ready.notify_one();
    }

    /// Announces until it is dropped. One announcement is under way at a time: meanwhile the next one grows.
    pub(super) async fn run(self, store: Arc<dyn Store>) {
        loop {
            let _ = tokio::time::timeout(SIGN_OF_LIFE, self.shared.ready.notified()).await;
            let changed = std::mem::take(&mut *self.shared.changed.lock().unwrap_or_else(PoisonError::into_inner));
            let changed: Vec<_> = changed.into_iter().collect();
            if let Err(error) = store.announce(&changed).await {
                tracing::debug!(%error, jobs = changed.len(), "could not announce changed jobs; other instances poll");
            }
            if !changed.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
