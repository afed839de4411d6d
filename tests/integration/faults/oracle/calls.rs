//! What attempts may have done: each began in one process, and none called for a step whose output an earlier one stored.
//! Must not use clocks: an attempt that was frozen may finish a call that it had reason to make.

use std::collections::{BTreeMap, HashMap};

use crate::faults::calls::{Call, step_of};
use crate::faults::evidence::Evidence;
use crate::faults::servers::Ended;
use crate::faults::users::UsedJob;

/// No attempt began twice, and each that began is stored.
pub fn begun_once(logs: &[Ended], evidence: &Evidence) -> Vec<String> {
    let mut violations = Vec::new();
    let mut begun: BTreeMap<(&str, i64), Vec<usize>> = BTreeMap::new();
    for ended in logs {
        for (job, attempts) in &ended.attempts {
            attempts.iter().for_each(|attempt| begun.entry((job, *attempt)).or_default().push(ended.caller));
        }
    }
    for ((job, attempt), callers) in begun {
        let Some(stored) = evidence.jobs.get(job) else { continue };
        if callers.len() > 1 {
            violations.push(format!("attempt {attempt} of job {job} began in the processes {callers:?}"));
        }
        if attempt > stored.attempt {
            violations.push(format!("attempt {attempt} of job {job} began and is not stored"));
        }
    }
    violations
}

/// A process called for a step at most once in each of its attempts that began while the step had no stored output:
/// those up to the attempt that stored it.
pub fn paid_once(used: &[UsedJob], calls: &[Call], logs: &[Ended], evidence: &Evidence) -> Vec<String> {
    let by_case: HashMap<usize, &UsedJob> = used.iter().map(|used| (used.plan.case, used)).collect();
    let attempts: HashMap<(usize, &str), &Vec<i64>> = logs
        .iter()
        .flat_map(|ended| ended.attempts.iter().map(|(job, attempts)| ((ended.caller, job.as_str()), attempts)))
        .collect();
    let mut made: BTreeMap<(usize, usize, &str), usize> = BTreeMap::new();
    for call in calls {
        *made.entry((call.case, call.caller, call.kind)).or_default() += 1;
    }
    let mut violations = Vec::new();
    for ((case, caller, kind), made) in made {
        let Some(job) = by_case.get(&case).and_then(|used| evidence.job(used)) else { continue };
        let Some(step) = step_of(&job.job_type, kind) else {
            violations.push(format!("case {case} ({}) called {kind}", job.job_type));
            continue;
        };
        let until = job.steps.get(step).map_or(i64::MAX, |step| step.attempt);
        let none = Vec::new();
        let attempts = attempts.get(&(caller, job.id.as_str())).copied().unwrap_or(&none);
        let allowed = attempts.iter().filter(|attempt| **attempt <= until).count();
        if made > allowed {
            violations.push(format!(
                "process {caller} called {kind} {made} times for job {} (case {case}), step {step} stored by attempt \
                 {until}; its attempts: {attempts:?}",
                job.id
            ));
        }
    }
    // A completed job has all its steps.
    for job in evidence.jobs.values().filter(|job| job.status == "completed" && job.steps.is_empty()) {
        violations.push(format!("job {} completed without a stored step", job.id));
    }
    violations
}
