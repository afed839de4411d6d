//! Every setting, typed, from flags and the environment, and the checks of values against each other.
//! Must not open anything; it only says what is to be opened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;

use crate::job::JobId;
use crate::upstream::{ApiKey, Reach, WebhookSecret};

/// The database where none is named: a file in the working folder.
const DEFAULT_DATABASE: &str = "sqlite://jobcast.db";

/// Runs long AI jobs in the background and pushes their progress to browsers over Server-Sent Events.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, args_override_self = true)]
pub struct Cli {
    /// What to do; without a command the server runs.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The server's settings.
    #[command(flatten)]
    pub config: Config,
}

/// What `jobcast` can do besides serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve with built-in stand-ins for the upstreams; needs nothing but this program
    Demo(Demo),
    /// Create or update the tables of the database, then exit
    Migrate(Config),
    /// Show the progress of a job; exits with 0 completed, 1 failed, 2 cancelled
    Watch(Watch),
}

/// The settings of `jobcast demo`.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Read sites of private networks and of this machine too, not only public ones and the dashboard
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub allow_private_sites: bool,
    /// The server's settings.
    #[command(flatten)]
    pub config: Config,
}

/// The settings of `jobcast watch`.
#[derive(Debug, Clone, Args)]
pub struct Watch {
    /// The job's id
    pub job_id: String,
    /// The server's address
    #[arg(long, env = "JOBCAST_SERVER", default_value = "http://127.0.0.1:8080")]
    pub server: Url,
}

impl Watch {
    /// The id, if it is one.
    pub fn job_id(&self) -> Option<JobId> {
        self.job_id.parse().ok().map(JobId)
    }
}

/// The settings of a server.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Address to listen on
    #[arg(long, env, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, env, default_value_t = 8080)]
    pub port: u16,
    /// Database: sqlite://FILE or postgres://…; created and migrated at start
    #[arg(long, env, hide_env_values = true, default_value = DEFAULT_DATABASE)]
    pub database_url: DatabaseUrl,
    /// The same PostgreSQL without a pooler, for migrations [default: DATABASE_URL]
    #[arg(long, env, hide_env_values = true)]
    pub direct_database_url: Option<DatabaseUrl>,
    /// Brand-analysis API
    #[arg(long, env, default_value = "https://gtm.edwinlovett.com")]
    pub gtm_base_url: Url,
    /// Ad library
    #[arg(long, env, default_value = "https://public.api.foreplay.co")]
    pub foreplay_base_url: Url,
    /// The ad library's key; without it competitor_analysis is refused
    #[arg(long, env, hide_env_values = true, value_parser = api_key)]
    pub foreplay_api_key: Option<ApiKey>,
    /// Claude, or a gateway with the same API
    #[arg(long, env, default_value = "https://api.anthropic.com")]
    pub anthropic_base_url: Url,
    /// Claude's key; CLAUDE_API_KEY and VITE_CLAUDE_API_KEY are taken where it is not set
    #[arg(long, env, hide_env_values = true, value_parser = api_key)]
    pub anthropic_api_key: Option<ApiKey>,
    /// Claude's model
    #[arg(long, env, default_value = "claude-sonnet-5-5")]
    pub anthropic_model: String,
    /// Jobs under way at once in this process; more wait
    #[arg(long, env, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_concurrent_jobs: u32,
    /// Jobs under way at once for one brand; more wait
    #[arg(long, env, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_jobs_per_brand: u32,
    /// Jobs that may wait; more are refused with 429
    #[arg(long, env, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub max_queued_jobs: u64,
    /// Event streams that may be open; more are refused with 503
    #[arg(long, env, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub max_streams: u32,
    /// Seconds that a silent worker keeps its job
    #[arg(long, env, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub lease_seconds: u32,
    /// Seconds from the stop signal to exit at the latest
    #[arg(long, env, default_value_t = 20, value_parser = clap::value_parser!(u32).range(4..=290))]
    pub drain_seconds: u32,
    /// Days that the events of finished jobs are kept
    #[arg(long, env, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub retention_days: u32,
    /// Signs the calls to webhooks: whsec_ and base64, or any text of 16 bytes or more; without it webhook_url is refused
    #[arg(long, env, hide_env_values = true, value_parser = webhook_secret)]
    pub webhook_secret: Option<WebhookSecret>,
    /// Call webhooks at private addresses too
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub allow_private_webhooks: bool,
    /// Listen on an address that others can reach although there is no access control
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub allow_anonymous: bool,
    /// Form of the logs on standard error; RUST_LOG says how much (default: info)
    #[arg(long, env, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The form of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// An address of a database, which may hold a password and therefore prints as dots.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl Default for DatabaseUrl {
    fn default() -> DatabaseUrl {
        DatabaseUrl::new(DEFAULT_DATABASE)
    }
}

impl DatabaseUrl {
    /// An address, which is not checked.
    pub fn new(url: &str) -> DatabaseUrl {
        DatabaseUrl(url.to_owned())
    }

    /// Where the database is, without user and password.
    pub fn place(&self) -> String {
        match Url::parse(&self.0) {
            Ok(url) if url.scheme() == "sqlite" => self.0.clone(),
            Ok(url) => format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path()),
            Err(_) => format!("{self:?}"),
        }
    }

    /// The address with its password.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for DatabaseUrl {
    /// Checked when it is opened: the error of a command line repeats the value, and with it the password.
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<DatabaseUrl, Self::Err> {
        Ok(DatabaseUrl::new(text))
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.split_once(':').map_or("", |(scheme, _)| scheme))?;
        f.write_str("://…")
    }
}

/// Settings that do not fit each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Anybody could use the server.
    #[error(
        "HOST is {0}, which others can reach, and there is no access control: \
         listen on 127.0.0.1, or set ALLOW_ANONYMOUS=true if the network keeps strangers out"
    )]
    Exposed(IpAddr),
    /// The operator counts on access control that is not there.
    #[error(
        "AUTH_SECRET is set, but this version cannot check tokens; unset it, and keep strangers out by the network"
    )]
    NoAccessControl,
    /// Calls to webhooks could not be signed.
    #[error("WEBHOOK_SECRET {0}; make one with: echo whsec_$(openssl rand -base64 32)")]
    WebhookSecret(&'static str),
    /// A pooler makes no sense in front of a file.
    #[error("DIRECT_DATABASE_URL goes with a DATABASE_URL of PostgreSQL; both must begin with postgres://")]
    DirectUrlOfAnotherKind,
}

impl Config {
    /// Checks values against each other and against what this version can do.
    ///
    /// # Errors
    /// [`ConfigError`], which says what to change.
    pub fn check(&self) -> Result<(), ConfigError> {
        if std::env::var_os("AUTH_SECRET").is_some_and(|secret| !secret.is_empty()) {
            return Err(ConfigError::NoAccessControl);
        }
        if !self.host.is_loopback() && !self.allow_anonymous {
            return Err(ConfigError::Exposed(self.host));
        }
        if let Some(secret) = self.webhook_secret() {
            secret.check().map_err(ConfigError::WebhookSecret)?;
        }
        let is_postgres = |url: &DatabaseUrl| url.expose().starts_with("postgres");
        if self
            .direct_database_url
            .as_ref()
            .is_some_and(|direct| !is_postgres(direct) || !is_postgres(&self.database_url))
        {
            return Err(ConfigError::DirectUrlOfAnotherKind);
        }
        Ok(())
    }

    /// Where to listen.
    pub fn listen_on(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// The database for migrations.
    pub fn direct_database_url(&self) -> &DatabaseUrl {
        self.direct_database_url.as_ref().unwrap_or(&self.database_url)
    }

    /// Claude's key, from the first of its three variables that is set.
    pub fn claude_key(&self) -> Option<ApiKey> {
        let other = |name| std::env::var(name).ok().filter(|key| !key.is_empty()).map(ApiKey::new);
        self.anthropic_api_key
            .clone()
            .filter(|key| !key.is_empty())
            .or_else(|| other("CLAUDE_API_KEY"))
            .or_else(|| other("VITE_CLAUDE_API_KEY"))
    }

    /// The ad library's key, if it is set.
    pub fn foreplay_key(&self) -> Option<ApiKey> {
        self.foreplay_api_key.clone().filter(|key| !key.is_empty())
    }

    /// What calls to webhooks are signed with, if it is set.
    pub fn webhook_secret(&self) -> Option<&WebhookSecret> {
        self.webhook_secret.as_ref().filter(|secret| !secret.is_empty())
    }

    /// Where calls to webhooks may go.
    pub fn webhook_reach(&self) -> Reach {
        if self.allow_private_webhooks { Reach::Everywhere } else { Reach::Public }
    }

    /// How long a silent worker keeps its job.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    /// From the stop signal to exit at the latest.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }

    /// How long the events of finished jobs are kept.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.retention_days) * 24 * 3600)
    }
}

fn api_key(text: &str) -> Result<ApiKey, std::convert::Infallible> {
    Ok(ApiKey::new(text))
}

fn webhook_secret(text: &str) -> Result<WebhookSecret, std::convert::Infallible> {
    Ok(WebhookSecret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Config {
        Cli::try_parse_from([&["jobcast"], arguments].concat()).expect("the arguments are right").config
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_public_address_needs_a_word() {
        assert_eq!(parse(&[]).check(), Ok(()));
        assert!(matches!(parse(&["--host", "0.0.0.0"]).check(), Err(ConfigError::Exposed(_))));
        assert_eq!(parse(&["--host", "0.0.0.0", "--allow-anonymous"]).check(), Ok(()));
        assert_eq!(parse(&["--host", "0.0.0.0", "--allow-anonymous", "true"]).check(), Ok(()));
    }

    #[test]
    fn secrets_print_as_dots() {
        let config = parse(&[
            "--database-url",
            "postgres://me:hunter2@db/x",
            "--anthropic-api-key",
            "sk-ant-hunter2",
            "--foreplay-api-key",
            "hunter2",
            "--webhook-secret",
            "hunter2 hunter2 hunter2",
        ]);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_webhook_secret_that_cannot_sign_is_named_and_not_repeated() {
        for (secret, refused) in
            [("whsec_%%%", true), ("hunter2", true), ("", false), ("a secret of 24 characters", false)]
        {
            let checked = parse(&["--webhook-secret", secret]).check();
            assert_eq!(checked.is_err(), refused, "{secret:?}");
            if let Err(error) = checked {
                let words = error.to_string();
                assert!(words.starts_with("WEBHOOK_SECRET") && !words.contains(secret), "{words}");
            }
        }
    }

    #[test]
    fn a_direct_url_goes_with_postgres() {
        let config = parse(&["--direct-database-url", "postgres://db/x"]);
        assert_eq!(config.check(), Err(ConfigError::DirectUrlOfAnotherKind));
    }
}
