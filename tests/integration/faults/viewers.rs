//! Those who watch: each with a cursor, a speed and habits of its own, who come back with their cursor as an EventSource
//! does, to whichever server they reach.
//! Must not judge what they saw; the oracle does.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::plan::{Begins, Pace, ViewerPlan, Watches};
use super::users::Reach;
use crate::harness::{Heard, Reader, Received};

/// How long the head of a stream may take, and how long a stream may be silent: the server says something every 15 s. A
/// stream that lives and tells nothing is not left.
const HEAD_TIME: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(20);

/// The pause before a viewer comes back; shorter than a browser's, for the test's sake.
const COME_BACK: Duration = Duration::from_millis(250);

/// A terminal event that comes later than this is told in the story.
const WORTH_TELLING: Duration = Duration::from_secs(10);

/// How often one that stalls does so.
const STALLS_EVERY: usize = 10;

/// How far every subject has come when nothing more happens; nothing before that.
pub type Settled = watch::Receiver<Option<std::sync::Arc<Targets>>>;

/// The last position of each job and each brand.
#[derive(Debug, Default)]
pub struct Targets {
    pub jobs: std::collections::HashMap<String, i64>,
    pub brands: std::collections::HashMap<Uuid, i64>,
}

/// What a viewer saw.
pub struct View {
    pub number: usize,
    pub subject: Subject,
    /// The cursor it began with; nothing for one that asked for the tail and was told at the end that there is none.
    pub first_cursor: Option<i64>,
    pub received: Vec<Received>,
    /// How many streams it opened.
    pub streams: usize,
    /// When its first stream opened.
    since: Option<DateTime<Utc>>,
    /// How late terminal events came since then, at most.
    pub worst_delay: Duration,
    /// Whether it was at the end when it was told to stop.
    pub finished: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Job(String),
    Brand(Uuid),
}

/// Watches until its subject is settled and it has seen all of it, or until `give_up`.
pub async fn view(
    number: usize,
    plan: ViewerPlan,
    reach: Reach,
    known: Option<watch::Receiver<Option<String>>>,
    settled: Settled,
    give_up: watch::Receiver<bool>,
) -> View {
    let subject = match (plan.watches, known) {
        (Watches::Brand(id), _) => Subject::Brand(id),
        (Watches::Case(_), Some(mut known)) => {
            let id = known.wait_for(Option::is_some).await.expect("the job is started").clone();
            Subject::Job(id.expect("it is some"))
        }
        (Watches::Case(case), None) => panic!("case {case} has no job"),
    };
    sleep(plan.after).await;
    let mut viewer = Viewer { plan, reach, settled, give_up, random: StdRng::seed_from_u64(plan.seed) };
    let mut view = View::new(number, subject);
    viewer.choose_cursor(&mut view).await;
    while !viewer.is_done(&mut view) {
        viewer.watch_once(&mut view).await;
        sleep(COME_BACK).await;
    }
    view
}

struct Viewer {
    plan: ViewerPlan,
    reach: Reach,
    settled: Settled,
    give_up: watch::Receiver<bool>,
    random: StdRng,
}

impl View {
    pub fn new(number: usize, subject: Subject) -> View {
        View {
            number,
            subject,
            first_cursor: None,
            received: Vec::new(),
            streams: 0,
            since: None,
            worst_delay: Duration::ZERO,
            finished: false,
        }
    }

    fn cursor(&self) -> Option<i64> {
        self.received.last().map(|last| last.id).or(self.first_cursor)
    }

    fn path(&self) -> String {
        match &self.subject {
            Subject::Job(id) => format!("/api/jobs/{id}/events"),
            Subject::Brand(id) => format!("/api/brands/{id}/events"),
        }
    }
}

impl Viewer {
    /// Where it begins; one that asks for the tail learns it from the first stream that it gets.
    async fn choose_cursor(&mut self, view: &mut View) {
        match (self.plan.begins, &view.subject) {
            (Begins::Start, _) | (Begins::Known(_), Subject::Brand(_)) => view.first_cursor = Some(0),
            (Begins::Tail, _) => {}
            (Begins::Known(share), Subject::Job(id)) => {
                let last_seq = self.last_seq(&format!("/api/jobs/{id}/status")).await;
                view.first_cursor = Some((last_seq as f64 * share) as i64);
            }
        }
    }

    /// What the job has come to; insists until it is answered.
    async fn last_seq(&mut self, path: &str) -> i64 {
        while !*self.give_up.borrow() {
            let url = self.front().join(path).expect("a path");
            if let Ok(answer) = self.reach.http.get(url).timeout(HEAD_TIME).send().await
                && let Ok(job) = answer.json::<serde_json::Value>().await
                && let Some(last_seq) = job["job"]["last_seq"].as_i64()
            {
                return last_seq;
            }
            sleep(COME_BACK).await;
        }
        0
    }

    fn is_done(&self, view: &mut View) -> bool {
        view.finished |= self.has_all(view);
        view.finished || *self.give_up.borrow()
    }

    fn has_all(&self, view: &View) -> bool {
        let Some(targets) = self.settled.borrow().clone() else { return false };
        let target = match &view.subject {
            Subject::Job(id) => targets.jobs.get(id),
            Subject::Brand(id) => targets.brands.get(id),
        };
        view.cursor().is_some_and(|cursor| cursor >= target.copied().unwrap_or(0))
    }

    fn is_settled(&self) -> bool {
        self.settled.borrow().is_some()
    }

    fn front(&mut self) -> url::Url {
        let fronts = &self.reach.fronts;
        fronts[self.random.random_range(0..fronts.len())].clone()
    }

    /// One stream, from its head to its end or until the viewer leaves it.
    async fn watch_once(&mut self, view: &mut View) {
        let mut url = self.front().join(&view.path()).expect("a path");
        let cursor = view.cursor();
        if cursor.is_none() {
            url.set_query(Some("last_event_id=tail"));
        }
        let mut request = self.reach.http.get(url);
        if let Some(cursor) = cursor.filter(|cursor| *cursor > 0) {
            request = request.header("last-event-id", cursor.to_string());
        }
        let Ok(Ok(response)) = timeout(HEAD_TIME, request.send()).await else { return };
        match response.status().as_u16() {
            200 => self.read(view, Reader::of(response)).await,
            // The job is over and the viewer has all of it, unless a user tries it again.
            204 if cursor.is_none() && self.is_settled() => view.finished = true,
            204 | 503 => {}
            status => {
                let story = &self.reach.story;
                story.violation(format!("viewer {} at {cursor:?} of {:?} met {status}", view.number, view.subject));
            }
        }
    }

    async fn read(&mut self, view: &mut View, mut reader: Reader) {
        view.streams += 1;
        let since = *view.since.get_or_insert_with(Utc::now);
        let mut read = 0;
        loop {
            self.settled.borrow_and_update();
            if self.has_all(view) || *self.give_up.borrow() {
                return;
            }
            let heard = tokio::select! {
                heard = timeout(SILENCE, reader.hear()) => heard,
                _ = self.settled.changed() => continue,
                _ = self.give_up.changed() => return,
            };
            let received = match heard {
                Ok(Heard::Event(received)) => received,
                Ok(Heard::SignOfLife) => continue,
                Ok(Heard::End) | Err(_) => return,
            };
            if received.event == "sync" {
                self.synchronise(view, &received);
                continue;
            }
            self.note_delay(view, &received, since);
            view.received.push(received);
            read += 1;
            if !self.is_settled() && self.interrupted(read).await {
                return;
            }
        }
    }

    /// Notes how late a terminal event is; of those alone who read as fast as they can.
    fn note_delay(&self, view: &mut View, received: &Received, since: DateTime<Utc>) {
        let late = delay(received, since);
        if !matches!(self.plan.pace, Pace::Fast) || late <= view.worst_delay {
            return;
        }
        view.worst_delay = late;
        if late > WORTH_TELLING {
            let (id, late) = (received.id, late.as_secs_f64());
            let what =
                format!("viewer {} of {:?}: {id} {} after {late:.1} s", view.number, view.subject, received.event);
            self.reach.story.tell("late", format!("{what}, over {} streams", view.streams));
        }
    }

    /// Takes the cursor that it is told; a stream that does not go on where the viewer was is a failure.
    fn synchronise(&self, view: &mut View, sync: &Received) {
        let cursor = view.cursor();
        let expected = if cursor == Some(0) { "start" } else { "exact" };
        if sync.data["resume"] != expected || cursor.is_some_and(|cursor| cursor != sync.id) {
            let story = &self.reach.story;
            story.violation(format!("viewer {} at {cursor:?} of {:?} met {:?}", view.number, view.subject, sync));
        }
        view.first_cursor.get_or_insert(sync.id);
    }

    /// Whether it leaves now; it may be slow about it.
    async fn interrupted(&mut self, read: usize) -> bool {
        match self.plan.pace {
            Pace::Fast => {}
            Pace::Slow(each) => sleep(each).await,
            Pace::Stalling(lasting) if read.is_multiple_of(STALLS_EVERY) => {
                let until = Instant::now() + lasting;
                tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    _ = self.settled.changed() => {}
                }
            }
            Pace::Stalling(_) => {}
            Pace::Leaving(after) => return read >= after,
        }
        false
    }
}

/// How late a terminal event is that happened while the viewer watched.
fn delay(received: &Received, since: DateTime<Utc>) -> Duration {
    let is_terminal = ["completed", "failed", "cancelled"].contains(&received.event.as_str());
    let at = received.data["at"].as_str().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    match at.map(|at| at.to_utc()) {
        Some(at) if is_terminal && at > since => (Utc::now() - at).to_std().unwrap_or_default(),
        _ => Duration::ZERO,
    }
}
