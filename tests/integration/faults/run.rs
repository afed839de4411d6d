//! A round: jobs and viewers while faults come, then quiet until all is settled, then the oracle.
//! Must not decide anything by chance; the plan has.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::oracle::Case;
use super::plan::{FaultRun, ViewerPlan, Watches};
use super::servers::Ended;
use super::story::Story;
use super::summary::Summary;
use super::users::{UsedJob, use_job};
use super::viewers::{Settled, View, view};
use super::world::World;

/// After the faults every job is over within this time: an attempt that is lost now is noticed within the lease, and the
/// longest pause before another is some seconds.
const SETTLING_TIME: Duration = Duration::from_secs(150);

/// When nothing more happens every viewer has seen everything within this time: what is not announced is polled every
/// ten seconds, and a viewer takes a silent connection for dead after twenty.
const SEEING_TIME: Duration = Duration::from_secs(60);

/// Calls for jobs that are over end within this time.
const CALLS_END_TIME: Duration = Duration::from_secs(10);

impl FaultRun {
    /// Plays the plan of the seed, and tells the story of everything that must not be.
    pub async fn play(&self, world: &World) -> Summary {
        let (began, plan, story) = (Instant::now(), self.plan(), &world.story);
        story.tell("round", format!("{self:?}"));
        world.prepare(&plan.jobs).await;
        world.upstreams.begin_storm(self.seed).await;
        let (settle, settled) = watch::channel(None);
        let (give_up, gives_up) = watch::channel(false);

        let (mut users, mut known) = (JoinSet::new(), Vec::new());
        for job in plan.jobs {
            let (tell, id) = watch::channel(None);
            users.spawn(use_job(world.reach(), job, tell));
            known.push(id);
        }
        let reach = world.reach();
        let mut viewers = JoinSet::new();
        for (number, viewer) in plan.viewers.into_iter().enumerate() {
            let id = of_case(&viewer, &known);
            viewers.spawn(view(number, viewer, reach.clone(), id, settled.clone() as Settled, gives_up.clone()));
        }

        world.driver.drive(plan.faults).await;
        world.upstreams.end_storm();
        let used = self.all_over(world, &mut users).await;
        story.tell("settled", format!("{} jobs", used.len()));
        let evidence = world.witness.read(&self.key_prefix()).await;
        settle.send_replace(Some(Arc::new(evidence.targets())));
        let views = all_seen(&mut viewers, &give_up).await;
        story.tell("seen", format!("{} viewers", views.len()));
        self.calls_ended(world).await;
        world.servers.check().await;

        // Read again: nothing may have been added since.
        let evidence = world.witness.read(&self.key_prefix()).await;
        let (calls, logs) = (world.upstreams.calls(), world.servers.logs().await);
        let case = Case { used: &used, views: &views, calls: &calls, logs: &logs, evidence: &evidence };
        case.violations().into_iter().for_each(|violation| story.violation(violation));
        self.leave_behind(&case, story);
        Summary::of(&case, began.elapsed())
    }

    fn key_prefix(&self) -> String {
        format!("{:x}-", self.seed)
    }

    /// Leaves what a person needs who looks for the reason of a failure; without one only the story and the histories.
    fn leave_behind(&self, case: &Case<'_>, story: &Story) {
        let histories = case.evidence.text();
        let mut files = vec![("histories.txt".to_owned(), histories.as_str())];
        if std::env::var_os("FAULT_LOGS").is_some() || !story.violations().is_empty() {
            let of_process = |ended: &'_ Ended| format!("process-{}.jsonl", ended.caller);
            files.extend(case.logs.iter().map(|ended| (of_process(ended), ended.log.as_str())));
        }
        story.leave(&self.seed.to_string(), &files);
    }

    /// Waits until every user has seen the job's end; those who have not in time are told.
    async fn all_over(&self, world: &World, users: &mut JoinSet<UsedJob>) -> Vec<UsedJob> {
        let mut used = Vec::new();
        let collect = async {
            while let Some(job) = users.join_next().await {
                used.push(job.expect("a user does not panic"));
            }
        };
        if timeout(SETTLING_TIME, collect).await.is_err() {
            let left = users.len();
            world.story.violation(format!("{left} jobs are not over {SETTLING_TIME:?} after the last fault"));
            users.abort_all();
        }
        used
    }

    async fn calls_ended(&self, world: &World) {
        let deadline = Instant::now() + CALLS_END_TIME;
        while world.upstreams.open() > 0 {
            if Instant::now() > deadline {
                let open = world.upstreams.open();
                return world.story.violation(format!("{open} upstream calls go on although every job is over"));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn of_case(viewer: &ViewerPlan, known: &[watch::Receiver<Option<String>>]) -> Option<watch::Receiver<Option<String>>> {
    match viewer.watches {
        Watches::Case(case) => Some(known[case].clone()),
        Watches::Brand(_) => None,
    }
}

/// Waits until every viewer has seen everything; those who have not in time give up, and the oracle sees that they waited.
async fn all_seen(viewers: &mut JoinSet<View>, give_up: &watch::Sender<bool>) -> Vec<View> {
    let mut views = Vec::new();
    let deadline = Instant::now() + SEEING_TIME;
    while let Some(view) = match tokio::time::timeout_at(deadline, viewers.join_next()).await {
        Ok(view) => view,
        Err(_) => {
            give_up.send_replace(true);
            viewers.join_next().await
        }
    } {
        views.push(view.expect("a viewer does not panic"));
    }
    views
}
