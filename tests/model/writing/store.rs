//! The job's row, what a write does to it, and the witness that sees whether a write may have been made.
//! Must not know who writes.

use crate::guards::{At, Guards, Promise};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    Pending,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lease {
    None,
    Held,
    Expired,
}

/// What can be written; `jobcast::write::Action` with what matters of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Write {
    Cancel,
    Retry,
    Attempt(u8, Report),
    Reclaim(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Report {
    Progress,
    StepOutput,
    Complete,
    Retry,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Event {
    Queued,
    Started,
    Progress,
    Retrying,
    Completed,
    Failed,
    Cancelled,
}

impl Event {
    fn is_terminal(self) -> bool {
        matches!(self, Event::Completed | Event::Failed | Event::Cancelled)
    }
}

/// The write was refused and nothing of it is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused;

/// How a commit was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Done, or done before by the same batch.
    Done,
    Refused,
}

/// The job's row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Job {
    pub status: Status,
    pub attempt: u8,
    pub retries: u8,
    pub lease: Lease,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Store {
    pub job: Job,
    /// Whether the step's output is stored.
    pub output: bool,
    /// The instance that made the last change, as long as it does not know: it stands for the id of the batch.
    pub last_batch: Option<At>,
    /// The latest event: the rest of the log is of no consequence.
    last: Event,
    /// What the witness saw.
    pub broken: Option<Promise>,
}

impl Job {
    pub const QUEUED: Job = Job { status: Status::Pending, attempt: 0, retries: 0, lease: Lease::None };

    pub fn is_over(self) -> bool {
        matches!(self.status, Status::Completed | Status::Failed | Status::Cancelled)
    }

    /// Begins the next attempt.
    pub fn claim(&mut self) -> Event {
        (self.status, self.lease) = (Status::Processing, Lease::Held);
        self.attempt += 1;
        Event::Started
    }

    /// Does to the job what `jobcast::write::apply` does; answers the event, if there is one.
    pub fn apply(&mut self, write: Write, max_retries: u8, guards: Guards) -> Result<Option<Event>, Refused> {
        match write {
            Write::Cancel if self.status == Status::Cancelled => Ok(None),
            Write::Cancel => self.leave(Status::Cancelled, Event::Cancelled, guards),
            Write::Retry if !matches!(self.status, Status::Failed | Status::Cancelled) => Err(Refused),
            Write::Retry => {
                self.retries = 0;
                self.leave(Status::Pending, Event::Queued, guards)
            }
            Write::Attempt(attempt, report) => {
                self.fence(attempt, guards)?;
                self.report(report, max_retries, guards)
            }
            Write::Reclaim(attempt) => {
                self.fence(attempt, guards)?;
                if guards.only_expired_leases && self.lease != Lease::Expired {
                    return Err(Refused);
                }
                self.retry_or_fail(max_retries, guards)
            }
        }
    }

    fn fence(&self, attempt: u8, guards: Guards) -> Result<(), Refused> {
        if guards.fence && (self.status != Status::Processing || self.attempt != attempt) {
            return Err(Refused);
        }
        Ok(())
    }

    fn report(&mut self, report: Report, max_retries: u8, guards: Guards) -> Result<Option<Event>, Refused> {
        match report {
            Report::Progress => {
                self.lease = Lease::Held;
                Ok(Some(Event::Progress))
            }
            Report::StepOutput => {
                self.lease = Lease::Held;
                Ok(None)
            }
            Report::Complete => self.leave(Status::Completed, Event::Completed, guards),
            Report::Retry => self.retry_or_fail(max_retries, guards),
        }
    }

    fn retry_or_fail(&mut self, max_retries: u8, guards: Guards) -> Result<Option<Event>, Refused> {
        if self.retries >= max_retries {
            return self.leave(Status::Failed, Event::Failed, guards);
        }
        self.retries += 1;
        self.leave(Status::Pending, Event::Retrying, guards)
    }

    /// Nobody holds the job any more.
    fn leave(&mut self, next: Status, event: Event, guards: Guards) -> Result<Option<Event>, Refused> {
        if guards.transitions && !self.may_become(next) {
            return Err(Refused);
        }
        (self.status, self.lease) = (next, Lease::None);
        Ok(Some(event))
    }

    fn may_become(&self, next: Status) -> bool {
        use Status::*;
        matches!(
            (self.status, next),
            (Pending, Cancelled)
                | (Processing, Pending | Completed | Failed | Cancelled)
                | (Failed | Cancelled, Pending)
        )
    }
}

impl Store {
    pub const NEW: Store =
        Store { job: Job::QUEUED, output: false, last_batch: None, last: Event::Queued, broken: None };

    /// A claim is no batch and leaves the id of the last one.
    pub fn claim(&mut self) {
        self.last = self.job.claim();
    }

    /// One transaction. If it is refused, nothing has changed.
    pub fn commit(&mut self, write: Write, max_retries: u8, guards: Guards) -> Answer {
        let mut job = self.job;
        let Ok(event) = job.apply(write, max_retries, guards) else { return Answer::Refused };
        self.witness(write, event);
        self.job = job;
        self.last = event.unwrap_or(self.last);
        self.output |= matches!(write, Write::Attempt(_, Report::StepOutput));
        self.last_batch = None;
        Answer::Done
    }

    /// Says which promise the write breaks, by what was committed before it.
    fn witness(&mut self, write: Write, event: Option<Event>) {
        let changes = event.is_some() || write != Write::Cancel;
        let broken = match write {
            _ if self.last == Event::Cancelled && event == Some(Event::Completed) => Some(Promise::StopMeansStop),
            Write::Attempt(attempt, _) | Write::Reclaim(attempt) if attempt < self.job.attempt => Some(Promise::Fenced),
            _ if changes && self.last.is_terminal() && write != Write::Retry => Some(Promise::OverIsOver),
            Write::Reclaim(_) if self.job.lease == Lease::Held => Some(Promise::LeaseIsKept),
            _ => None,
        };
        self.broken = self.broken.or(broken);
    }
}
