//! The engine: takes commands (start, cancel, retry), answers questions about jobs, and owns the tasks that run them.
//! Must not know about HTTP, and must not change a job except through the event log.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::event_log::{AppendError, EventLog};
use crate::job::{BrandId, Job, JobId, JobType, NewJob};
use crate::pipeline::{Input, InvalidInput, Registry, validate};
use crate::store::{BrandStream, JobFilter, Position, Store, StoreError, StoredJob, WebhookState};
use crate::write::{Action, Refusal, Write};

mod backoff;
mod estimate;
mod gauges;
mod lease;
mod sweeper;
mod views;
mod webhooks;
mod worker;

use estimate::Estimates;
use lease::HeldLeases;
use views::Views;

pub use webhooks::{DELAYS as WEBHOOK_DELAYS, Webhooks};

/// How long a command or a read waits for the database. A client waits with it, so it is short.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause before a read is tried again.
const READ_PAUSE: Duration = Duration::from_millis(50);

/// How many jobs a brand's stream begins with.
const NEWEST_JOBS: u32 = 50;

/// How often a failed attempt is followed by another, by default.
const MAX_RETRIES: u32 = 3;

/// How long heartbeat, sweeper and claiming may take to end.
const BACKGROUND_END_TIME: Duration = Duration::from_millis(500);

/// How long a released attempt may take to write that it lets go, at shutdown.
const RELEASE_TIME: Duration = Duration::from_secs(2);

/// The engine's limits.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// Jobs under way at once in this process.
    pub max_concurrent_jobs: u32,
    /// Jobs under way at once for one brand, over all processes.
    pub max_jobs_per_brand: u32,
    /// How long a silent worker keeps its job.
    pub lease: Duration,
    /// How long the events of finished jobs are kept.
    pub retention: Duration,
    /// The delay before the first retry; each further one takes twice as long, up to a minute.
    pub first_retry_delay: Duration,
}

/// A cheap handle to the engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    settings: EngineSettings,
    store: Arc<dyn Store>,
    event_log: EventLog,
    registry: Registry,
    /// The attempts under way in this process.
    held: HeldLeases,
    estimates: Estimates,
    /// What the first frames of streams show.
    job_views: Views<JobView>,
    brand_views: Views<BrandView>,
    /// What webhooks are called with; without it no job may have one.
    webhooks: Option<Webhooks>,
    /// Notified when there may be a job to claim.
    wake: Notify,
    /// Notified when there may be a webhook to call.
    webhook_due: Notify,
    /// Cancelled when nothing new is to begin.
    draining: CancellationToken,
    /// Cancelled when what still runs is to let go of its job.
    aborting: CancellationToken,
}

/// The engine's tasks; whoever holds them stops them.
pub struct EngineTasks {
    shared: Arc<Shared>,
    attempts: TaskTracker,
    background: JoinSet<()>,
    stop_background: CancellationToken,
}

/// What a client asks for when it starts a job.
#[derive(Debug)]
pub struct StartRequest<'a> {
    /// The brand that the job is for.
    pub brand_id: BrandId,
    /// What kind of work it is.
    pub job_type: JobType,
    /// The input, not yet checked.
    pub input_data: Option<&'a Value>,
    /// What the client calls this start; a second start of the brand under the same key is answered with the first job.
    pub idempotency_key: Option<String>,
    /// What is to be called when the job is over, not yet checked.
    pub webhook_url: Option<&'a str>,
}

/// The answer to a start.
#[derive(Debug)]
pub struct Started {
    /// The job: new, or that of the first start under the same key.
    pub job: Job,
    /// Whether it had been started before, under the same key.
    pub again: bool,
}

/// A job and what it will probably take.
#[derive(Debug, Clone)]
pub struct JobView {
    /// The job.
    pub job: Job,
    /// Its input.
    pub input_data: Value,
    /// When it will probably be done, while it is under way.
    pub estimated_completion: Option<DateTime<Utc>>,
    /// How its webhook stands, where it has one.
    pub webhook: Option<WebhookState>,
}

/// A brand's stream and its newest jobs.
#[derive(Debug, Clone)]
pub struct BrandView {
    /// The brand.
    pub brand_id: BrandId,
    /// Where its stream has come to.
    pub stream: BrandStream,
    /// Its newest jobs, newest first; they may be ahead of the stream's position.
    pub jobs: Vec<JobView>,
}

/// What can be started.
pub struct JobTypeView {
    /// The type.
    pub job_type: JobType,
    /// The key that is missing, if it cannot run.
    pub missing_key: Option<&'static str>,
    /// How long it takes, in seconds.
    pub estimated_duration: u32,
    /// What its input may hold.
    pub inputs: &'static [Input],
}

/// Why a command or a question was not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// A value in the input is wrong.
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),
    /// The type needs a key that is not set.
    #[error("{job_type} needs {variable}, which is not set on this server")]
    MissingKey {
        /// The type.
        job_type: JobType,
        /// The environment variable.
        variable: &'static str,
    },
    /// This process is about to stop.
    #[error("the server is stopping and takes no new jobs; try again at once")]
    Draining,
    /// The rules refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AppendError> for EngineError {
    fn from(error: AppendError) -> EngineError {
        match error {
            AppendError::Refused(refusal) => EngineError::Refused(refusal),
            AppendError::Store(error) => EngineError::Store(error),
        }
    }
}

impl Engine {
    /// Starts the engine's tasks: claiming, heartbeats, sweeping. Jobs may have no webhook.
    pub fn start(
        settings: EngineSettings,
        store: Arc<dyn Store>,
        event_log: EventLog,
        registry: Registry,
    ) -> (Engine, EngineTasks) {
        Engine::start_with_webhooks(settings, store, event_log, registry, None)
    }

    /// The same with the calling of webhooks, where there is something to call them with.
    pub fn start_with_webhooks(
        settings: EngineSettings,
        store: Arc<dyn Store>,
        event_log: EventLog,
        registry: Registry,
        webhooks: Option<Webhooks>,
    ) -> (Engine, EngineTasks) {
        let shared = Arc::new(Shared {
            settings,
            estimates: Estimates::new(store.clone()),
            store,
            event_log,
            registry,
            held: HeldLeases::default(),
            job_views: Views::default(),
            brand_views: Views::default(),
            webhooks: webhooks.clone(),
            wake: Notify::new(),
            webhook_due: Notify::new(),
            draining: CancellationToken::new(),
            aborting: CancellationToken::new(),
        });
        let (attempts, stop_background) = (TaskTracker::new(), CancellationToken::new());
        let mut background = JoinSet::new();
        background.spawn(worker::claim_and_run(shared.clone(), attempts.clone()));
        background.spawn(lease::keep_alive(shared.clone(), stop_background.clone()));
        if shared.store.is_shared() {
            background.spawn(lease::watch(shared.clone(), stop_background.clone()));
        }
        background.spawn(gauges::add_up(stop_background.clone()));
        background.spawn(gauges::read(shared.clone(), stop_background.clone()));
        background.spawn(sweeper::reclaim(shared.clone(), stop_background.clone()));
        background.spawn(sweeper::prune(shared.clone(), stop_background.clone()));
        if let Some(webhooks) = webhooks {
            background.spawn(webhooks::deliver(shared.clone(), webhooks, stop_background.clone()));
        }
        let tasks = EngineTasks { shared: shared.clone(), attempts, background, stop_background };
        (Engine { shared }, tasks)
    }

    /// Creates a job and answers at once; no upstream is called before that.
    ///
    /// # Errors
    /// [`EngineError`]; no job was created then, unless the database went away while it committed.
    pub async fn start_job(&self, request: StartRequest<'_>) -> Result<Started, EngineError> {
        let shared = &self.shared;
        let StartRequest { brand_id, job_type, input_data, idempotency_key, webhook_url } = request;
        if shared.draining.is_cancelled() {
            return Err(EngineError::Draining);
        }
        let pipeline = shared.registry.get(job_type).ok_or(Refusal::NotFound)?;
        let input_data = validate(pipeline.definition().inputs, input_data)?;
        pipeline.check(&input_data)?;
        let webhook_url = webhook_url.map(|text| webhooks::accept(shared.webhooks.as_ref(), text)).transpose()?;
        if let Some(variable) = pipeline.missing_key() {
            return Err(EngineError::MissingKey { job_type, variable });
        }
        let new = NewJob {
            brand_id,
            job_type,
            input_data,
            idempotency_key,
            webhook_url,
            estimated_duration: whole_seconds(shared.estimates.of(pipeline.as_ref()).await.total()),
            total_steps: u32::try_from(pipeline.definition().steps.len()).unwrap_or(u32::MAX),
            max_retries: MAX_RETRIES,
        };
        let id = JobId::new();
        let committed = shared.event_log.append(Write { job_id: id, action: Action::Create(new) }, PATIENCE).await?;
        shared.wake.notify_one();
        Ok(Started { again: committed.job.id != id, job: committed.job })
    }

    /// Stops a job for good; its upstream connection is closed at once if it runs in this process. Idempotent.
    ///
    /// # Errors
    /// [`Refusal::WrongState`] when the job completed or failed before.
    pub async fn cancel(&self, id: JobId) -> Result<JobView, EngineError> {
        let shared = self.shared.clone();
        // In a task, because a client that leaves drops this future, and the attempt must be stopped all the same.
        let stopped = tokio::spawn(async move {
            let committed = shared.event_log.append(Write { job_id: id, action: Action::Cancel }, PATIENCE).await?;
            shared.held.stop(id, committed.job.attempt);
            shared.webhook_due.notify_one();
            Ok::<(), AppendError>(())
        });
        stopped.await.map_err(|error| StoreError::Unavailable(format!("the cancel broke off: {error}")))??;
        self.job(id).await
    }

    /// Puts a failed or cancelled job back in the queue; its finished steps are not repeated.
    ///
    /// # Errors
    /// [`Refusal::WrongState`] when the job is not failed or cancelled.
    pub async fn retry(&self, id: JobId) -> Result<JobView, EngineError> {
        if self.shared.draining.is_cancelled() {
            return Err(EngineError::Draining);
        }
        let job_type = self.job(id).await?.job.job_type;
        if let Some(variable) = self.shared.registry.get(job_type).and_then(|pipeline| pipeline.missing_key()) {
            return Err(EngineError::MissingKey { job_type, variable });
        }
        self.shared.event_log.append(Write { job_id: id, action: Action::Retry }, PATIENCE).await?;
        self.shared.wake.notify_one();
        self.job(id).await
    }

    /// One job.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is none.
    pub async fn job(&self, id: JobId) -> Result<JobView, EngineError> {
        let stored = answer_within(PATIENCE, || self.shared.store.job(id)).await?.ok_or(Refusal::NotFound)?;
        Ok(self.view(stored).await)
    }

    /// The result of a completed job.
    ///
    /// # Errors
    /// [`EngineError::Store`] when the database does not answer.
    pub async fn result_data(&self, id: JobId) -> Result<Option<Value>, EngineError> {
        Ok(answer_within(PATIENCE, || self.shared.store.result_data(id)).await?)
    }

    /// Jobs of the filter, newest first.
    ///
    /// # Errors
    /// [`EngineError::Store`] when the database does not answer.
    pub async fn jobs(
        &self,
        filter: &JobFilter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<JobView>, EngineError> {
        let mut views = Vec::new();
        for stored in answer_within(PATIENCE, || self.shared.store.jobs(filter, after, limit)).await? {
            views.push(self.view(stored).await);
        }
        Ok(views)
    }

    /// The stream of a brand, and its newest jobs.
    ///
    /// # Errors
    /// [`EngineError::Store`] when the database does not answer.
    pub async fn brand(&self, brand_id: BrandId) -> Result<BrandView, EngineError> {
        // Before the jobs: what happens in between is told by the stream once more, rather than not at all.
        let stream = answer_within(PATIENCE, || self.shared.store.brand_stream(brand_id)).await?;
        let filter = JobFilter { brand_id: Some(brand_id), ..JobFilter::default() };
        let jobs = self.jobs(&filter, None, NEWEST_JOBS).await?;
        Ok(BrandView { brand_id, stream, jobs })
    }

    /// What can be started here.
    pub async fn job_types(&self) -> Vec<JobTypeView> {
        let mut views = Vec::new();
        for pipeline in self.shared.registry.iter() {
            views.push(JobTypeView {
                job_type: pipeline.definition().job_type,
                missing_key: pipeline.missing_key(),
                estimated_duration: whole_seconds(self.shared.estimates.of(pipeline.as_ref()).await.total()),
                inputs: pipeline.definition().inputs,
            });
        }
        views
    }

    /// Whether the database answers within `patience`.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub async fn ping(&self, patience: Duration) -> Result<(), StoreError> {
        answer_within(patience, || self.shared.store.ping()).await
    }

    /// The log that viewers follow.
    pub fn event_log(&self) -> &EventLog {
        &self.shared.event_log
    }

    /// Whether this process has begun to stop.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.is_cancelled()
    }

    /// Cancelled when this process begins to stop.
    pub fn draining(&self) -> CancellationToken {
        self.shared.draining.clone()
    }

    async fn view(&self, StoredJob { job, input_data, webhook }: StoredJob) -> JobView {
        let estimated_completion = match self.shared.registry.get(job.job_type) {
            Some(pipeline) => self.shared.estimates.of(pipeline.as_ref()).await.completion(&job, Utc::now()),
            None => None,
        };
        JobView { job, input_data, estimated_completion, webhook }
    }
}

/// Rounded up, so that no job is said to take no time.
fn whole_seconds(duration: Duration) -> u32 {
    duration.as_secs_f64().ceil().clamp(1.0, f64::from(u32::MAX)) as u32
}

/// Asks the store until it answers, for at most `patience`: a connection that broke off while it lay idle is noticed by
/// its next user, who need not know. A read that is given up is dropped, and its connection closed.
async fn answer_within<T, F>(patience: Duration, read: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let deadline = Instant::now() + patience;
    loop {
        match tokio::time::timeout_at(deadline, read()).await {
            Ok(Err(StoreError::Unavailable(_))) if Instant::now() + READ_PAUSE < deadline => {}
            Ok(answer) => return answer,
            Err(_) => return Err(StoreError::Unavailable(format!("no answer within {patience:?}"))),
        }
        tokio::time::sleep(READ_PAUSE).await;
    }
}

impl EngineTasks {
    /// Begins the drain: nothing new is started or claimed.
    pub fn drain(&self) {
        self.shared.draining.cancel();
    }

    /// Waits until all attempts are over, until `deadline` or until `hurry`; then makes the rest let go of their jobs,
    /// so that another process goes on with them at once.
    pub async fn finish(mut self, deadline: Instant, hurry: CancellationToken) {
        self.drain();
        self.attempts.close();
        tokio::select! {
            () = self.attempts.wait() => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = hurry.cancelled() => {}
        }
        self.shared.aborting.cancel();
        if tokio::time::timeout(RELEASE_TIME, self.attempts.wait()).await.is_err() {
            tracing::warn!(attempts = self.attempts.len(), "could not release every job; their leases run out");
        }
        self.stop_background.cancel();
        let ended = async { while self.background.join_next().await.is_some() {} };
        if tokio::time::timeout(BACKGROUND_END_TIME, ended).await.is_err() {
            // They wait for a database that is silent; what they were about to do, another process does.
            self.background.shutdown().await;
        }
    }
}
