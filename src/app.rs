//! Builds every part once, in an order that can be read, and owns the shutdown: drain, then abort.
//! Must not contain what a part does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::OptionFuture;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::access::Keys;
use crate::config::{Config, ConfigError};
use crate::engine::{Engine, EngineSettings, EngineTasks, WEBHOOK_DELAYS, Webhooks};
use crate::event_log::{EventLog, EventLogTasks};
use crate::http::{self, ApiSettings, OpenStreams, Proxy, ServeSettings};
use crate::hub::Hub;
use crate::meter;
use crate::pipeline::{
    BrandExtraction, BrandIntelligence, Campaigns, CompetitorAnalysis, PageDiscovery, ProductsServices, Registry,
    TargetAudiences,
};
use crate::store::inspection::Schema;
use crate::store::{self, Store, StoreError, StoreSettings};
use crate::upstream::{ClaudeClient, ForeplayClient, GtmClient, UpstreamError, WebhookClient};

/// A comment is sent on a stream after this much silence; the spec's own number (WHATWG HTML, section 9.2.7).
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The delay before a job's first retry.
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long one call to a webhook may take.
const WEBHOOK_PATIENCE: Duration = Duration::from_secs(10);

/// Streams end spread over this time when the process drains, or over a quarter of the drain if that is shorter.
const DRAIN_SPREAD: Duration = Duration::from_secs(3);

/// How long the last frame of the last stream may take.
const LAST_FRAME_TIME: Duration = Duration::from_millis(250);

/// The end of the drain is kept for writing that jobs were released and for closing the database.
const RESERVED_FOR_ABORT: Duration = Duration::from_millis(3500);

/// Connections that may be open besides those of as many streams as may be.
const CONNECTIONS_BESIDE_STREAMS: usize = 1024;
const CONNECTIONS_BESIDE_STREAMS_PER_ADDRESS: u32 = 256;

/// How long closing may take once nothing runs any more.
const CLOSE_TIME: Duration = Duration::from_secs(1);
const CLOSE_POLL: Duration = Duration::from_millis(5);

/// A server that is ready to run.
pub struct App {
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
    address: SocketAddr,
    router: Router,
    streams: OpenStreams,
    engine: Engine,
    tasks: EngineTasks,
    store: Arc<dyn Store>,
    log: EventLogTasks,
    serve_settings: ServeSettings,
    drain_time: Duration,
}

/// What stops a server.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Cancelled to begin the drain.
    pub drain: CancellationToken,
    /// Cancelled to cut the drain short.
    pub hurry: CancellationToken,
}

/// What may differ from one run to another besides the configuration.
#[derive(Debug, Clone, Copy)]
pub struct AppOptions {
    /// Whether the upstreams are the demo's stand-ins.
    pub simulated: bool,
    /// A comment is sent on a stream after this much silence.
    pub keep_alive: Duration,
    /// The delay before a job's first retry; each further one takes twice as long, up to a minute.
    pub first_retry_delay: Duration,
    /// How long one call to a webhook may take.
    pub webhook_patience: Duration,
    /// The delays between the tries of such a call, each up to a fifth longer.
    pub webhook_delays: &'static [Duration],
    /// How long the head of a request may take.
    pub header_read_timeout: Duration,
    /// A client that reads nothing for this long, while there is something to read, is cut.
    pub stall_limit: Duration,
}

impl Default for AppOptions {
    fn default() -> AppOptions {
        let ServeSettings { header_read_timeout, stall_limit, .. } = ServeSettings::default();
        AppOptions {
            simulated: false,
            keep_alive: KEEP_ALIVE,
            first_retry_delay: FIRST_RETRY_DELAY,
            webhook_patience: WEBHOOK_PATIENCE,
            webhook_delays: WEBHOOK_DELAYS,
            header_read_timeout,
            stall_limit,
        }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings do not fit each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be used.
    #[error("cannot use the database: {0}")]
    Database(#[from] StoreError),
    /// An upstream client cannot be made.
    #[error("cannot prepare the {} client: {}", .0.upstream, .0.message)]
    Upstream(#[from] UpstreamError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {error}; name another address with --host and --port, port 0 takes a free one"
    )]
    Listen {
        /// That address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
}

/// A part of the server ended by itself, which is a defect; a fresh process goes on from what is stored.
#[derive(Debug, thiserror::Error)]
#[error("{0} ended by itself")]
pub struct Broken(&'static str);

/// Opens the database of the configuration and brings its tables up to date.
///
/// # Errors
/// [`StartError::Database`] when it cannot be reached or used.
pub async fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    let settings = StoreSettings { lease: config.lease(), max_queued_jobs: config.max_queued_jobs, alone: true };
    let store = store::open(config.database_url.expose(), config.direct_database_url().expose(), settings).await?;
    Ok(store)
}

/// Compares the tables of the configuration's database with what this version needs, and changes nothing.
///
/// # Errors
/// [`StartError::Database`] when it cannot be read.
pub async fn schema(config: &Config) -> Result<Schema, StartError> {
    Ok(store::inspection::schema(config.direct_database_url().expose()).await?)
}

impl App {
    /// Builds a server: database, log, engine, routes, socket.
    ///
    /// # Errors
    /// [`StartError`], in words that say what to change.
    pub async fn build(config: &Config, options: AppOptions) -> Result<App, StartError> {
        config.check()?;
        let keys = config.keys()?.map(Arc::new);
        // Before anything that counts.
        meter::start();
        let registry = registry(config)?;
        let webhooks = webhooks(config, options)?;
        let (listener, address) = listen(config.listen_on())?;
        let metrics_listener = config.metrics_on().map(|address| listen(address).map(|(on, _)| on)).transpose()?;
        let store = open_store(config).await?;
        let (event_log, log) = EventLog::start(store.clone(), Hub::default());
        let settings = engine_settings(config, options);
        let (engine, tasks) = Engine::start_with_webhooks(settings, store.clone(), event_log, registry, webhooks);
        let (router, streams) = http::router(engine.clone(), api_settings(config, keys, options));
        let (serve_settings, drain_time) = (serve_settings(config, options), config.drain());
        Ok(App {
            listener,
            metrics_listener,
            address,
            router,
            streams,
            engine,
            tasks,
            store,
            log,
            serve_settings,
            drain_time,
        })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the drain begins, then stops within the configured drain time, with streams open or not.
    ///
    /// # Errors
    /// [`Broken`] when a part that must not end did; the server has drained then as far as it could.
    pub async fn run(self, stop: Stop) -> Result<(), Broken> {
        let App {
            listener,
            metrics_listener,
            address: _,
            router,
            streams,
            engine,
            tasks,
            store,
            mut log,
            serve_settings,
            drain_time,
        } = self;
        let cut_connections = CancellationToken::new();
        let server = http::serve(listener, router, serve_settings, cut_connections.clone());
        let metrics_server =
            metrics_listener.map(|on| http::serve(on, http::metrics_router(), serve_settings, cut_connections.clone()));
        let mut server = tokio::spawn(async { tokio::join!(server, OptionFuture::from(metrics_server)) });

        let broken = tokio::select! {
            () = stop.drain.cancelled() => None,
            _ = &mut server => Some("the connection loop"),
            _ = &mut log.writer => Some("the event log's writer"),
        };
        tracing::info!(seconds = drain_time.as_secs(), "draining: no new jobs, streams end, running jobs may finish");
        let deadline = Instant::now() + drain_time.saturating_sub(RESERVED_FOR_ABORT);
        tasks.drain();
        let streams_ended = streams_end(streams, drain_time, &stop);
        tokio::join!(tasks.finish(deadline, stop.hurry.clone()), streams_ended);

        cut_connections.cancel();
        drop(engine);
        let close = async {
            while !server.is_finished() || !log.writer.is_finished() {
                tokio::time::sleep(CLOSE_POLL).await;
            }
            store.close().await;
        };
        if tokio::time::timeout(CLOSE_TIME, close).await.is_err() {
            tracing::warn!("not everything was closed in time; what is committed stays");
        }
        tracing::info!("stopped");
        broken.map_or(Ok(()), |part| Err(Broken(part)))
    }
}

/// Takes an address; port 0 becomes one that is free.
fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { address, error };
    let listener = http::listen(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Gives open streams the time in which they end spread, and the last of them a moment to send its last frame.
async fn streams_end(streams: OpenStreams, drain_time: Duration, stop: &Stop) {
    tokio::select! {
        () = streams.none_left() => {}
        () = tokio::time::sleep(drain_spread(drain_time) + LAST_FRAME_TIME) => {}
        () = stop.hurry.cancelled() => {}
    }
}

fn drain_spread(drain_time: Duration) -> Duration {
    DRAIN_SPREAD.min(drain_time / 4)
}

fn registry(config: &Config) -> Result<Registry, StartError> {
    let gtm = GtmClient::new(config.gtm_base_url.clone())?;
    let claude = config
        .claude_key()
        .map(|key| ClaudeClient::new(config.anthropic_base_url.clone(), key, config.anthropic_model.clone()))
        .transpose()?;
    let foreplay =
        config.foreplay_key().map(|key| ForeplayClient::new(config.foreplay_base_url.clone(), key)).transpose()?;
    Ok(Registry::new(vec![
        Arc::new(BrandIntelligence { gtm: gtm.clone(), claude: claude.clone() }),
        Arc::new(CompetitorAnalysis { foreplay, claude: claude.clone() }),
        Arc::new(TargetAudiences { claude: claude.clone() }),
        Arc::new(ProductsServices { claude: claude.clone() }),
        Arc::new(Campaigns { claude }),
        Arc::new(BrandExtraction { gtm: gtm.clone() }),
        Arc::new(PageDiscovery { gtm }),
    ]))
}

/// Nothing where there is no secret to sign with.
fn webhooks(config: &Config, options: AppOptions) -> Result<Option<Webhooks>, ConfigError> {
    let Some(secret) = config.webhook_secret() else { return Ok(None) };
    let client = WebhookClient::new(secret, config.webhook_reach(), options.webhook_patience);
    let client = client.map_err(ConfigError::WebhookSecret)?;
    Ok(Some(Webhooks { client, delays: options.webhook_delays }))
}

fn engine_settings(config: &Config, options: AppOptions) -> EngineSettings {
    EngineSettings {
        max_concurrent_jobs: config.max_concurrent_jobs,
        max_jobs_per_brand: config.max_jobs_per_brand,
        lease: config.lease(),
        retention: config.retention(),
        first_retry_delay: options.first_retry_delay,
    }
}

fn api_settings(config: &Config, keys: Option<Arc<Keys>>, options: AppOptions) -> ApiSettings {
    ApiSettings {
        keep_alive: options.keep_alive,
        max_streams: config.max_streams,
        max_streams_per_address: config.max_streams_per_address,
        max_starts_per_minute: config.max_starts_per_minute,
        proxy: proxy(config),
        drain_spread: drain_spread(config.drain()),
        simulated: options.simulated,
        metrics_apart: config.metrics_port.is_some(),
        keys,
        origins: config.origins(),
    }
}

fn proxy(config: &Config) -> Proxy {
    match config.trust_proxy {
        false => Proxy::None,
        true if config.is_on_fly() => Proxy::Fly,
        true => Proxy::Forwarding,
    }
}

fn serve_settings(config: &Config, options: AppOptions) -> ServeSettings {
    ServeSettings {
        header_read_timeout: options.header_read_timeout,
        stall_limit: options.stall_limit,
        max_connections: (config.max_streams as usize).saturating_add(CONNECTIONS_BESIDE_STREAMS),
        // Behind a proxy all connections come from it.
        max_connections_per_address: match config.trust_proxy {
            true => u32::MAX,
            false => config.max_streams_per_address.saturating_add(CONNECTIONS_BESIDE_STREAMS_PER_ADDRESS),
        },
        ..ServeSettings::default()
    }
}
