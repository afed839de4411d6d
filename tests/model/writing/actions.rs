//! What can happen next in the model of writing.
//! Must not say what it does.

use super::store::{Lease, Status};
use super::worker::{Stage, Worker};
use super::{State, Writing};
use crate::guards::At;

/// Who hands a write to the writer of an instance.
#[derive(Clone, Copy, Debug)]
pub enum By {
    Worker(u8),
    Sweeper(At),
    CancelAt(At),
    RetryAt(At),
}

#[derive(Clone, Copy, Debug)]
pub enum Action {
    Claim(At),
    /// The job is claimed and the claimer never hears of it.
    ClaimUnheard(At),
    LookForOutput(u8),
    Pay(u8),
    PayInVain(u8),
    /// Without storing the output: where the guard is out.
    GoOn(u8),
    Write(By),
    /// The answer is lost.
    WriteUnanswered(By, Durable),
    WriteAgain(At),
    GiveUp(At),
    /// Extends the lease, or tells the attempt that it is no longer its own.
    Heartbeat(u8),
    /// The sweeper finds the job among those to reclaim.
    LookForExpired(At),
    Expire,
    Freeze(At),
    Thaw(At),
    Crash(At),
}

/// What the database made of a write whose answer was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durable {
    Yes,
    No,
}

impl Writing {
    pub(super) fn actions_at(&self, state: &State, at: At, actions: &mut Vec<Action>) {
        let instance = &state.instances[at.index()];
        if state.left.crashes > 0 {
            actions.push(Action::Crash(at));
        }
        if instance.frozen {
            actions.push(Action::Thaw(at));
            return;
        }
        // Nothing is promised while all instances are frozen.
        if state.left.freezes > 0 && !state.instances[at.other().index()].frozen {
            actions.push(Action::Freeze(at));
        }
        if instance.in_doubt.is_some() {
            actions.extend([Action::WriteAgain(at), Action::GiveUp(at)]);
        }
        if self.guards.sweeper && instance.reclaiming.is_none() && self.may_reclaim(state, at) {
            actions.push(Action::LookForExpired(at));
        }
        if !instance.can_write() {
            return;
        }
        if state.store.job.status == Status::Pending {
            actions.push(Action::Claim(at));
            if state.left.lost_answers > 0 {
                actions.push(Action::ClaimUnheard(at));
            }
        }
        if instance.reclaiming.is_some() {
            self.write_actions(state, By::Sweeper(at), actions);
        }
        if state.left.cancels > 0 {
            self.write_actions(state, By::CancelAt(at), actions);
        }
        if state.left.retries > 0 {
            self.write_actions(state, By::RetryAt(at), actions);
        }
    }

    fn may_reclaim(&self, state: &State, at: At) -> bool {
        let job = state.store.job;
        let is_its_own = state.runs(at, job.attempt);
        job.lease == Lease::Expired && !(self.guards.not_its_own && is_its_own)
    }

    pub(super) fn actions_of(&self, state: &State, attempt: u8, worker: Worker, actions: &mut Vec<Action>) {
        let has_the_lease = state.holds(attempt) && state.store.job.lease == Lease::Held;
        if !has_the_lease {
            actions.push(Action::Heartbeat(attempt));
        }
        match worker.stage {
            Stage::Begun => actions.push(Action::LookForOutput(attempt)),
            Stage::FoundNone => actions.extend([Action::Pay(attempt), Action::PayInVain(attempt)]),
            Stage::Paid if !self.guards.output_before_going_on => actions.push(Action::GoOn(attempt)),
            _ if state.instances[worker.on.index()].can_write() => {
                self.write_actions(state, By::Worker(attempt), actions);
            }
            _ => {}
        }
    }

    fn write_actions(&self, state: &State, by: By, actions: &mut Vec<Action>) {
        actions.push(Action::Write(by));
        if state.left.lost_answers == 0 {
            return;
        }
        actions.push(Action::WriteUnanswered(by, Durable::No));
        let (_, write) = state.write_of(by);
        let mut job = state.store.job;
        if job.apply(write, self.max_retries, self.guards).is_ok() {
            actions.push(Action::WriteUnanswered(by, Durable::Yes));
        }
    }
}
