//! The product as a server: whole, and reduced to the stream of one job whose events this program appends.
//! Must not configure anything that makes it faster than it is by default.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use jobcast::access::Origins;
use jobcast::app::{App, AppOptions, Stop};
use jobcast::config::{Cli, Config};
use jobcast::engine::{Engine, EngineSettings};
use jobcast::event_log::EventLog;
use jobcast::http::{self, ApiSettings, Proxy, ServeSettings};
use jobcast::job::JobId;
use jobcast::pipeline::Registry;
use jobcast::store::Store;
use jobcast::write::{Action, Report, Write};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{greet, obey};
use crate::Outcome;
use crate::database::{open_log, running_jobs};

const PATIENCE: Duration = Duration::from_secs(10);

/// Everything, as `jobcast` serves it, with an upstream that takes connections and never answers.
pub async fn whole(database_url: &str) -> Outcome<()> {
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let upstream = format!("http://{}", silent.local_addr()?);
    let flags = ["--port", "0", "--database-url", database_url];
    let upstreams = ["--gtm-base-url", &upstream, "--anthropic-base-url", &upstream, "--anthropic-api-key", "none"];
    let arguments = ["jobcast"].into_iter().chain(flags).chain(upstreams);
    let config: Config = Cli::try_parse_from(arguments)?.config;
    let app = App::build(&config, AppOptions::default()).await?;
    greet(app.address(), "")?;
    let serving = tokio::spawn(app.run(Stop::default()));
    obey(|_| {}).await?;
    serving.abort();
    Ok(())
}

/// The real log and the real routes; no job runs by itself.
pub async fn stream_of_one_job(database_url: &str) -> Outcome<()> {
    let (store, event_log, _tasks) = open_log(database_url).await?;
    let job_id = running_jobs(&event_log, 1).await?[0];
    let runtime = Handle::current();
    serve_stream(store, event_log.clone(), job_id, move |text| {
        let write = Write { job_id, action: Action::Attempt(1, Report::Delta(text)) };
        let event_log = event_log.clone();
        // A reader that waits for an event that was not appended tells that it is missing.
        runtime.spawn(async move { event_log.append(write, PATIENCE).await });
    })
    .await
}

/// Another instance on the same database: it serves the stream of a job whose events the first one appends.
pub async fn stream_on_another_instance(database_url: &str, job_id: &str) -> Outcome<()> {
    let (store, event_log, _tasks) = open_log(database_url).await?;
    serve_stream(store, event_log, JobId(job_id.parse()?), |_| {}).await
}

async fn serve_stream(
    store: Arc<dyn Store>,
    event_log: EventLog,
    job_id: JobId,
    emit: impl Fn(String) + Send + 'static,
) -> Outcome<()> {
    let settings = EngineSettings {
        max_concurrent_jobs: 1,
        max_jobs_per_brand: 1,
        lease: Duration::from_secs(600),
        retention: Duration::from_secs(86_400),
        first_retry_delay: Duration::from_secs(1),
    };
    let (engine, _tasks) = Engine::start(settings, store, event_log, Registry::new(Vec::new()));
    let settings = ApiSettings {
        keep_alive: Duration::from_secs(15),
        max_streams: 100_000,
        max_streams_per_address: 100_000,
        max_starts_per_minute: 1_000_000,
        proxy: Proxy::None,
        drain_spread: Duration::from_secs(3),
        simulated: false,
        metrics_apart: false,
        keys: None,
        origins: Origins::default(),
    };
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    greet(listener.local_addr()?, &format!("/api/jobs/{job_id}/events?last_event_id=tail"))?;
    let (router, _) = http::router(engine, settings);
    let serving = tokio::spawn(http::serve(listener, router, ServeSettings::default(), CancellationToken::new()));
    obey(emit).await?;
    serving.abort();
    Ok(())
}
