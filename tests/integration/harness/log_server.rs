//! A real server whose jobs are written by the test itself, event by event.

use std::sync::Arc;
use std::time::Duration;

use jobcast::access::{AuthSecret, Keys, Origins};
use jobcast::engine::{Engine, EngineSettings, EngineTasks};
use jobcast::event::Seq;
use jobcast::event_log::EventLog;
use jobcast::http::{self, ApiSettings, OpenStreams, Proxy, ServeSettings};
use jobcast::hub::{Hub, Keep};
use jobcast::job::{BrandId, JobId, JobType, NewJob};
use jobcast::pipeline::{Pipeline, Registry};
use jobcast::store::{Claim, Store};
use jobcast::write::{Action, Failure, Progress, Report, Write};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use url::Url;
use uuid::Uuid;

use super::{Client, DEADLINE, SECRET};

pub struct LogServer {
    pub url: Url,
    pub event_log: EventLog,
    /// The channels of what is watched on it.
    pub hub: Hub,
    /// The event streams that are open on it.
    pub streams: OpenStreams,
    _tasks: EngineTasks,
    _serving: AbortOnDropHandle<()>,
}

/// A job without anything special.
pub fn new_job(brand_id: BrandId) -> NewJob {
    NewJob {
        brand_id,
        job_type: JobType::BrandIntelligence,
        input_data: json!({}),
        idempotency_key: None,
        webhook_url: None,
        estimated_duration: 90,
        total_steps: 3,
        max_retries: 3,
    }
}

impl LogServer {
    /// A server over this store; no job runs by itself on it.
    pub async fn start(store: Arc<dyn Store>) -> LogServer {
        LogServer::running(store, Vec::new()).await
    }

    /// The same that keeps another number of frames in memory.
    pub async fn keeping(store: Arc<dyn Store>, keep: Keep) -> LogServer {
        LogServer::with_hub(store, Hub::keeping(keep), Vec::new(), None, ServeSettings::default()).await
    }

    /// The same, asking for tokens signed with [`SECRET`].
    pub async fn asking_for_tokens(store: Arc<dyn Store>) -> LogServer {
        let keys = Keys::new(&AuthSecret::new(SECRET), None);
        LogServer::with(store, Vec::new(), Some(Arc::new(keys)), ServeSettings::default()).await
    }

    /// The same with other settings of its connections.
    pub async fn serving(store: Arc<dyn Store>, connections: ServeSettings) -> LogServer {
        LogServer::with(store, Vec::new(), None, connections).await
    }

    /// The same with pipelines of the test's own.
    pub async fn running(store: Arc<dyn Store>, pipelines: Vec<Arc<dyn Pipeline>>) -> LogServer {
        LogServer::with(store, pipelines, None, ServeSettings::default()).await
    }

    async fn with(
        store: Arc<dyn Store>,
        pipelines: Vec<Arc<dyn Pipeline>>,
        keys: Option<Arc<Keys>>,
        connections: ServeSettings,
    ) -> LogServer {
        LogServer::with_hub(store, Hub::default(), pipelines, keys, connections).await
    }

    async fn with_hub(
        store: Arc<dyn Store>,
        hub: Hub,
        pipelines: Vec<Arc<dyn Pipeline>>,
        keys: Option<Arc<Keys>>,
        connections: ServeSettings,
    ) -> LogServer {
        // Without its tasks: it does not hear what other servers on the same database write.
        let (event_log, _) = EventLog::start(store.clone(), hub.clone());
        let settings = EngineSettings {
            max_concurrent_jobs: 1,
            max_jobs_per_brand: 1,
            lease: Duration::from_secs(600),
            retention: Duration::from_secs(86_400),
            first_retry_delay: Duration::from_millis(1),
        };
        let (engine, tasks) = Engine::start(settings, store, event_log.clone(), Registry::new(pipelines));
        let settings = ApiSettings {
            keep_alive: Duration::from_secs(15),
            max_streams: 10_000,
            max_streams_per_address: 10_000,
            max_starts_per_minute: 10_000,
            proxy: Proxy::None,
            drain_spread: Duration::from_millis(50),
            simulated: false,
            metrics_apart: false,
            keys,
            origins: Origins::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let (router, streams) = http::router(engine, settings);
        let serving = http::serve(listener, router, connections, CancellationToken::new());
        let serving = AbortOnDropHandle::new(tokio::spawn(serving));
        LogServer { url, event_log, hub, streams, _tasks: tasks, _serving: serving }
    }

    pub fn client(&self) -> Client {
        Client::new(self.url.clone())
    }

    /// A job under its first attempt: two events are in its log.
    pub async fn running_job(&self) -> JobId {
        let job_id = JobId::new();
        self.append(job_id, Action::Create(new_job(BrandId(Uuid::new_v4())))).await;
        let claim = Claim { limit: 1000, max_jobs_per_brand: 1000, job_types: vec![JobType::BrandIntelligence] };
        let claimed = self.event_log.claim(claim, DEADLINE).await.expect("the claim is answered");
        assert!(claimed.iter().any(|claimed| claimed.job.id == job_id), "the job was claimed");
        job_id
    }

    pub async fn append(&self, job_id: JobId, action: Action) -> Seq {
        let committed = self.event_log.append(Write { job_id, action }, DEADLINE).await.expect("the write is taken");
        committed.job.last_seq
    }

    /// Appends progress of the first attempt.
    pub async fn progress(&self, job_id: JobId, text: &str) -> Seq {
        let progress = Progress { step: 1, percent: 10, text: text.to_owned(), detail: json!({}) };
        self.append(job_id, Action::Attempt(1, Report::Progress(progress))).await
    }

    /// Appends a piece of text of the first attempt.
    pub async fn delta(&self, job_id: JobId, text: &str) -> Seq {
        self.append(job_id, Action::Attempt(1, Report::Delta(text.to_owned()))).await
    }

    /// Ends the job.
    pub async fn fail(&self, job_id: JobId) -> Seq {
        let failure = Failure { message: "the end".to_owned(), code: "the_end".to_owned() };
        self.append(job_id, Action::Attempt(1, Report::Fail(failure))).await
    }
}
