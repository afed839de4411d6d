//! The sweeper: takes jobs from workers that fell silent, and removes events that nobody needs any more.
//! Must not touch a job whose lease still holds.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::event_log::AppendError;
use crate::write::{Action, Write};

/// How many expired leases one sweep takes up.
const BATCH: u32 = 256;

/// How long the sweeper waits for the database at each write.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between sweeps: a crash is noticed at the latest a lease and this after it happened.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// How often old events are removed.
const PRUNE_EVERY: Duration = Duration::from_secs(30);

/// Deltas of a terminal job stay this long, so that whoever watched it to its end misses none of them.
const DELTAS_KEPT: Duration = Duration::from_secs(300);

/// How many rounds of removal one prune makes at the most.
const PRUNE_ROUNDS: usize = 100;

/// Takes up expired leases, several times per lease.
pub(super) async fn reclaim(shared: Arc<Shared>, stop: CancellationToken) {
    let mut every = interval((shared.settings.lease / 4).min(LONGEST_PAUSE));
    while next(&mut every, &stop).await {
        reclaim_expired(&shared, &stop).await;
    }
}

/// Removes old events now and then; a task of its own, so that a backlog does not delay the noticing of a crash.
pub(super) async fn prune(shared: Arc<Shared>, stop: CancellationToken) {
    let mut every = interval(PRUNE_EVERY);
    while next(&mut every, &stop).await {
        prune_events(&shared, &stop).await;
    }
}

pub(super) fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits for the next tick; false when it is time to stop.
pub(super) async fn next(interval: &mut Interval, stop: &CancellationToken) -> bool {
    tokio::select! {
        _ = interval.tick() => true,
        () = stop.cancelled() => false,
    }
}

async fn reclaim_expired(shared: &Shared, stop: &CancellationToken) {
    let expired = match shared.store.expired_leases(BATCH).await {
        Ok(expired) => expired,
        Err(error) => return tracing::warn!(%error, "could not look for expired leases"),
    };
    for (job_id, attempt) in expired {
        if stop.is_cancelled() {
            return;
        }
        if shared.held.contains(job_id, attempt) {
            // It runs here and was only cut off from the database for a while; its next heartbeat extends the lease.
            continue;
        }
        match shared.event_log.append(Write { job_id, action: Action::Reclaim(attempt) }, PATIENCE).await {
            Ok(committed) => {
                tracing::warn!(%job_id, attempt, status = %committed.job.status, "took a job from a silent worker");
                shared.wake.notify_one();
                shared.webhook_due.notify_one();
            }
            // Its worker came back, or another sweeper was first.
            Err(AppendError::Refused(_)) => {}
            Err(AppendError::Store(error)) => return tracing::warn!(%error, %job_id, "could not reclaim a job"),
        }
    }
}

async fn prune_events(shared: &Shared, stop: &CancellationToken) {
    let now = Utc::now();
    for _ in 0..PRUNE_ROUNDS {
        if stop.is_cancelled() {
            return;
        }
        match shared.store.prune(now - DELTAS_KEPT, now - shared.settings.retention).await {
            Ok(0) => return,
            Ok(removed) => tracing::debug!(removed, "removed old events"),
            Err(error) => return tracing::warn!(%error, "could not remove old events"),
        }
    }
}
