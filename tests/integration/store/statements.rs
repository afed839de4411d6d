//! Counts the statements that a store sends.
//! Must not count those of other tests, so its tests run on one thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;

/// Counts the statements that sqlx sends from this thread.
#[derive(Clone, Default)]
pub struct Statements(Arc<AtomicUsize>);

impl Statements {
    /// Returns once statements are counted: another test's thread may be the first to reach sqlx's words just now, and think
    /// that nobody wants to hear them.
    pub async fn until_counted(&self, store: &dyn Store) {
        eventually("statements are counted", async || {
            tracing::callsite::rebuild_interest_cache();
            commit(store, &[create(brand())]).await;
            (self.take() > 0).then_some(())
        })
        .await;
    }

    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
