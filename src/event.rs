//! The event: one durable, immutable, numbered fact about a job, with its data already in the form that clients read.
//! Must not do I/O or decide when an event happens.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::job::{BrandId, Job, JobId, JobStatus, UnknownName};

mod deltas;

pub use deltas::{is_delta, merge_deltas};

/// An event's position in its job, from 1; 0 stands before the first. A cursor is the last seq that a reader has.
pub type Seq = i64;

/// Whose events a reader follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Those of one job, which ends.
    Job(JobId),
    /// Those of all jobs of a brand, which does not.
    Brand(BrandId),
}

/// One fact about a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The job that it is about.
    pub job_id: JobId,
    /// Its position in that job.
    pub seq: Seq,
    /// Its position among the events of the job's brand; 0 until it is stored.
    pub brand_seq: Seq,
    /// What happened.
    pub name: EventName,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// The contract's data object as one line of JSON.
    pub data: String,
}

impl Event {
    /// The event that `detail` is for `job`, whose fields already show the state after it, at `job.last_seq`.
    pub fn new(job: &Job, at: DateTime<Utc>, detail: &EventDetail) -> Event {
        let data = EventData {
            job_id: job.id,
            seq: job.last_seq,
            at: instant(at),
            status: job.status,
            progress: job.progress,
            current_step: &job.current_step,
            step: job.step,
            total_steps: job.total_steps,
            attempt: job.attempt,
            detail,
        };
        let data = serde_json::to_string(&data).expect("event data has string keys and finite numbers only");
        Event { job_id: job.id, seq: job.last_seq, brand_seq: 0, name: detail.name(), at, data }
    }

    /// Its position among the events of the subject.
    pub fn position(&self, subject: Subject) -> Seq {
        match subject {
            Subject::Job(_) => self.seq,
            Subject::Brand(_) => self.brand_seq,
        }
    }

    /// Whether it ends the stream of the subject.
    pub fn ends(&self, subject: Subject) -> bool {
        matches!(subject, Subject::Job(_)) && self.name.is_terminal()
    }

    /// The bytes of the event in the subject's `text/event-stream`.
    pub fn frame(&self, subject: Subject) -> String {
        format!("id: {}\nevent: {}\ndata: {}\n\n", self.position(subject), self.name, self.data)
    }
}

/// What an event adds to the fields that every event has.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum EventDetail {
    /// The job was created, or put back by a user's retry.
    Queued {},
    /// An attempt began.
    Started {},
    /// A step began or moved.
    Progress {
        /// What the upstream said: page, url, counts; an object.
        #[schema(value_type = HashMap<String, Value>)]
        detail: Value,
    },
    /// A piece of model output.
    Delta {
        /// The text that follows the text of the deltas before it.
        text: String,
    },
    /// An attempt failed and another will follow.
    Retrying {
        /// Why it failed.
        error: String,
        /// When the next attempt may begin.
        #[schema(format = DateTime)]
        next_attempt_at: String,
    },
    /// The job is done.
    Completed {
        /// The row that it created.
        result_id: Uuid,
        /// Where its result is.
        #[schema(format = "uri-reference")]
        result_url: String,
        /// What the job used of paid upstreams: tokens, an estimate of their cost, credits.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = HashMap<String, Value>)]
        usage: Option<Value>,
    },
    /// The job was given up.
    Failed {
        /// Why.
        error_message: String,
        /// A stable word for it.
        code: String,
    },
    /// The job was stopped by a user.
    Cancelled {},
}

impl EventDetail {
    fn name(&self) -> EventName {
        match self {
            EventDetail::Queued {} => EventName::Queued,
            EventDetail::Started {} => EventName::Started,
            EventDetail::Progress { .. } => EventName::Progress,
            EventDetail::Delta { .. } => EventName::Delta,
            EventDetail::Retrying { .. } => EventName::Retrying,
            EventDetail::Completed { .. } => EventName::Completed,
            EventDetail::Failed { .. } => EventName::Failed,
            EventDetail::Cancelled {} => EventName::Cancelled,
        }
    }
}

/// The data of an event: the fields that every event has, and what it adds.
#[derive(Serialize, ToSchema)]
pub struct EventData<'a> {
    #[schema(value_type = Uuid)]
    job_id: JobId,
    /// Its position in its job, from 1; the id of the frame in the stream of a job.
    #[schema(value_type = i64, minimum = 1)]
    seq: Seq,
    /// When it was recorded.
    #[schema(format = DateTime)]
    at: String,
    /// That of the job after it.
    status: JobStatus,
    /// Percent done; never goes down within an attempt.
    #[schema(minimum = 0, maximum = 100)]
    progress: u8,
    /// What is going on, for a person.
    current_step: &'a str,
    /// The number of the current step, from 1; 0 before the first.
    step: u32,
    total_steps: u32,
    /// The number of the latest attempt; 0 before the first.
    attempt: u32,
    #[serde(flatten)]
    #[schema(ignore)]
    detail: &'a EventDetail,
}

/// The name of an event on the wire and in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventName {
    /// See [`EventDetail::Queued`].
    Queued,
    /// See [`EventDetail::Started`].
    Started,
    /// See [`EventDetail::Progress`].
    Progress,
    /// See [`EventDetail::Delta`].
    Delta,
    /// See [`EventDetail::Retrying`].
    Retrying,
    /// See [`EventDetail::Completed`].
    Completed,
    /// See [`EventDetail::Failed`].
    Failed,
    /// See [`EventDetail::Cancelled`].
    Cancelled,
}

impl EventName {
    /// All of them.
    pub const ALL: [EventName; 8] = [
        EventName::Queued,
        EventName::Started,
        EventName::Progress,
        EventName::Delta,
        EventName::Retrying,
        EventName::Completed,
        EventName::Failed,
        EventName::Cancelled,
    ];

    /// The name as clients read it.
    pub fn as_str(self) -> &'static str {
        match self {
            EventName::Queued => "queued",
            EventName::Started => "started",
            EventName::Progress => "progress",
            EventName::Delta => "delta",
            EventName::Retrying => "retrying",
            EventName::Completed => "completed",
            EventName::Failed => "failed",
            EventName::Cancelled => "cancelled",
        }
    }

    /// Whether the job was over when this was recorded. A user's retry may have followed.
    pub fn is_terminal(self) -> bool {
        matches!(self, EventName::Completed | EventName::Failed | EventName::Cancelled)
    }
}

impl FromStr for EventName {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<EventName, UnknownName> {
        EventName::ALL.into_iter().find(|event| event.as_str() == name).ok_or_else(|| UnknownName(name.to_owned()))
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An instant as the contract writes it: RFC 3339, UTC, milliseconds.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::job::NewJob;

    fn job() -> Job {
        let new = NewJob::of(BrandId(Uuid::nil()));
        new.create(JobId(Uuid::nil()), DateTime::UNIX_EPOCH).0
    }

    fn event(seq: Seq, step: u32, detail: EventDetail) -> Event {
        Event::new(&Job { last_seq: seq, step, ..job() }, DateTime::UNIX_EPOCH, &detail)
    }

    fn delta(seq: Seq, step: u32, text: &str) -> Event {
        event(seq, step, EventDetail::Delta { text: text.to_owned() })
    }

    #[test]
    fn a_frame_is_three_lines_and_a_blank_one_whatever_the_text() {
        let mut delta = delta(7, 1, "a\nb\r\n\u{2028}c\n\ndata: x");
        delta.brand_seq = 31;
        assert!(delta.frame(Subject::Brand(BrandId(Uuid::nil()))).starts_with("id: 31\nevent: delta\n"));
        let frame = delta.frame(Subject::Job(delta.job_id));
        assert!(frame.starts_with("id: 7\nevent: delta\ndata: {"));
        assert_eq!(frame.matches(['\n', '\r']).count(), 4, "{frame:?}");
        assert!(frame.ends_with("}\n\n"));
    }
}
