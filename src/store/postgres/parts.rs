//! Says which writes of a batch are committed together: what moves jobs, and the progress of the others in equal parts.
//! Must not put the writes of one job into two parts, nor the progress of one brand, whose viewers would meet gaps.

use std::collections::HashSet;

use super::known::Known;
use super::progress::is_progress;
use crate::job::JobId;
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
    let part = |(write, brand): (&Write, Option<crate::job::BrandId>)| match brand {
        _ if moved.contains(&write.job_id) => MOVES,
        Some(brand_id) if writes.len() >= WORTH_PARTING => MOVES + 1 + brand_id.0.as_u128() as usize % PARTS,
        _ => MOVES + 1,
    };
    writes.iter().zip(brands).map(part).collect()
}
