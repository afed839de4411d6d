//! How long jobs of a type take, step by step, learnt from the latest completed ones.
//! Must not slow an answer down: what was learnt is kept for a while, and a silent database is not waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::job::{Job, JobId, JobStatus, JobType};
use crate::pipeline::{Pipeline, Step};
use crate::store::{StepDuration, Store};

/// How many completed jobs are looked at.
const SAMPLE: u32 = 20;

/// How long an estimate is kept; shorter where none was learnt, since the first completed job teaches more than any other.
const KEPT: Duration = Duration::from_secs(30);
const KEPT_UNLEARNT: Duration = Duration::from_secs(2);

/// How long the database may take to give a new one.
const PATIENCE: Duration = Duration::from_millis(250);

pub(super) struct Estimates {
    store: Arc<dyn Store>,
    /// The estimate of each type and until when it is kept.
    learnt: Mutex<HashMap<JobType, (Instant, Estimate)>>,
}

/// What is known of the durations of one type's steps.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// For each step, how long it took in the latest jobs, sorted and never empty.
    steps: Arc<[Vec<Duration>]>,
}

impl Estimates {
    pub(super) fn new(store: Arc<dyn Store>) -> Estimates {
        Estimates { store, learnt: Mutex::default() }
    }

    /// What the latest jobs of this type took; what is typical of its steps as long as there are none.
    pub(super) async fn of(&self, pipeline: &dyn Pipeline) -> Estimate {
        let job_type = pipeline.definition().job_type;
        let known = self.learnt.lock().unwrap_or_else(PoisonError::into_inner).get(&job_type).cloned();
        if let Some((until, estimate)) = &known
            && Instant::now() < *until
        {
            return estimate.clone();
        }
        let recent = tokio::time::timeout(PATIENCE, self.store.recent_steps(job_type, SAMPLE)).await;
        let (kept, estimate) = match recent {
            Ok(Ok(recent)) if !recent.is_empty() => (KEPT, Estimate::learn(pipeline.definition().steps, &recent)),
            Ok(Ok(_)) => (KEPT_UNLEARNT, Estimate::learn(pipeline.definition().steps, &[])),
            Ok(Err(_)) | Err(_) => {
                let kept = known.map(|(_, estimate)| estimate);
                (KEPT_UNLEARNT, kept.unwrap_or_else(|| Estimate::learn(pipeline.definition().steps, &[])))
            }
        };
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.insert(job_type, (Instant::now() + kept, estimate.clone()));
        estimate
    }
}

impl Estimate {
    /// From what the latest jobs have stored. A step may store several outputs, under names that begin with its own; a
    /// step that stores none takes what is typical.
    fn learn(steps: &[Step], recent: &[StepDuration]) -> Estimate {
        let samples = steps.iter().map(|step| {
            let mut by_job: HashMap<JobId, Duration> = HashMap::new();
            for stored in recent.iter().filter(|stored| stored.name.starts_with(step.name)) {
                *by_job.entry(stored.job_id).or_default() += stored.took;
            }
            let mut sample: Vec<Duration> = by_job.into_values().collect();
            if sample.is_empty() {
                sample.push(step.typical);
            }
            sample.sort_unstable();
            sample
        });
        Estimate { steps: samples.collect() }
    }

    /// How long a whole job takes.
    pub fn total(&self) -> Duration {
        self.steps.iter().map(|sample| median(sample)).sum()
    }

    /// When the job will probably be done; nothing unless it is under way.
    pub fn completion(&self, job: &Job, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if job.status != JobStatus::Processing {
            return None;
        }
        let began = job.step_started_at.or(job.started_at)?;
        Some(now + self.remaining(job.step, (now - began).to_std().unwrap_or_default()))
    }

    /// How long a job goes on that has been in `step` (from 1; 0 before the first) for `elapsed`.
    fn remaining(&self, step: u32, elapsed: Duration) -> Duration {
        let current = step.saturating_sub(1) as usize;
        let later = self.steps.iter().skip(current + 1).map(|sample| median(sample)).sum::<Duration>();
        self.steps.get(current).map_or(Duration::ZERO, |sample| rest(sample, elapsed)) + later
    }
}

/// How much longer a step takes that has taken `elapsed`: what the jobs that took longer than that needed from there
/// on. A step that outruns them all is expected to take another quarter of its time, so that the estimate stays ahead.
fn rest(sample: &[Duration], elapsed: Duration) -> Duration {
    let longer = &sample[sample.partition_point(|took| *took <= elapsed)..];
    if longer.is_empty() { elapsed / 4 } else { median(longer) - elapsed }
}

/// The middle one of a sorted sample that is not empty.
fn median(sample: &[Duration]) -> Duration {
    sample[sample.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &[Step] = &[
        Step { name: "read", title: "Reading", typical: Duration::from_secs(60) },
        Step { name: "write", title: "Writing", typical: Duration::from_secs(20) },
        Step { name: "save", title: "Saving", typical: Duration::from_secs(1) },
    ];

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn took(job_id: JobId, name: &str, count: u64) -> StepDuration {
        StepDuration { job_id, name: name.to_owned(), took: seconds(count) }
    }

    #[test]
    fn without_experience_it_is_what_is_typical() {
        assert_eq!(Estimate::learn(STEPS, &[]).total(), seconds(81));
    }

    #[test]
    fn it_is_learnt_step_by_step_and_pieces_of_a_step_add_up() {
        let (one, two, three) = (JobId::new(), JobId::new(), JobId::new());
        let recent = [
            took(one, "read", 10),
            took(two, "read", 12),
            took(two, "read_2", 18),
            took(three, "read", 300),
            took(one, "write", 4),
        ];
        let estimate = Estimate::learn(STEPS, &recent);
        assert_eq!(*estimate.steps, [vec![seconds(10), seconds(30), seconds(300)], vec![seconds(4)], vec![seconds(1)]]);
        assert_eq!(estimate.total(), seconds(35));
    }

    #[test]
    fn what_remains_stays_honest_when_a_step_runs_long() {
        let recent: Vec<_> = [10, 20, 40].into_iter().map(|count| took(JobId::new(), "read", count)).collect();
        let estimate = Estimate::learn(STEPS, &recent);
        let later = seconds(21);
        assert_eq!(estimate.remaining(0, Duration::ZERO), seconds(20) + later);
        assert_eq!(estimate.remaining(1, seconds(5)), seconds(15) + later);
        assert_eq!(estimate.remaining(1, seconds(25)), seconds(15) + later, "the one that took 40");
        assert_eq!(estimate.remaining(1, seconds(100)), seconds(25) + later, "longer than any");
        assert_eq!(estimate.remaining(3, seconds(0)), seconds(1));
        assert_eq!(estimate.remaining(9, seconds(0)), Duration::ZERO);
    }
}
