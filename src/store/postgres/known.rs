//! Jobs as this process has written or read them last, so that their progress need not be read again before each write.
//! Must not be believed: another instance may have changed a job, which the statement that writes it finds out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::job::{BrandId, Job, JobId, JobStatus};
use crate::store::plan::Plan;

/// The most jobs that are remembered; one more, and all are forgotten. A process runs far fewer at once.
const REMEMBERED: usize = 8_192;

/// Jobs that are under way.
#[derive(Default)]
pub(super) struct Known {
    jobs: Mutex<HashMap<JobId, KnownJob>>,
}

/// A job, and the batch that changed it last: together they say which state of the row is meant.
pub(super) struct KnownJob {
    pub job: Job,
    pub last_batch: Uuid,
}

impl Known {
    /// Takes the job out: who writes it puts it back when it is known what became of it.
    pub fn take(&self, ids: impl Iterator<Item = JobId>) -> HashMap<JobId, KnownJob> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        ids.filter_map(|id| Some((id, jobs.remove(&id)?))).collect()
    }

    /// The brand of each of these jobs, where it is known.
    pub fn brands(&self, ids: impl Iterator<Item = JobId>) -> Vec<Option<BrandId>> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        ids.map(|id| jobs.get(&id).map(|known| known.job.brand_id)).collect()
    }

    /// Remembers the jobs of a plan that is durable, or that they are not under way any more.
    pub fn remember(&self, plan: &mut Plan<'_>, batch: Uuid) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, changed) in plan.changed.drain() {
            if changed.job.status != JobStatus::Processing {
                jobs.remove(&id);
                continue;
            }
            if jobs.len() >= REMEMBERED {
                jobs.clear();
            }
            jobs.insert(id, KnownJob { job: changed.job, last_batch: batch });
        }
    }
}
