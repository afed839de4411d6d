//! Those who start jobs, cancel some, and try some again: they insist until they are answered, like a front end does.
//! Must not watch a stream; viewers do.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use url::Url;

use super::plan::JobPlan;
use super::story::Story;

/// How long one request may take; a command may wait 5 s for its database, and a proxy may hold the answer.
const REQUEST_TIME: Duration = Duration::from_secs(15);

/// The pauses between tries, and between looks at a job.
const PAUSE: Duration = Duration::from_millis(150);
const LOOK_EVERY: Duration = Duration::from_millis(1000);

/// How the fronts of the servers are reached.
#[derive(Clone)]
pub struct Reach {
    pub http: reqwest::Client,
    pub fronts: Arc<Vec<Url>>,
    /// Where the site is that jobs analyse.
    pub site: String,
    pub story: Story,
}

/// A job as its user knows it.
#[derive(Clone, Debug)]
pub struct UsedJob {
    pub plan: JobPlan,
    pub id: String,
    /// Commands that the server said it had carried out.
    pub was_cancelled: bool,
    pub was_retried: bool,
}

/// Lives the life of one job's user; tells the id as soon as it is known, and returns when the job is over for good.
pub async fn use_job(reach: Reach, plan: JobPlan, known: watch::Sender<Option<String>>) -> UsedJob {
    let mut user = User { random: StdRng::seed_from_u64(plan.case as u64), reach };
    sleep(plan.at).await;
    let id = user.start(&plan).await;
    known.send_replace(Some(id.clone()));
    let mut job = UsedJob { plan, id, was_cancelled: false, was_retried: false };
    if let Some(after) = job.plan.cancel_after {
        sleep(after).await;
        job.was_cancelled = user.command(&job, "cancel").await == StatusCode::OK;
    }
    let status = user.until_over(&job).await;
    if job.plan.retries && status != "completed" {
        job.was_retried = user.command(&job, "retry").await == StatusCode::ACCEPTED;
        user.until_over(&job).await;
    }
    user.reach.story.tell("over", format!("case {}", job.plan.case));
    job
}

struct User {
    reach: Reach,
    random: StdRng,
}

impl User {
    /// Sends the start until it is answered; every answer must name the same job.
    async fn start(&mut self, plan: &JobPlan) -> String {
        let text = plan.input_data.to_string().replace("SITE", &self.reach.site);
        let input_data: Value = serde_json::from_str(&text).expect("still JSON");
        let body = json!({"brand_id": plan.brand_id, "job_type": plan.job_type, "input_data": input_data});
        let mut answered: Vec<String> = Vec::new();
        let wanted = if plan.twice { 2 } else { 1 };
        while answered.len() < wanted {
            let (one, other) = (self.front(), self.front());
            let answers = if plan.twice {
                let answers = tokio::join!(self.send_start(one, plan, &body), self.send_start(other, plan, &body));
                vec![answers.0, answers.1]
            } else {
                vec![self.send_start(one, plan, &body).await]
            };
            answered.extend(answers.into_iter().flatten());
            if answered.len() < wanted {
                sleep(PAUSE).await;
            }
        }
        if answered.iter().any(|id| *id != answered[0]) {
            self.reach.story.violation(format!("the key {} began several jobs: {answered:?}", plan.key));
        }
        answered.swap_remove(0)
    }

    async fn send_start(&self, front: Url, plan: &JobPlan, body: &Value) -> Option<String> {
        let url = front.join("/api/jobs/start").expect("a path");
        let request = self.reach.http.post(url).header("idempotency-key", &plan.key).json(body);
        match answer(request).await? {
            (StatusCode::ACCEPTED, body) => Some(body["job_id"].as_str()?.to_owned()),
            (StatusCode::SERVICE_UNAVAILABLE, _) => None,
            (status, body) => {
                self.reach.story.violation(format!("a start of case {} was answered {status}: {body}", plan.case));
                None
            }
        }
    }

    /// Sends a command until it is answered.
    async fn command(&mut self, job: &UsedJob, command: &str) -> StatusCode {
        loop {
            let url = self.front().join(&format!("/api/jobs/{}/{command}", job.id)).expect("a path");
            match answer(self.reach.http.post(url)).await {
                Some((status @ (StatusCode::OK | StatusCode::ACCEPTED | StatusCode::CONFLICT), _)) => {
                    self.reach.story.tell(command, format!("case {}: {status}", job.plan.case));
                    return status;
                }
                Some((StatusCode::SERVICE_UNAVAILABLE, _)) | None => {}
                Some((status, body)) => {
                    self.reach.story.violation(format!("{command} of case {}: {status}: {body}", job.plan.case));
                    return status;
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Looks at the job until it is over; answers how.
    async fn until_over(&mut self, job: &UsedJob) -> String {
        let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        loop {
            look.tick().await;
            let url = self.front().join(&format!("/api/jobs/{}/status", job.id)).expect("a path");
            match answer(self.reach.http.get(url)).await {
                Some((StatusCode::OK, body)) => {
                    let status = body["job"]["status"].as_str().unwrap_or_default();
                    if ["completed", "failed", "cancelled"].contains(&status) {
                        return status.to_owned();
                    }
                }
                Some((StatusCode::SERVICE_UNAVAILABLE, _)) | None => {}
                Some((status, body)) => {
                    self.reach.story.violation(format!("status of case {}: {status}: {body}", job.plan.case));
                }
            }
        }
    }

    fn front(&mut self) -> Url {
        let fronts = &self.reach.fronts;
        fronts[self.random.random_range(0..fronts.len())].clone()
    }
}

/// The answer, if one arrives whole.
async fn answer(request: reqwest::RequestBuilder) -> Option<(StatusCode, Value)> {
    let response = request.timeout(REQUEST_TIME).send().await.ok()?;
    let status = response.status();
    let text = response.text().await.ok()?;
    // A gateway's page would not be JSON; there is none here.
    Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}
