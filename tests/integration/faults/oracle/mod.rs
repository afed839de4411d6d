//! Judges a run: compares what was seen, called and logged with what is stored, and says in words what must not be.
//! Must not be lenient with a run because faults came: what is promised is promised under faults.

mod calls;
mod history;
mod tests;
mod views;

use std::collections::{BTreeMap, HashMap};

use super::calls::Call;
use super::evidence::{Evidence, RESULT_TABLES};
use super::servers::Ended;
use super::users::UsedJob;
use super::viewers::View;

/// All that there is to judge.
pub struct Case<'a> {
    pub used: &'a [UsedJob],
    pub views: &'a [View],
    pub calls: &'a [Call],
    pub logs: &'a [Ended],
    pub evidence: &'a Evidence,
}

impl Case<'_> {
    /// Everything that must not be.
    pub fn violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        violations.extend(self.keys());
        violations.extend(self.evidence.jobs.values().flat_map(history::of_job));
        violations.extend(self.evidence.brands.iter().flat_map(|(id, events)| {
            history::of_brand(*id, events, self.evidence.brand_ends.get(id).copied().unwrap_or_default())
        }));
        violations.extend(self.users());
        violations.extend(self.views.iter().flat_map(|view| views::of_viewer(view, self.evidence)));
        violations.extend(calls::begun_once(self.logs, self.evidence));
        violations.extend(calls::paid_once(self.used, self.calls, self.logs, self.evidence));
        violations.extend(self.rows());
        violations.extend(self.logs.iter().filter(|ended| ended.log.contains("panicked")).map(|ended| {
            let line = ended.log.lines().find(|line| line.contains("panicked")).unwrap_or_default();
            format!("process {} panicked: {line}", ended.caller)
        }));
        violations
    }

    /// Each key began one job, and each job was begun by a user.
    fn keys(&self) -> Vec<String> {
        let mut violations = Vec::new();
        let mut ids: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for job in self.evidence.jobs.values() {
            ids.entry(&job.key).or_default().push(&job.id);
        }
        for (key, ids) in ids.iter().filter(|(_, ids)| ids.len() > 1) {
            violations.push(format!("the key {key} began {} jobs: {ids:?}", ids.len()));
        }
        for used in self.used {
            match self.evidence.job(used) {
                Some(job) if job.key == used.plan.key => {}
                Some(job) => {
                    violations.push(format!("job {} has the key {} and not {}", job.id, job.key, used.plan.key))
                }
                None => violations.push(format!("job {} was answered and is not stored", used.id)),
            }
        }
        violations
    }

    /// What users were told is so.
    fn users(&self) -> Vec<String> {
        let mut violations = Vec::new();
        for used in self.used {
            let Some(job) = self.evidence.job(used) else { continue };
            let count = |name: &str| job.events.iter().filter(|event| event.name == name).count();
            if used.was_cancelled && count("cancelled") == 0 {
                violations.push(format!("case {} was cancelled, and nothing tells of it", used.plan.case));
            }
            if used.was_retried && count("queued") < 2 {
                violations.push(format!("case {} was retried, and nothing tells of it", used.plan.case));
            }
        }
        violations
    }

    /// Every completed job saved its rows once, and no other job saved any.
    fn rows(&self) -> Vec<String> {
        let mut expected: HashMap<_, i64> = HashMap::new();
        for job in self.evidence.jobs.values() {
            let (_, table) = RESULT_TABLES.into_iter().find(|(of, _)| *of == job.job_type).expect("a table");
            *expected.entry((job.brand_id, table)).or_default() += job.items;
        }
        // What the run itself gave to brands.
        for used in self.used.iter().filter(|used| used.plan.needs_intelligence()) {
            *expected.entry((used.plan.brand_id, "brand_intelligence")).or_default() += 1;
        }
        let mut violations = Vec::new();
        for ((brand, table), expected) in expected {
            let found = self.evidence.rows.get(&(brand, table)).copied().unwrap_or(0);
            if found != expected {
                violations.push(format!("brand {brand} has {found} rows in {table}, and its jobs saved {expected}"));
            }
        }
        violations
    }
}
