//! How long jobs of a type take, learnt from the latest completed ones.
//! Must not slow a start down: what was learnt is kept for a while, and a silent database is not waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::job::JobType;
use crate::pipeline::Pipeline;
use crate::store::Store;

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
    learnt: Mutex<HashMap<JobType, (Instant, Duration)>>,
}

impl Estimates {
    pub(super) fn new(store: Arc<dyn Store>) -> Estimates {
        Estimates { store, learnt: Mutex::default() }
    }

    /// The median duration of the latest jobs of this type; the typical one as long as there are none.
    pub(super) async fn duration(&self, pipeline: &dyn Pipeline) -> Duration {
        let job_type = pipeline.job_type();
        let known = self.learnt.lock().unwrap_or_else(PoisonError::into_inner).get(&job_type).copied();
        if let Some((until, duration)) = known
            && Instant::now() < until
        {
            return duration;
        }
        let recent = tokio::time::timeout(PATIENCE, self.store.recent_durations(job_type, SAMPLE)).await;
        let (kept, duration) = match recent.map(|answer| answer.map(median)) {
            Ok(Ok(Some(duration))) => (KEPT, duration),
            Ok(Ok(None)) => (KEPT_UNLEARNT, pipeline.typical_duration()),
            Ok(Err(_)) | Err(_) => (KEPT_UNLEARNT, known.map_or(pipeline.typical_duration(), |(_, duration)| duration)),
        };
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.insert(job_type, (Instant::now() + kept, duration));
        duration
    }
}

fn median(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_middle_one() {
        let seconds = |all: &[u64]| all.iter().copied().map(Duration::from_secs).collect::<Vec<_>>();
        assert_eq!(median(seconds(&[])), None);
        assert_eq!(median(seconds(&[300, 10, 20])), Some(Duration::from_secs(20)));
    }
}
