//! The model of writing: claims, leases, attempts and their fence, steps, sweepers, cancel and retry, lost answers.
//! Must not model who reads the events.

use crate::checker::Model;
use crate::guards::{At, Guards, Promise};

mod actions;
mod instance;
mod store;
mod worker;

use actions::{Action, By, Durable};
use instance::{InDoubt, Instance};
use store::{Answer, Store};
use worker::{Stage, Worker};

pub use store::{Event, Job, Lease, Report, Status, Write};

/// How far the model goes.
#[derive(Clone, Copy, Debug)]
pub struct Writing {
    pub guards: Guards,
    pub max_retries: u8,
    /// What may happen besides the work, and how often.
    pub faults: Faults,
    /// Whether the lease of an attempt that is alive may expire, because its process is cut off from the database.
    pub cut_off: bool,
    /// Whether [`Promise::CommandedOnce`] is checked.
    pub commands_once: bool,
}

/// How often each may still happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Faults {
    pub cancels: u8,
    pub retries: u8,
    pub crashes: u8,
    pub freezes: u8,
    pub lost_answers: u8,
}

impl Faults {
    pub const NONE: Faults = Faults { cancels: 0, retries: 0, crashes: 0, freezes: 0, lost_answers: 0 };
}

/// The most attempts in any of the models.
const ATTEMPTS: usize = 6;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct State {
    store: Store,
    instances: [Instance; 2],
    /// Who runs each attempt, from the first; none before and after.
    workers: [Option<Worker>; ATTEMPTS],
    /// Whether any attempt has gone on from the step.
    step_left_behind: bool,
    left: Faults,
}

impl Model for Writing {
    type State = State;
    type Action = Action;

    fn start(&self) -> State {
        State {
            store: Store::NEW,
            instances: [Instance::NEW; 2],
            workers: [None; ATTEMPTS],
            step_left_behind: false,
            left: self.faults,
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::with_capacity(16);
        for at in At::BOTH {
            self.actions_at(state, at, &mut actions);
        }
        for (attempt, worker) in state.awake() {
            self.actions_of(state, attempt, worker, &mut actions);
        }
        if state.store.job.lease == Lease::Held && (self.cut_off || !state.holder_is_awake()) {
            actions.push(Action::Expire);
        }
        actions
    }

    fn after(&self, mut state: State, action: Action) -> State {
        match action {
            Action::Claim(at) => self.claim(&mut state, at),
            Action::ClaimUnheard(at) => {
                self.claim(&mut state, at);
                state.workers[usize::from(state.store.job.attempt) - 1] = None;
                state.left.lost_answers -= 1;
            }
            Action::LookForOutput(attempt) if self.guards.stored_output_first && state.store.output => {
                state.go_on(attempt);
            }
            Action::LookForOutput(attempt) => state.worker(attempt).stage = Stage::FoundNone,
            Action::Pay(attempt) => state.pay(attempt, Stage::Paid),
            Action::PayInVain(attempt) => state.pay(attempt, Stage::PaidInVain),
            Action::GoOn(attempt) => state.go_on(attempt),
            Action::Write(by) => self.write(&mut state, by),
            Action::WriteUnanswered(by, durable) => self.write_unanswered(&mut state, by, durable),
            Action::WriteAgain(at) => self.write_again(&mut state, at),
            Action::GiveUp(at) => {
                if let Some(Write::Attempt(attempt, _)) = state.end_doubt(at).map(|doubt| doubt.write) {
                    state.stop(at, attempt);
                }
            }
            Action::Heartbeat(attempt) if state.holds(attempt) => state.store.job.lease = Lease::Held,
            Action::Heartbeat(attempt) => state.workers[usize::from(attempt) - 1] = None,
            Action::LookForExpired(at) => state.instances[at.index()].reclaiming = Some(state.store.job.attempt),
            Action::Expire => state.store.job.lease = Lease::Expired,
            Action::Freeze(at) => {
                state.left.freezes -= 1;
                state.instances[at.index()].frozen = true;
            }
            Action::Thaw(at) => state.instances[at.index()].frozen = false,
            Action::Crash(at) => state.crash(at),
        }
        state
    }

    fn is_due(&self, state: &State, action: Action) -> bool {
        match action {
            Action::Expire => !state.holder_is_awake(),
            Action::Write(by) => matches!(by, By::Worker(_) | By::Sweeper(_)),
            Action::ClaimUnheard(_)
            | Action::WriteUnanswered(..)
            | Action::GiveUp(_)
            | Action::Freeze(_)
            | Action::Thaw(_)
            | Action::Crash(_) => false,
            _ => true,
        }
    }

    fn broken(&self, state: &State) -> Option<Promise> {
        state.store.broken
    }

    fn owed(&self, state: &State) -> Option<Promise> {
        (!state.store.job.is_over()).then_some(Promise::EveryJobEnds)
    }

    fn is_happy_end(&self, state: &State) -> bool {
        state.store.job.status == Status::Completed && state.workers == [None; ATTEMPTS]
    }

    /// The instances are alike.
    fn representative(&self, state: State) -> State {
        state.min(state.swapped())
    }
}

// What the actions do.

impl Writing {
    fn claim(&self, state: &mut State, at: At) {
        state.store.claim();
        let must_not_pay = state.store.output || state.step_left_behind;
        state.workers[usize::from(state.store.job.attempt) - 1] =
            Some(Worker { on: at, stage: Stage::Begun, must_not_pay });
    }

    fn write(&self, state: &mut State, by: By) {
        let (at, write) = state.write_of(by);
        state.spend(by);
        self.witness_of_reclaim(state, at, write);
        let answer = state.store.commit(write, self.max_retries, self.guards);
        state.hear(at, write, answer);
    }

    fn write_unanswered(&self, state: &mut State, by: By, durable: Durable) {
        let (at, write) = state.write_of(by);
        state.spend(by);
        state.left.lost_answers -= 1;
        let durable = durable == Durable::Yes;
        if durable {
            self.witness_of_reclaim(state, at, write);
            state.store.commit(write, self.max_retries, self.guards);
            state.store.last_batch = Some(at);
        }
        state.instances[at.index()].in_doubt = Some(InDoubt { write, durable });
    }

    fn write_again(&self, state: &mut State, at: At) {
        let is_recognised = self.guards.batch_id && state.store.last_batch == Some(at);
        let Some(InDoubt { write, durable }) = state.end_doubt(at) else { return };
        if is_recognised {
            return state.hear(at, write, Answer::Done);
        }
        let has_no_effect = write == Write::Cancel && state.store.job.status == Status::Cancelled;
        self.witness_of_reclaim(state, at, write);
        let answer = state.store.commit(write, self.max_retries, self.guards);
        if durable && answer == Answer::Done && !has_no_effect {
            self.witness_of_repeat(state, write);
        }
        state.hear(at, write, answer);
    }

    fn witness_of_repeat(&self, state: &mut State, write: Write) {
        let broken = match write {
            Write::Attempt(..) | Write::Reclaim(_) => Some(Promise::WrittenOnce),
            Write::Cancel | Write::Retry => self.commands_once.then_some(Promise::CommandedOnce),
        };
        state.store.broken = state.store.broken.or(broken);
    }

    fn witness_of_reclaim(&self, state: &mut State, at: At, write: Write) {
        if let Write::Reclaim(attempt) = write
            && state.runs(at, attempt)
            && state.holds(attempt)
        {
            state.store.broken = state.store.broken.or(Some(Promise::LeaseIsKept));
        }
    }
}

impl State {
    /// The attempts that are under way and not frozen.
    fn awake(&self) -> impl Iterator<Item = (u8, Worker)> {
        let workers = self.workers.iter().zip(1..).filter_map(|(worker, attempt)| Some((attempt, (*worker)?)));
        workers.filter(|(_, worker)| !self.instances[worker.on.index()].frozen)
    }

    /// Whether this attempt is the one that the job is being processed by.
    fn holds(&self, attempt: u8) -> bool {
        self.store.job.status == Status::Processing && self.store.job.attempt == attempt
    }

    fn holder_is_awake(&self) -> bool {
        self.awake().any(|(attempt, _)| self.holds(attempt))
    }

    /// Whether this attempt is under way in this process.
    fn runs(&self, at: At, attempt: u8) -> bool {
        attempt > 0 && self.workers[usize::from(attempt) - 1].is_some_and(|worker| worker.on == at)
    }

    fn worker(&mut self, attempt: u8) -> &mut Worker {
        self.workers[usize::from(attempt) - 1].as_mut().expect("only an attempt that is under way acts")
    }

    fn pay(&mut self, attempt: u8, next: Stage) {
        let worker = self.worker(attempt);
        worker.stage = next;
        if worker.must_not_pay {
            self.store.broken = self.store.broken.or(Some(Promise::PaidOnce));
        }
    }

    fn go_on(&mut self, attempt: u8) {
        self.worker(attempt).stage = Stage::WentOn;
        self.step_left_behind = true;
    }

    fn write_of(&self, by: By) -> (At, Write) {
        match by {
            By::Worker(attempt) => {
                let worker = self.workers[usize::from(attempt) - 1].expect("only an attempt that is under way writes");
                (worker.on, worker.next_write(attempt).expect("only an attempt with something to say writes"))
            }
            By::Sweeper(at) => {
                let attempt = self.instances[at.index()].reclaiming.expect("only a sweeper that found one reclaims");
                (at, Write::Reclaim(attempt))
            }
            By::CancelAt(at) => (at, Write::Cancel),
            By::RetryAt(at) => (at, Write::Retry),
        }
    }

    /// The writer has the write now.
    fn spend(&mut self, by: By) {
        match by {
            By::CancelAt(_) => self.left.cancels -= 1,
            By::RetryAt(_) => self.left.retries -= 1,
            By::Sweeper(at) => self.instances[at.index()].reclaiming = None,
            By::Worker(_) => {}
        }
    }

    /// Tells the attempt that wrote, if it is still there, how that went.
    fn hear(&mut self, at: At, write: Write, answer: Answer) {
        let Write::Attempt(attempt, _) = write else { return };
        if !self.runs(at, attempt) {
            return;
        }
        let worker = *self.worker(attempt);
        let next = if answer == Answer::Done { worker.after_write() } else { None };
        self.workers[usize::from(attempt) - 1] = next;
        self.step_left_behind |= next.is_some_and(|worker| worker.stage == Stage::WentOn);
    }

    fn stop(&mut self, at: At, attempt: u8) {
        if self.runs(at, attempt) {
            self.workers[usize::from(attempt) - 1] = None;
        }
    }

    fn end_doubt(&mut self, at: At) -> Option<InDoubt> {
        // Nobody will ask for that batch any more.
        self.store.last_batch = self.store.last_batch.filter(|by| *by != at);
        self.instances[at.index()].in_doubt.take()
    }

    /// The process loses its memory and is started again.
    fn crash(&mut self, at: At) {
        self.left.crashes -= 1;
        self.end_doubt(at);
        self.instances[at.index()] = Instance::NEW;
        for worker in &mut self.workers {
            *worker = worker.filter(|worker| worker.on != at);
        }
    }

    fn swapped(mut self) -> State {
        self.instances.swap(0, 1);
        self.store.last_batch = self.store.last_batch.map(At::other);
        for worker in self.workers.iter_mut().flatten() {
            worker.on = worker.on.other();
        }
        self
    }
}
