//! Says which writes of a batch are committed together: what moves jobs, and the progress of the others in equal parts.
//! Must not put the writes of one job into two parts, nor the progress of one brand, whose viewers would meet gaps.

use std::collections::HashSet;

use super::known::Known;
use super::progress::is_progress;
use crate::job::{BrandId, JobId};
use crate::write::Write;

/// The part of all writes that need more than the one statement of progress.
const MOVES: usize = 0;

/// How many parts progress is committed in, each on a connection of its own: the server works on them at the same time,
/// and one flush serves them all.
const PARTS: usize = 2;

/// Below this it is one part: what a further transaction costs is more than what it saves.
const WORTH_PARTING: usize = 96;

pub(super) fn of(writes: &[Write], known: &Known) -> Vec<usize> {
    let moved: HashSet<JobId> = writes.iter().filter(|write| !is_progress(write)).map(|write| write.job_id).collect();
    if moved.is_empty() && writes.len() < WORTH_PARTING {
        return vec![MOVES + 1; writes.len()];
    }
    let brands = known.brands(writes.iter().map(|write| write.job_id));
    let part = |(write, brand): (&Write, Option<BrandId>)| match brand {
        _ if moved.contains(&write.job_id) => MOVES,
        Some(brand_id) if writes.len() >= WORTH_PARTING => MOVES + 1 + brand_id.0.as_u128() as usize % PARTS,
        _ => MOVES + 1,
    };
    writes.iter().zip(brands).map(part).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::job::{Job, JobType, NewJob};
    use crate::store::plan::plan_claim;
    use crate::store::{Claim, StoredJob, now};
    use crate::write::{Action, Report};

    /// Jobs of these brands in their first attempt, all of them known.
    fn jobs_under_way(brands: &[BrandId], known: &Known) -> Vec<Job> {
        let pending = |brand_id: &BrandId| {
            let new = NewJob::of(*brand_id);
            StoredJob::new(new.create(JobId::new(), now()).0, json!({}))
        };
        let claim = Claim { limit: 1000, max_jobs_per_brand: 1000, job_types: JobType::ALL.to_vec() };
        let (mut plan, claimed) = plan_claim(&claim, brands.iter().map(pending).collect(), HashMap::new(), now());
        known.remember(&mut plan, Uuid::new_v4());
        claimed.into_iter().map(|claimed| claimed.job).collect()
    }

    fn delta(job: &Job) -> Write {
        Write { job_id: job.id, action: Action::Attempt(1, Report::Delta("x".to_owned())) }
    }

    #[test]
    fn a_job_and_the_progress_of_a_brand_are_each_in_one_part() {
        let known = Known::default();
        let brands: Vec<BrandId> = (0..50).map(|_| BrandId(Uuid::new_v4())).collect();
        let jobs = [jobs_under_way(&brands, &known), jobs_under_way(&brands, &known)].concat();
        let mut writes: Vec<Write> = jobs.iter().chain(&jobs).map(delta).collect();
        writes.push(Write { job_id: jobs[3].id, action: Action::Cancel });
        let parts = of(&writes, &known);
        let part_of_job: HashMap<JobId, usize> = writes.iter().map(|write| write.job_id).zip(parts.clone()).collect();
        assert!(writes.iter().zip(&parts).all(|(write, part)| part_of_job[&write.job_id] == *part));
        assert_eq!(jobs.iter().filter(|job| part_of_job[&job.id] == MOVES).count(), 1, "the one that is cancelled");
        let progressed = |job: &&Job| part_of_job[&job.id] != MOVES;
        let part_of_brand: HashMap<BrandId, usize> =
            jobs.iter().filter(progressed).map(|job| (job.brand_id, part_of_job[&job.id])).collect();
        assert!(jobs.iter().filter(progressed).all(|job| part_of_brand[&job.brand_id] == part_of_job[&job.id]));
        assert!((1..=PARTS).all(|part| parts.contains(&part)), "{parts:?}");
    }

    #[test]
    fn a_small_batch_of_progress_is_one_part_and_nothing_known_is_needed() {
        let jobs = jobs_under_way(&[BrandId(Uuid::new_v4()), BrandId(Uuid::new_v4())], &Known::default());
        let writes: Vec<Write> = jobs.iter().map(delta).collect();
        let parts = of(&writes, &Known::default());
        assert!(parts.iter().all(|part| *part == parts[0]), "{parts:?}");
    }
}
