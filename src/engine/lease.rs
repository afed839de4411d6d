//! The leases that this process holds: which attempts are under way, and the heartbeat that keeps their jobs theirs.
//! Must not decide what an attempt does; it only tells one that it must stop.

use std::collections::{HashMap, HashSet};
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
pub(super) struct HeldLeases(Arc<Mutex<Leases>>);

#[derive(Default)]
struct Leases {
    held: HashMap<(JobId, Attempt), CancellationToken>,
    /// Attempts that were told to stop while jobs are being claimed, one of which may be theirs.
    stopped_early: Option<Vec<(JobId, Attempt)>>,
}

/// The time from before jobs are claimed until they are held.
pub(super) struct Claiming(HeldLeases);

/// One attempt's hold on its job; letting go of it ends the heartbeat.
pub(super) struct HeldLease {
    job_id: JobId,
    attempt: Attempt,
    stop: CancellationToken,
    leases: HeldLeases,
}

impl HeldLeases {
    /// To be kept from before jobs are claimed until they are held: a job may be cancelled in between, as soon as its
    /// claim is durable. One claim at a time.
    pub(super) fn claiming(&self) -> Claiming {
        self.lock().stopped_early = Some(Vec::new());
        Claiming(self.clone())
    }

    pub(super) fn hold(&self, job_id: JobId, attempt: Attempt) -> HeldLease {
        let (stop, mut leases) = (CancellationToken::new(), self.lock());
        leases.held.insert((job_id, attempt), stop.clone());
        if leases.stopped_early.as_ref().is_some_and(|stopped| stopped.contains(&(job_id, attempt))) {
            stop.cancel();
        }
        drop(leases);
        HeldLease { job_id, attempt, stop, leases: self.clone() }
    }

    /// Tells an attempt that its job is no longer its own.
    pub(super) fn stop(&self, job_id: JobId, attempt: Attempt) {
        let mut leases = self.lock();
        match leases.held.get(&(job_id, attempt)) {
            Some(stop) => stop.cancel(),
            None => leases.stopped_early.iter_mut().for_each(|stopped| stopped.push((job_id, attempt))),
        }
    }

    /// Whether this attempt is under way in this process.
    pub(super) fn contains(&self, job_id: JobId, attempt: Attempt) -> bool {
        self.lock().held.contains_key(&(job_id, attempt))
    }

    pub(super) fn len(&self) -> usize {
        self.lock().held.len()
    }

    fn all(&self) -> Vec<(JobId, Attempt)> {
        self.lock().held.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Leases> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claiming {
    fn drop(&mut self) {
        self.0.lock().stopped_early = None;
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
        self.leases.lock().held.remove(&(self.job_id, self.attempt));
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
    let alive: HashSet<_> = alive.iter().collect();
    for (job_id, attempt) in held.into_iter().filter(|lease| !alive.contains(lease)) {
        tracing::info!(%job_id, attempt, "the attempt no longer holds its job");
        shared.held.stop(job_id, attempt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_is_stopped_before_it_is_held_does_not_begin() {
        let (leases, [cancelled, other]) = (HeldLeases::default(), [JobId::new(), JobId::new()]);
        let claiming = leases.claiming();
        leases.stop(cancelled, 1);
        let (first, second) = (leases.hold(cancelled, 1), leases.hold(other, 1));
        assert!(first.stop.is_cancelled() && !second.stop.is_cancelled());
        let next = leases.hold(cancelled, 2);
        assert!(!next.stop.is_cancelled(), "another attempt is not meant");
        drop(claiming);
        leases.stop(other, 2);
        assert!(leases.lock().stopped_early.is_none(), "nothing is kept where nothing is claimed");
    }
}
