//! The model of reading: two instances commit and publish, notify each other or fail to, and viewers replay and follow.
//! Must not model who writes an event and why: the model of writing does.

use crate::checker::Model;
use crate::guards::{At, Guards, Promise};

mod actions;
mod hub;
mod instance;
mod log;
mod memory;
mod viewer;

use actions::Action;
use hub::{DOUBT, Signal};
use instance::{Fate, Instance, Relay, Writer};
use log::{Log, Write};
use memory::{Look, Memory};
use viewer::{Phase, Viewer};

/// How far the model goes.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub guards: Guards,
    /// How many viewers there are, 1 or 2.
    pub viewers: usize,
    /// How many events are committed at the most.
    pub events: u8,
    /// How many signals a channel holds, 1 or 2.
    pub capacity: usize,
    pub faults: Faults,
    /// Whether a writer may run out of patience with a batch in doubt.
    pub gives_up: bool,
    /// Whether viewers read from what their instance keeps, and the store together; otherwise each reads the store.
    pub has_memory: bool,
}

/// How often each may still happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Faults {
    /// Viewers that lose their connection.
    pub leaves: u8,
    /// Commits whose answer is lost.
    pub lost_answers: u8,
    /// Notifications that are lost though the listener is connected, such as those of a process that dies first.
    pub lost_notifications: u8,
    /// Listeners that lose their connection, and notifications with it.
    pub lost_listeners: u8,
    pub crashes: u8,
    /// Frames that memory lets go.
    pub forgotten: u8,
}

impl Faults {
    pub const NONE: Faults =
        Faults { leaves: 0, lost_answers: 0, lost_notifications: 0, lost_listeners: 0, crashes: 0, forgotten: 0 };
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct State {
    log: Log,
    instances: [Instance; 2],
    viewers: [Viewer; 2],
    left: Faults,
    broken: Option<Promise>,
}

impl Model for Reading {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        State {
            log: Log::EMPTY,
            instances: [Instance::NEW; 2],
            viewers: [Viewer::NEW; 2],
            left: self.faults,
            broken: None,
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::with_capacity(16);
        if state.log.in_flight.is_some() {
            actions.extend([Action::Land, Action::Vanish]);
        }
        for at in At::BOTH {
            self.actions_of_writer(state, at, &mut actions);
            self.actions_of_notifications(state, at, &mut actions);
            self.actions_of_memory(state, at, &mut actions);
            if state.left.crashes > 0 {
                actions.push(Action::Crash(at));
            }
        }
        for viewer in 0..self.viewers {
            self.actions_of_viewer(state, viewer, &mut actions);
        }
        actions
    }

    fn after(&self, mut state: State, action: Action) -> State {
        match action {
            Action::Commit(at, write) => state.commit(at, write),
            Action::CommitUnanswered(at, write) => {
                state.left.lost_answers -= 1;
                state.log.in_flight = Some((at, write));
                state.instance(at).writer = Writer::InDoubt(write, Fate::Open);
            }
            Action::Land => state.land(),
            Action::Vanish => state.log.in_flight = None,
            Action::CommitAgain(at) => self.commit_again(&mut state, at),
            Action::GiveUp(at) => {
                state.instance(at).writer = Writer::Idle;
                self.publish_doubt(&mut state, at);
            }
            Action::Take(at, write) => self.take(&mut state, at, write),
            Action::CommitTaken(at) => self.commit_taken(&mut state, at),
            Action::Publish(at) => self.publish_committed(&mut state, at),
            Action::Notify(at) => state.notify(at),
            Action::LoseNotification(at) => {
                state.left.lost_notifications -= 1;
                state.instance(at).owes_notification = false;
            }
            Action::HearNotification(at) => state.hear_notification(at),
            Action::LoseListener(at) => {
                state.left.lost_listeners -= 1;
                (state.instance(at).listens, state.instance(at).is_notified) = (false, false);
            }
            Action::ListenAgain(at) => {
                state.instance(at).listens = true;
                if self.guards.doubt_after_reconnect {
                    self.publish_doubt(&mut state, at);
                }
            }
            Action::Relay(at) => self.relay(&mut state, at),
            Action::Poll(at) => state.instance(at).relay = Relay::Awake,
            Action::Connect(viewer, at) => self.connect(&mut state, viewer, at),
            Action::TakeWatermark(at) => state.open_channel(at),
            Action::Subscribe(viewer) => self.subscribe_late(&mut state, viewer),
            Action::Read(viewer) => self.read(&mut state, viewer),
            Action::Look(viewer) => self.look(&mut state, viewer),
            Action::FinishReading(at) => self.finish_reading(&mut state, at),
            Action::Forget(at) => {
                state.left.forgotten -= 1;
                state.instance(at).memory.forget();
            }
            Action::Hear(viewer) => {
                let State { viewers, log, .. } = &mut state;
                let broken = viewers[viewer].hear(log, self.guards);
                state.witness(broken);
            }
            Action::Leave(viewer) => {
                state.left.leaves -= 1;
                state.viewers[viewer].leave(Phase::Away);
            }
            Action::Crash(at) => state.crash(at),
        }
        state.drop_unwatched_channels();
        state
    }

    fn is_due(&self, _: &State, action: Action) -> bool {
        use Action::*;
        match action {
            Land | Vanish | CommitAgain(_) | CommitTaken(_) | Publish(_) | Notify(_) | HearNotification(_) => true,
            ListenAgain(_) | Relay(_) | Poll(_) | Subscribe(_) | TakeWatermark(_) | Read(_) | Hear(_) => true,
            Look(_) | FinishReading(_) => true,
            Commit(..) | CommitUnanswered(..) | GiveUp(_) | Take(..) | LoseNotification(_) => false,
            LoseListener(_) | Connect(..) | Leave(_) | Crash(_) | Forget(_) => false,
        }
    }

    fn broken(&self, state: &State) -> Option<Promise> {
        state.broken
    }

    fn owed(&self, state: &State) -> Option<Promise> {
        let all_are_served = state.viewers.iter().all(|viewer| viewer.is_served(&state.log));
        (!all_are_served).then_some(Promise::EveryViewerIsServed)
    }

    fn is_happy_end(&self, state: &State) -> bool {
        let viewers = state.viewers.iter().filter(|viewer| viewer.phase == Phase::Ended);
        state.log.taken == self.events && viewers.count() == self.viewers
    }

    /// The instances are alike, and so are the viewers.
    fn representative(&self, state: State) -> State {
        let swapped = state.with_instances_swapped();
        if self.viewers < 2 {
            return state.min(swapped);
        }
        state.with_viewers_sorted().min(swapped.with_viewers_sorted())
    }
}

// What the actions do.

impl Reading {
    fn take(&self, state: &mut State, at: At, write: Write) {
        let seq = state.log.take();
        state.instance(at).writer = Writer::Took(seq, write);
        if !self.guards.commit_then_publish {
            self.publish(state, at, seq);
        }
    }

    fn commit_taken(&self, state: &mut State, at: At) {
        let Writer::Took(seq, write) = state.instance(at).writer else { return };
        state.log.commit(seq, write);
        if self.guards.commit_then_publish {
            state.instance(at).writer = Writer::Committed(seq);
        } else {
            (state.instance(at).writer, state.instance(at).owes_notification) = (Writer::Idle, self.guards.notify);
        }
    }

    /// The same batch under the same id: what is durable is not repeated, and whoever watches is told to look.
    fn commit_again(&self, state: &mut State, at: At) {
        let Writer::InDoubt(write, fate) = state.instance(at).writer else { return };
        state.instance(at).writer = Writer::Idle;
        match fate {
            Fate::Open if state.log.taken < self.events && state.log.allows(write) => state.commit(at, write),
            // Refused: whoever changed the job has told of it, this write included.
            Fate::Open | Fate::Overtaken => {}
            Fate::Durable => {
                if self.guards.doubt_after_lost_answer {
                    self.publish_doubt(state, at);
                }
                state.instance(at).owes_notification |= self.guards.notify && self.guards.notify_after_lost_answer;
            }
        }
    }

    fn publish_committed(&self, state: &mut State, at: At) {
        let Writer::Committed(seq) = state.instance(at).writer else { return };
        self.publish(state, at, seq);
        (state.instance(at).writer, state.instance(at).owes_notification) = (Writer::Idle, self.guards.notify);
    }

    fn relay(&self, state: &mut State, at: At) {
        state.instance(at).relay = match (state.instance(at).relay, state.instance(at).watermark) {
            (Relay::Awake, Some(watermark)) => state.log.after(watermark).map_or(Relay::Asleep, Relay::Holds),
            (Relay::Holds(seq), _) => {
                self.publish(state, at, seq);
                Relay::Awake
            }
            (Relay::Awake | Relay::Asleep, _) => Relay::Asleep,
        };
    }

    fn publish(&self, state: &mut State, at: At, seq: u8) {
        self.send(state, at, seq);
        let instance = state.instance(at);
        if self.has_memory && instance.watermark.is_some() {
            instance.memory.publish(seq, self.guards);
        }
        instance.watermark = instance.watermark.map(|watermark| watermark.max(seq));
    }

    fn publish_doubt(&self, state: &mut State, at: At) {
        state.instance(at).memory.doubt(self.guards);
        self.send(state, at, DOUBT);
    }

    fn send(&self, state: &mut State, at: At, signal: Signal) {
        for viewer in state.viewers.iter_mut().filter(|viewer| viewer.at == at && viewer.is_subscribed()) {
            viewer.unheard.send(signal, self.capacity);
        }
    }

    fn connect(&self, state: &mut State, viewer: usize, at: At) {
        state.viewers[viewer].connect(at, self.guards);
        if self.guards.subscribe_then_read && self.guards.watermark_before_read {
            // What counts as published in a new channel is what its first viewer has; without memory that reads at once.
            let published = if self.has_memory { state.viewers[viewer].cursor } else { state.log.last() };
            state.instance(at).watermark.get_or_insert(published);
        }
    }

    fn subscribe_late(&self, state: &mut State, viewer: usize) {
        state.viewers[viewer].phase = Phase::Follows;
        state.open_channel(state.viewers[viewer].at);
    }

    fn look(&self, state: &mut State, viewer: usize) {
        let State { viewers, log, instances, .. } = state;
        let viewer = &mut viewers[viewer];
        let memory = &mut instances[viewer.at.index()].memory;
        let is_over = log.is_terminal(viewer.cursor);
        let broken = match memory.look(viewer.cursor) {
            Look::Frame(seq) => viewer.receive(seq, log, self.guards),
            Look::End if is_over && self.guards.end_by_the_store => viewer.read(log, self.guards),
            Look::End if is_over => viewer.end(log),
            Look::End => {
                viewer.phase = Phase::Follows;
                memory.follow();
                None
            }
            Look::Unknown => {
                memory.begin_reading(log, viewer.cursor);
                None
            }
        };
        state.witness(broken);
    }

    fn finish_reading(&self, state: &mut State, at: At) {
        let instance = state.instance(at);
        let Some((through, followed)) = instance.memory.finish_reading() else { return };
        let is_news = instance.watermark.is_some_and(|watermark| watermark < through);
        instance.watermark = instance.watermark.map(|watermark| watermark.max(through));
        if is_news && followed && self.guards.tell_what_is_found {
            // Not a doubt: it is in memory.
            self.send(state, at, DOUBT);
        }
    }

    fn read(&self, state: &mut State, viewer: usize) {
        let State { viewers, log, .. } = state;
        let broken = viewers[viewer].read(log, self.guards);
        state.witness(broken);
    }
}

impl State {
    fn instance(&mut self, at: At) -> &mut Instance {
        &mut self.instances[at.index()]
    }

    fn witness(&mut self, broken: Option<Promise>) {
        self.broken = self.broken.or(broken);
    }

    fn commit(&mut self, at: At, write: Write) {
        let seq = self.log.take();
        self.log.commit(seq, write);
        self.overtake(at);
        self.instance(at).writer = Writer::Committed(seq);
    }

    fn land(&mut self) {
        let Some((at, write)) = self.log.in_flight.take() else { return };
        let seq = self.log.take();
        self.log.commit(seq, write);
        self.overtake(at);
        if let Writer::InDoubt(_, fate) = &mut self.instance(at).writer {
            *fate = Fate::Durable;
        }
    }

    /// The job's row names another batch now.
    fn overtake(&mut self, at: At) {
        if let Writer::InDoubt(_, fate @ Fate::Durable) = &mut self.instance(at.other()).writer {
            *fate = Fate::Overtaken;
        }
    }

    fn notify(&mut self, at: At) {
        self.instance(at).owes_notification = false;
        let other = self.instance(at.other());
        other.is_notified |= other.listens;
    }

    fn hear_notification(&mut self, at: At) {
        let is_watched = self.is_watched(at);
        let instance = self.instance(at);
        instance.is_notified = false;
        if is_watched && instance.relay == Relay::Asleep {
            instance.relay = Relay::Awake;
        }
    }

    fn is_watched(&self, at: At) -> bool {
        self.viewers.iter().any(|viewer| viewer.at == at && viewer.is_subscribed())
    }

    fn open_channel(&mut self, at: At) {
        let last = self.log.last();
        self.instance(at).watermark.get_or_insert(last);
    }

    /// A channel goes with its last subscriber.
    fn drop_unwatched_channels(&mut self) {
        for at in At::BOTH {
            if !self.is_watched(at) {
                (self.instance(at).watermark, self.instance(at).memory) = (None, Memory::NEW);
            }
        }
    }

    /// The process loses its memory and its connections, and is started again.
    fn crash(&mut self, at: At) {
        self.left.crashes -= 1;
        *self.instance(at) = Instance::NEW;
        for viewer in self.viewers.iter_mut().filter(|viewer| viewer.at == at && viewer.is_connected()) {
            viewer.leave(Phase::Away);
        }
    }

    fn with_instances_swapped(mut self) -> State {
        self.instances.swap(0, 1);
        self.log.in_flight = self.log.in_flight.map(|(at, write)| (at.other(), write));
        for viewer in self.viewers.iter_mut().filter(|viewer| viewer.is_connected()) {
            viewer.at = viewer.at.other();
        }
        self
    }

    fn with_viewers_sorted(mut self) -> State {
        self.viewers.sort_unstable();
        self
    }
}
