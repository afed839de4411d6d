//! Says which writes of a batch are committed together: what moves jobs, starts, and the progress of others in equal parts.
//! Must not put the writes of one job into two parts, nor what is known to be of one brand, whose viewers would meet gaps; but for
//! starts.

use std::collections::HashSet;

use super::known::Known;
use super::progress::is_progress;
use super::starts::is_start;
use crate::job::{BrandId, JobId};
use crate::store::Part;
use crate::write::{Action, Write};

/// The part of all writes that need more than one statement.
const MOVES: usize = 0;

/// The part of what takes places in the queue: starts, which are one statement, and retries. Two batches that counted the
/// places at the same time would take too many.
const QUEUED: usize = 1;

/// The first part of progress.
const PROGRESS: usize = 2;

/// How many parts progress is committed in, each on a connection of its own: the server works on them at the same time, and
/// on one while this process works on the other.
const PARTS: usize = 2;

/// Below this it is one part: what a further transaction costs is more than what it saves.
const WORTH_PARTING: usize = 96;

pub(super) fn of(writes: &[Write], under_way: usize, known: &Known) -> Vec<Part> {
    let takes_place = |write: &Write| is_start(write) || write.action == Action::Retry;
    let queued = jobs_of(writes, takes_place);
    let moved = jobs_of(writes, |write| !is_progress(write) && !takes_place(write));
    let brands = known.brands(writes.iter().map(|write| write.job_id));
    let is_moved = |(write, _): &(&Write, &Option<BrandId>)| moved.contains(&write.job_id);
    let moved_brands: HashSet<BrandId> =
        writes.iter().zip(&brands).filter(is_moved).filter_map(|(_, brand)| *brand).collect();
    let is_worth_parting = writes.len() + under_way >= WORTH_PARTING;
    let number = |write: &Write, brand: Option<BrandId>| match brand {
        _ if queued.contains(&write.job_id) => QUEUED,
        _ if moved.contains(&write.job_id) => MOVES,
        // It would wait for the row of its brand, which those who move its neighbours hold for several statements.
        Some(brand_id) if moved_brands.contains(&brand_id) => MOVES,
        Some(brand_id) if is_worth_parting => PROGRESS + brand_id.0.as_u128() as usize % PARTS,
        _ => PROGRESS,
    };
    let part = |(write, brand_id): (&Write, Option<BrandId>)| Part { number: number(write, brand_id), brand_id };
    writes.iter().zip(brands).map(part).collect()
}

/// The jobs of these writes.
fn jobs_of(writes: &[Write], these: impl Fn(&Write) -> bool) -> HashSet<JobId> {
    writes.iter().filter(|write| these(write)).map(|write| write.job_id).collect()
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

    fn numbers(writes: &[Write], known: &Known) -> Vec<usize> {
        of(writes, 0, known).into_iter().map(|part| part.number).collect()
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
        let parts = numbers(&writes, &known);
        let part_of_job: HashMap<JobId, usize> = writes.iter().map(|write| write.job_id).zip(parts.clone()).collect();
        assert!(writes.iter().zip(&parts).all(|(write, part)| part_of_job[&write.job_id] == *part));
        let in_moves: Vec<BrandId> =
            jobs.iter().filter(|job| part_of_job[&job.id] == MOVES).map(|job| job.brand_id).collect();
        assert_eq!(in_moves, [jobs[3].brand_id; 2], "the one that is cancelled, and its neighbour");
        let progressed = |job: &&Job| part_of_job[&job.id] != MOVES;
        let part_of_brand: HashMap<BrandId, usize> =
            jobs.iter().filter(progressed).map(|job| (job.brand_id, part_of_job[&job.id])).collect();
        assert!(jobs.iter().filter(progressed).all(|job| part_of_brand[&job.brand_id] == part_of_job[&job.id]));
        assert!((PROGRESS..PROGRESS + PARTS).all(|part| parts.contains(&part)), "{parts:?}");
    }

    fn start() -> Write {
        Write { job_id: JobId::new(), action: Action::Create(NewJob::of(BrandId(Uuid::new_v4()))) }
    }

    #[test]
    fn starts_are_a_part_of_their_own_with_what_else_takes_places_in_the_queue() {
        let jobs = jobs_under_way(&[BrandId(Uuid::new_v4())], &Known::default());
        let cancel = Write { job_id: JobId::new(), action: Action::Cancel };
        let writes = [start(), delta(&jobs[0]), cancel, start()];
        assert_eq!(numbers(&writes, &Known::default()), [QUEUED, PROGRESS, MOVES, QUEUED]);
        let cancelled = Write { job_id: writes[0].job_id, action: Action::Cancel };
        let retry = Write { job_id: JobId::new(), action: Action::Retry };
        assert_eq!(numbers(&[writes[0].clone(), cancelled, retry], &Known::default()), [QUEUED; 3]);
    }

    #[test]
    fn few_writes_are_parted_while_many_others_are_under_way() {
        let known = Known::default();
        let brands: Vec<BrandId> = (0..50).map(|_| BrandId(Uuid::new_v4())).collect();
        let writes: Vec<Write> = jobs_under_way(&brands, &known).iter().map(delta).collect();
        let parted = |under_way| of(&writes, under_way, &known).iter().any(|part| part.number != PROGRESS);
        assert!(!parted(0) && parted(WORTH_PARTING));
    }

    #[test]
    fn a_small_batch_of_progress_is_one_part_and_nothing_known_is_needed() {
        let jobs = jobs_under_way(&[BrandId(Uuid::new_v4()), BrandId(Uuid::new_v4())], &Known::default());
        let writes: Vec<Write> = jobs.iter().map(delta).collect();
        let parts = numbers(&writes, &Known::default());
        assert!(parts.iter().all(|part| *part == parts[0]), "{parts:?}");
    }
}
