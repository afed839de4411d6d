//! The leases that this process holds: which attempts are under way, and the heartbeat that keeps their jobs theirs.
//! Must not decide what an attempt does; it only tells one that it must stop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::job::{Attempt, JobId};

/// Heartbeats per lease: two may get lost before the lease runs out.
const BEATS_PER_LEASE: u32 = 3;

/// How often it is looked whether another process has cancelled a job that runs here; its upstream connection is to be
/// closed within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A cheap handle to the attempts under way.
#[derive(Clone, Default)]
pub(super) struct HeldLeases {
    held: Arc<Mutex<HashMap<(JobId, Attempt), CancellationToken>>>,
}

/// One attempt's hold on its job; letting go of it ends the heartbeat.
pub(super) struct HeldLease {
    job_id: JobId,
    attempt: Attempt,
    stop: CancellationToken,
    leases: HeldLeases,
}

impl HeldLeases {
    pub(super) fn hold(&self, job_id: JobId, attempt: Attempt) -> HeldLease {
        let stop = CancellationToken::new();
        self.lock().insert((job_id, attempt), stop.clone());
        HeldLease { job_id, attempt, stop, leases: self.clone() }
    }

    /// Tells an attempt that its job is no longer its own.
    pub(super) fn stop(&self, job_id: JobId, attempt: Attempt) {
        if let Some(stop) = self.lock().get(&(job_id, attempt)) {
            stop.cancel();
        }
    }

    /// Whether this attempt is under way in this process.
    pub(super) fn contains(&self, job_id: JobId, attempt: Attempt) -> bool {
        self.lock().contains_key(&(job_id, attempt))
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn all(&self) -> Vec<(JobId, Attempt)> {
        self.lock().keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(JobId, Attempt), CancellationToken>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldLease {
    /// Returns when the attempt must stop: its job was cancelled or taken over.
    pub(super) async fn lost(&self) {
        self.stop.cancelled().await;
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.leases.lock().remove(&(self.job_id, self.attempt));
    }
}

/// Extends all held leases a few times per lease, and stops the attempts that have lost theirs.
pub(super) async fn keep_alive(shared: Arc<Shared>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(shared.settings.lease / BEATS_PER_LEASE);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stop.cancelled() => return,
        }
        let held = shared.held.all();
        if held.is_empty() {
            continue;
        }
        match shared.store.heartbeat(&held).await {
            Ok(alive) => stop_others(&shared, held, &alive),
            // The fence keeps a stale attempt from writing; stopping it here would only throw paid work away.
            Err(error) => tracing::warn!(%error, jobs = held.len(), "could not extend leases"),
        }
    }
}

/// Stops the attempts whose jobs another process has cancelled. Between heartbeats, which write; this only reads.
pub(super) async fn watch(shared: Arc<Shared>, stop: CancellationToken) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = stop.cancelled() => return,
        }
        let held = shared.held.all();
        if held.is_empty() {
            continue;
        }
        match shared.store.still_held(&held).await {
            Ok(alive) => stop_others(&shared, held, &alive),
            Err(error) => tracing::debug!(%error, "could not look for cancelled jobs"),
        }
    }
}

fn stop_others(shared: &Shared, held: Vec<(JobId, Attempt)>, alive: &[(JobId, Attempt)]) {
    for (job_id, attempt) in held.into_iter().filter(|lease| !alive.contains(lease)) {
        tracing::info!(%job_id, attempt, "the attempt no longer holds its job");
        shared.held.stop(job_id, attempt);
    }
}
