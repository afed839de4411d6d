//! The `jobcast` command: parses, builds, runs and drains.
//! Must not contain anything that a test would want to call.
#![allow(clippy::print_stdout)] // standard output belongs to the person who started the command

use std::error::Error;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use chrono::Utc;
use clap::{CommandFactory, Parser};
use jobcast::app::{self, App, AppOptions, StartError, Stop};
use jobcast::config::{Cli, Command, Completions, Config, ConfigError, Demo, LogFormat, Migrate, MintToken};
use jobcast::demo::{self, StandIns};
#[cfg(feature = "otel")]
use jobcast::traces::install;
use jobcast::upstream::Reach;
use jobcast::{doctor, health, watch};
use tracing_subscriber::EnvFilter;

/// sqlx repeats whole statements when one is slow, and PostgreSQL's notices of each migration.
const DEFAULT_LOGS: &str = "info,sqlx=error";

/// The exit code of `jobcast migrate --dry-run` where there is something to do.
const SOMETHING_TO_DO: u8 = 3;

/// Idle streams take half the memory that they take with glibc's allocator, and musl's makes all threads take turns. Its
/// settings are in `.cargo/config.toml`.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start the runtime: {error}")),
    };
    let code = runtime.block_on(run(cli));
    #[cfg(feature = "otel")]
    jobcast::traces::finish();
    // A name that is still being looked up would otherwise hold up the exit.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

async fn run(cli: Cli) -> ExitCode {
    match cli.command {
        None => exit_code(serve(cli.config, AppOptions::default()).await),
        Some(Command::Demo(demo)) => exit_code(serve_demo(demo).await),
        Some(Command::Migrate(command)) if command.dry_run => what_is_missing(command.config).await,
        Some(Command::Migrate(Migrate { config, .. })) => exit_code(migrate(config).await),
        Some(Command::Doctor(command)) => ExitCode::from(doctor::run(&command).await),
        Some(Command::Health(command)) => exit_code(health::ask(&command).await),
        Some(Command::Completions(command)) => completions(&command),
        Some(Command::Token(command)) => exit_code(print_token(&command)),
        Some(Command::Watch(command)) => ExitCode::from(watch::run(&command).await),
    }
}

async fn serve(config: Config, options: AppOptions) -> Result<(), Box<dyn Error>> {
    log_to_standard_error(config.log_format);
    raise_open_file_limit();
    let stop = stop_on_signals();
    let Some(app) = build(&config, options, &stop).await? else { return Ok(()) };
    tracing::info!(address = %app.address(), database = config.database_url.place(), "listening");
    Ok(app.run(stop).await?)
}

async fn serve_demo(Demo { allow_private_sites, config }: Demo) -> Result<(), Box<dyn Error>> {
    log_to_standard_error(config.log_format);
    raise_open_file_limit();
    // Until it is known where the dashboard is.
    let stand_ins = StandIns::reaching(Reach::Public).await?;
    stand_ins.pace_for_people();
    let config = demo::configured(config, &stand_ins);
    let (options, stop) = (AppOptions { simulated: true, ..AppOptions::default() }, stop_on_signals());
    let Some(app) = build(&config, options, &stop).await? else { return Ok(()) };
    stand_ins.gtm.set_reach(demo::sites_within_reach(app.address(), allow_private_sites));
    println!("{}", demo::banner(app.address(), &config));
    Ok(app.run(stop).await?)
}

/// Builds the server; nothing if it is stopped before it is ready, perhaps while it waits for the database.
async fn build(config: &Config, options: AppOptions, stop: &Stop) -> Result<Option<App>, StartError> {
    tokio::select! {
        app = App::build(config, options) => app.map(Some),
        () = stop.drain.cancelled() => Ok(None),
    }
}

async fn migrate(config: Config) -> Result<(), StartError> {
    log_to_standard_error(config.log_format);
    let store = app::open_store(&config).await?;
    store.close().await;
    println!("The tables are up to date.");
    Ok(())
}

fn print_token(command: &MintToken) -> Result<(), ConfigError> {
    println!("{}", command.mint(Utc::now())?.expose());
    Ok(())
}

async fn what_is_missing(config: Config) -> ExitCode {
    let schema = match app::schema(&config).await {
        Ok(schema) => schema,
        Err(error) => return failed(&error.to_string()),
    };
    for migration in &schema.missing {
        println!("would apply {} {}", migration.number, migration.description);
    }
    if schema.missing.is_empty() {
        println!("The tables are up to date; nothing would be applied.");
        return ExitCode::SUCCESS;
    }
    ExitCode::from(SOMETHING_TO_DO)
}

fn completions(command: &Completions) -> ExitCode {
    clap_complete::generate(command.shell, &mut Cli::command(), "jobcast", &mut std::io::stdout());
    ExitCode::SUCCESS
}

fn exit_code<E: std::fmt::Display>(outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("jobcast: {reason}");
    ExitCode::FAILURE
}

fn log_to_standard_error(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOGS));
    let colours = std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Text => install(logs.finish()),
        LogFormat::Json => install(logs.json().finish()),
    }
}

#[cfg(not(feature = "otel"))]
fn install(logs: impl tracing_subscriber::util::SubscriberInitExt) {
    logs.init();
}

/// Every stream is an open file, and the usual soft limit of 1,024 is reached soon.
fn raise_open_file_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::debug!(limit, "open files"),
        Err(error) => tracing::warn!(%error, "could not raise the open-file limit"),
    }
}

/// The first Ctrl-C or SIGTERM begins the drain, the second cuts it short. They are heard from now on, not from the time
/// when a task gets round to it: whoever reads where the server listens may signal at once.
fn stop_on_signals() -> Stop {
    let stop = Stop::default();
    let (signalled, mut signals) = (stop.clone(), Signals::listen());
    tokio::spawn(async move {
        signals.next().await;
        signalled.drain.cancel();
        signals.next().await;
        signalled.hurry.cancel();
    });
    stop
}

/// The signals that stop the server.
#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind: SignalKind| {
            signal(kind).inspect_err(|error| tracing::error!(%error, ?kind, "cannot listen for a signal")).ok()
        };
        Signals { interrupt: listen(SignalKind::interrupt()), terminate: listen(SignalKind::terminate()) }
    }

    async fn next(&mut self) {
        let heard = async |signal: &mut Option<tokio::signal::unix::Signal>| match signal {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        };
        tokio::select! {
            () = heard(&mut self.interrupt) => {}
            () = heard(&mut self.terminate) => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Signals {
        Signals
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
