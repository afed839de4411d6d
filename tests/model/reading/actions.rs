//! What can happen next in the model of reading.
//! Must not say what it does.

use super::instance::{Relay, Writer};
use super::log::Write;
use super::memory::Look;
use super::viewer::Phase;
use super::{Reading, State};
use crate::guards::At;

#[derive(Clone, Copy, Debug)]
pub enum Action {
    Commit(At, Write),
    CommitUnanswered(At, Write),
    /// The database finishes, or drops, the transaction that lost its client.
    Land,
    Vanish,
    CommitAgain(At),
    GiveUp(At),
    /// Takes a seq, and commits later: where a guard is out.
    Take(At, Write),
    CommitTaken(At),
    Publish(At),
    Notify(At),
    LoseNotification(At),
    HearNotification(At),
    LoseListener(At),
    ListenAgain(At),
    Relay(At),
    Poll(At),
    Connect(usize, At),
    /// After it has read: where that guard is out.
    Subscribe(usize),
    /// Takes what is committed by now for published: where that comes late.
    TakeWatermark(At),
    Read(usize),
    /// Looks into memory, and begins a reading of the store where that does not help.
    Look(usize),
    /// The reading is back, for all who wait for it.
    FinishReading(At),
    /// The oldest frame in memory goes.
    Forget(At),
    Hear(usize),
    Leave(usize),
    Crash(At),
}

impl Reading {
    pub(super) fn actions_of_writer(&self, state: &State, at: At, actions: &mut Vec<Action>) {
        match state.instances[at.index()].writer {
            Writer::Idle => self.actions_of_idle_writer(state, at, actions),
            Writer::Took(..) => actions.push(Action::CommitTaken(at)),
            Writer::Committed(_) => actions.push(Action::Publish(at)),
            Writer::InDoubt(..) => {
                // It would wait for the row lock that the first try still holds.
                if state.log.in_flight.is_none() {
                    actions.push(Action::CommitAgain(at));
                }
                if self.gives_up {
                    actions.push(Action::GiveUp(at));
                }
            }
        }
    }

    fn actions_of_idle_writer(&self, state: &State, at: At, actions: &mut Vec<Action>) {
        if state.log.taken >= self.events || state.log.in_flight.is_some() {
            return;
        }
        if !self.guards.seq_under_row_lock {
            return actions.push(Action::Take(at, Write::Go));
        }
        for write in [Write::Go, Write::End, Write::Retry] {
            if !state.log.allows(write) {
                continue;
            }
            if !self.guards.commit_then_publish {
                let is_locked = state.log.taken > state.log.last();
                actions.extend((!is_locked).then_some(Action::Take(at, write)));
                continue;
            }
            actions.push(Action::Commit(at, write));
            if state.left.lost_answers > 0 {
                actions.push(Action::CommitUnanswered(at, write));
            }
        }
    }

    pub(super) fn actions_of_notifications(&self, state: &State, at: At, actions: &mut Vec<Action>) {
        let instance = &state.instances[at.index()];
        if instance.owes_notification {
            actions.push(Action::Notify(at));
            if state.left.lost_notifications > 0 {
                actions.push(Action::LoseNotification(at));
            }
        }
        if instance.is_notified {
            actions.push(Action::HearNotification(at));
        }
        if !instance.listens {
            actions.push(Action::ListenAgain(at));
        } else if state.left.lost_listeners > 0 {
            actions.push(Action::LoseListener(at));
        }
        let waits_for_watermark = instance.watermark.is_none() && state.is_watched(at);
        if waits_for_watermark {
            actions.push(Action::TakeWatermark(at));
        }
        if instance.relay != Relay::Asleep {
            actions.extend((!waits_for_watermark).then_some(Action::Relay(at)));
        } else if self.guards.poll && instance.watermark.is_some_and(|watermark| watermark < state.log.last()) {
            actions.push(Action::Poll(at));
        }
    }

    pub(super) fn actions_of_memory(&self, state: &State, at: At, actions: &mut Vec<Action>) {
        let memory = &state.instances[at.index()].memory;
        if memory.is_reading() {
            actions.push(Action::FinishReading(at));
        }
        if memory.can_forget() && state.left.forgotten > 0 {
            actions.push(Action::Forget(at));
        }
    }

    pub(super) fn actions_of_viewer(&self, state: &State, number: usize, actions: &mut Vec<Action>) {
        let viewer = &state.viewers[number];
        match viewer.phase {
            // Who has seen a job's end is answered 204 and does not come back.
            Phase::Away if viewer.cursor == state.log.last() && state.log.is_terminal(viewer.cursor) => {}
            Phase::Away => actions.extend(At::BOTH.map(|at| Action::Connect(number, at))),
            Phase::Replays if self.has_memory => {
                let memory = &state.instances[viewer.at.index()].memory;
                // Who finds nothing waits for the reading that is under way.
                if memory.look(viewer.cursor) != Look::Unknown || !memory.is_reading() {
                    actions.push(Action::Look(number));
                }
            }
            Phase::ReadsFirst | Phase::Replays => actions.push(Action::Read(number)),
            Phase::SubscribesLate => actions.push(Action::Subscribe(number)),
            Phase::Follows if !viewer.unheard.is_empty() => actions.push(Action::Hear(number)),
            Phase::Follows | Phase::Ended => {}
        }
        if viewer.is_connected() && state.left.leaves > 0 {
            actions.push(Action::Leave(number));
        }
    }
}
