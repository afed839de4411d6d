//! Says which of the writes that wait may be committed now, beside the batches that are under way.
//! Must not let two batches have writes of one job at the same time, nor change the order of a job's writes.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::job::{BrandId, JobId};
use crate::store::Part;
use crate::write::Write;

/// The batches under way, by the number of their part: one of each at a time.
#[derive(Default)]
pub(super) struct Lanes {
    busy: HashMap<usize, Busy>,
}

/// What a batch under way is about. Its brands are there for their viewers, who would meet gaps if two batches were
/// published in another order than that of their positions.
#[derive(Default)]
struct Busy {
    jobs: HashSet<JobId>,
    brands: HashSet<BrandId>,
    writes: usize,
}

/// Writes to commit in one transaction, and who waits for them, at the same places.
pub(super) struct Batch<W> {
    pub lane: usize,
    pub writes: Vec<Write>,
    pub waiting: Vec<W>,
}

impl Lanes {
    /// How many writes are under way.
    pub fn under_way(&self) -> usize {
        self.busy.values().map(|busy| busy.writes).sum()
    }

    /// Takes all that may begin out of what waits; the rest stays in its order. Each batch is under way from now on.
    pub fn take<W>(&mut self, parts: Vec<Part>, writes: &mut Vec<Write>, waiting: &mut Vec<W>) -> Vec<Batch<W>> {
        debug_assert_eq!(parts.len(), writes.len(), "each write has its part");
        let mut begun: BTreeMap<usize, (Busy, Batch<W>)> = BTreeMap::new();
        let (mut held_writes, mut held_waiting, mut held) = (Vec::new(), Vec::new(), HashSet::new());
        // A write without a part must not be dropped unanswered.
        let parts = parts.into_iter().chain(std::iter::repeat(Part::default()));
        for (part, (write, waiting)) in parts.zip(writes.drain(..).zip(waiting.drain(..))) {
            if held.contains(&write.job_id) || !self.may_begin(&part, write.job_id) {
                held.insert(write.job_id);
                held_writes.push(write);
                held_waiting.push(waiting);
                continue;
            }
            let (busy, batch) = begun.entry(part.number).or_insert_with(|| {
                (Busy::default(), Batch { lane: part.number, writes: Vec::new(), waiting: Vec::new() })
            });
            busy.writes += 1;
            busy.jobs.insert(write.job_id);
            busy.brands.extend(part.brand_id);
            batch.writes.push(write);
            batch.waiting.push(waiting);
        }
        (*writes, *waiting) = (held_writes, held_waiting);
        let begin = |(lane, (busy, batch))| {
            self.busy.insert(lane, busy);
            batch
        };
        begun.into_iter().map(begin).collect()
    }

    /// The batch of this lane has ended.
    pub fn free(&mut self, lane: usize) {
        self.busy.remove(&lane);
    }

    fn may_begin(&self, part: &Part, job_id: JobId) -> bool {
        let is_free_of = |busy: &Busy| {
            !busy.jobs.contains(&job_id) && part.brand_id.is_none_or(|brand_id| !busy.brands.contains(&brand_id))
        };
        !self.busy.contains_key(&part.number) && self.busy.values().all(is_free_of)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::write::Action;

    fn cancel(job_id: JobId) -> Write {
        Write { job_id, action: Action::Cancel }
    }

    fn part(number: usize, brand_id: Option<BrandId>) -> Part {
        Part { number, brand_id }
    }

    /// The lanes that begin, each with its jobs; and the jobs that stay.
    fn take(lanes: &mut Lanes, waiting: &[(Part, JobId)]) -> (Vec<(usize, Vec<JobId>)>, Vec<JobId>) {
        let mut writes: Vec<Write> = waiting.iter().map(|(_, job_id)| cancel(*job_id)).collect();
        let mut who: Vec<JobId> = waiting.iter().map(|(_, job_id)| *job_id).collect();
        let parts = waiting.iter().map(|(part, _)| *part).collect();
        let begun = lanes.take(parts, &mut writes, &mut who);
        let held: Vec<JobId> = writes.iter().map(|write| write.job_id).collect();
        assert_eq!(held, who);
        (begun.into_iter().map(|batch| (batch.lane, batch.waiting)).collect(), held)
    }

    #[test]
    fn a_lane_begins_beside_others_and_not_twice() {
        let mut lanes = Lanes::default();
        let [a, b, c, d] = [(); 4].map(|()| JobId::new());
        let (begun, held) = take(&mut lanes, &[(part(1, None), a), (part(2, None), b), (part(1, None), a)]);
        assert_eq!((begun, held), (vec![(1, vec![a, a]), (2, vec![b])], vec![]));
        assert_eq!(lanes.under_way(), 3);
        let (begun, held) = take(&mut lanes, &[(part(1, None), c), (part(3, None), d)]);
        assert_eq!((begun, held), (vec![(3, vec![d])], vec![c]));
        lanes.free(1);
        assert_eq!(take(&mut lanes, &[(part(1, None), c)]), (vec![(1, vec![c])], vec![]));
    }

    #[test]
    fn a_job_and_a_brand_are_in_one_batch_at_a_time() {
        let mut lanes = Lanes::default();
        let (brand, other) = (Some(BrandId(Uuid::new_v4())), Some(BrandId(Uuid::new_v4())));
        let [a, neighbour, stranger] = [(); 3].map(|()| JobId::new());
        take(&mut lanes, &[(part(1, brand), a)]);
        let waiting = [(part(2, None), a), (part(2, brand), neighbour), (part(2, other), stranger)];
        assert_eq!(take(&mut lanes, &waiting), (vec![(2, vec![stranger])], vec![a, neighbour]));
        // A store that says otherwise does not get the writes of a job out of their order either.
        lanes.free(2);
        assert_eq!(
            take(&mut lanes, &[(part(1, None), neighbour), (part(2, None), neighbour)]),
            (vec![], vec![neighbour; 2])
        );
    }
}
