//! The tasks of open connections, and what a connection holds for as long as it is open, whichever task has it.
//! Must not read or write a socket.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::shares::Place;
use crate::meter::OpenConnection;

/// The owner of all tasks that serve connections. A cheap handle.
#[derive(Clone)]
pub(super) struct Connections {
    tasks: TaskTracker,
    stop: CancellationToken,
    /// A client that reads nothing for this long, while there is something to read, is cut.
    pub(super) stall_limit: Duration,
}

impl Connections {
    /// Connections that are cut when `stop` is cancelled.
    pub(super) fn until(stop: CancellationToken, stall_limit: Duration) -> Connections {
        Connections { tasks: TaskTracker::new(), stop, stall_limit }
    }

    /// Runs a part of the serving until it ends by itself or everything is cut.
    pub(super) fn spawn(&self, part: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = part => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// How many tasks there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Returns when all tasks have ended.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What an open connection holds.
pub(super) struct Held {
    _place: OwnedSemaphorePermit,
    _share: Place,
    _open: OpenConnection,
}

impl Held {
    pub(super) fn new(place: OwnedSemaphorePermit, share: Place) -> Held {
        Held { _place: place, _share: share, _open: OpenConnection::open() }
    }
}
