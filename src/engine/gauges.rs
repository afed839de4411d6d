//! Keeps the gauges that no event moves: the queue as the database says, and what the system says of this process.
//! Must not read the database more often than every few seconds, however often it is scraped.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::sweeper::{interval, next};
use crate::meter;

/// How often the histograms are added up; in between each observation takes eight bytes.
const ADD_UP_EVERY: Duration = Duration::from_secs(1);

/// How often the queue and the process are read.
const READ_EVERY: Duration = Duration::from_secs(5);

/// How long the queue may take to be read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Adds up what the histograms have collected.
pub(super) async fn add_up(stop: CancellationToken) {
    let mut every = interval(ADD_UP_EVERY);
    while next(&mut every, &stop).await {
        meter::add_up();
    }
}

/// Reads the queue and the process.
pub(super) async fn read(shared: Arc<Shared>, stop: CancellationToken) {
    let mut every = interval(READ_EVERY);
    while next(&mut every, &stop).await {
        match timeout(PATIENCE, shared.store.queue()).await {
            Ok(Ok(queue)) => meter::queue_read(queue.pending, queue.processing, queue.waiting),
            Ok(Err(_)) | Err(_) => meter::queue_unread(),
        }
        meter::detours_counted(shared.store.detours());
        // It blocks for a while when very many files are open. It cannot be cancelled, and need not be awaited to the end.
        let _ = tokio::task::spawn_blocking(meter::read_process).await;
    }
}
