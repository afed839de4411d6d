//! Every setting, typed, from flags and the environment, and the checks of values against each other.
//! Must not open anything; it only says what is to be opened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;
use uuid::Uuid;

use crate::access::{AuthSecret, Brands, Claims, Keys, Origins, Scope, Token};
use crate::job::JobId;
use crate::upstream::{ApiKey, Reach, WebhookSecret};

mod commands;
mod database_url;
mod error;
#[cfg(test)]
mod tests;

pub use commands::{Completions, Doctor, Health, Migrate};
pub use database_url::DatabaseUrl;
pub use error::ConfigError;

/// The longest that `jobcast token` makes a token good for, in seconds: ten years.
const LONGEST_LIFETIME: u64 = 3650 * 24 * 3600;

/// Runs long AI jobs in the background and pushes their progress to browsers over Server-Sent Events.
#[derive(Debug, Parser)]
#[command(version = env!("JOBCAST_VERSION"), args_conflicts_with_subcommands = true, args_override_self = true)]
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
    Migrate(Migrate),
    /// Check settings, database, keys and upstreams, and say what to do; exits with 1 if anything failed
    Doctor(Doctor),
    /// Ask a running server whether it lives; exits with 1 if it does not
    Health(Health),
    /// Print the completions of a shell
    Completions(Completions),
    /// Show the progress of a job; exits with 0 completed, 1 failed, 2 cancelled
    Watch(Watch),
    /// Print a token for the API, signed with AUTH_SECRET
    Token(MintToken),
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
    /// The token, where the server asks for one
    #[arg(long, env = "JOBCAST_TOKEN", hide_env_values = true, value_parser = token)]
    pub token: Option<Token>,
}

impl Watch {
    /// The id, if it is one.
    pub fn job_id(&self) -> Option<JobId> {
        self.job_id.parse().ok().map(JobId)
    }
}

/// The settings of `jobcast token`.
#[derive(Debug, Clone, Args)]
pub struct MintToken {
    /// The brands that it is for: ids with commas between them, or * for all
    #[arg(long)]
    pub brands: Brands,
    /// The one job that it is for
    #[arg(long, value_name = "ID")]
    pub job: Option<Uuid>,
    /// What it allows
    #[arg(long, value_delimiter = ',', default_value = "jobs:read,jobs:write")]
    pub scope: Vec<Scope>,
    /// How long it is good for: a number and s, m, h or d
    #[arg(long, default_value = "1h", value_parser = lifetime)]
    pub expires: Duration,
    /// The secret that the server has
    #[arg(long, env, hide_env_values = true, value_parser = auth_secret)]
    pub auth_secret: Option<AuthSecret>,
}

impl MintToken {
    /// The token, good from `now` on.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no secret to sign it with.
    pub fn mint(&self, now: DateTime<Utc>) -> Result<Token, ConfigError> {
        let keys = keys(self.auth_secret.as_ref(), None)?.ok_or(ConfigError::NothingToSignWith)?;
        Ok(keys.mint(&Claims {
            brands: self.brands.clone(),
            job: self.job.map(JobId),
            scopes: self.scope.clone(),
            expires_at: now + self.expires,
        }))
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
    #[arg(long, env, hide_env_values = true, default_value = database_url::DEFAULT_DATABASE)]
    pub database_url: DatabaseUrl,
    /// The same PostgreSQL without a pooler, for migrations [default: DATABASE_URL]
    #[arg(long, env, hide_env_values = true)]
    pub direct_database_url: Option<DatabaseUrl>,
    /// Brand-analysis API
    #[arg(long, env, hide_env_values = true, default_value = "https://gtm.edwinlovett.com")]
    pub gtm_base_url: Url,
    /// Ad library
    #[arg(long, env, hide_env_values = true, default_value = "https://public.api.foreplay.co")]
    pub foreplay_base_url: Url,
    /// The ad library's key; without it competitor_analysis is refused
    #[arg(long, env, hide_env_values = true, value_parser = api_key)]
    pub foreplay_api_key: Option<ApiKey>,
    /// Claude, or a gateway with the same API
    #[arg(long, env, hide_env_values = true, default_value = "https://api.anthropic.com")]
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
    /// Of these, those that one client address may open, and those that one token may; more are refused with 429
    #[arg(long, env, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub max_streams_per_address: u32,
    /// Jobs that one brand may start within a minute on one instance; more are refused with 429
    #[arg(long, env, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_starts_per_minute: u32,
    /// Believe the proxy in front about the client's address: Fly-Client-IP on Fly.io, else X-Forwarded-For's last entry
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub trust_proxy: bool,
    /// Port for /metrics, which PORT does not show then: one that only the scraper reaches
    #[arg(long, env, value_parser = clap::value_parser!(u16))]
    pub metrics_port: Option<u16>,
    /// Seconds that a silent worker keeps its job
    #[arg(long, env, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub lease_seconds: u32,
    /// Seconds from the stop signal to exit at the latest
    #[arg(long, env, default_value_t = 20, value_parser = clap::value_parser!(u32).range(4..=290))]
    pub drain_seconds: u32,
    /// Days that the events of finished jobs are kept
    #[arg(long, env, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub retention_days: u32,
    /// Secret of at least 32 bytes that signs tokens; with it every request about jobs needs a token
    #[arg(long, env, hide_env_values = true, value_parser = auth_secret)]
    pub auth_secret: Option<AuthSecret>,
    /// The secret before it, whose tokens are taken until they expire
    #[arg(long, env, hide_env_values = true, value_parser = auth_secret)]
    pub auth_secret_previous: Option<AuthSecret>,
    /// Web origins whose pages may call the API, with commas between them, or * [default: none but the server's own]
    #[arg(long, env)]
    pub cors_origins: Option<Origins>,
    /// Signs the calls to webhooks: whsec_ and base64, or any text of 16 bytes or more; without it webhook_url is refused
    #[arg(long, env, hide_env_values = true, value_parser = webhook_secret)]
    pub webhook_secret: Option<WebhookSecret>,
    /// Call webhooks at private addresses too
    #[arg(long, env, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub allow_private_webhooks: bool,
    /// Listen on an address that others can reach although AUTH_SECRET is not set
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

impl Config {
    /// Checks values against each other and against what this version can do.
    ///
    /// # Errors
    /// [`ConfigError`], which says what to change.
    pub fn check(&self) -> Result<(), ConfigError> {
        let checks_tokens = self.keys()?.is_some();
        if !self.host.is_loopback() && !checks_tokens && !self.allow_anonymous {
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

    /// What signs and checks tokens; nothing where none are asked for.
    ///
    /// # Errors
    /// [`ConfigError`] when a secret must not be used.
    pub fn keys(&self) -> Result<Option<Keys>, ConfigError> {
        keys(self.auth_secret.as_ref(), self.auth_secret_previous.as_ref())
    }

    /// The web origins whose pages may call the API.
    pub fn origins(&self) -> Origins {
        self.cors_origins.clone().unwrap_or_default()
    }

    /// Where to listen.
    pub fn listen_on(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// Where to show metrics, if not beside everything else.
    pub fn metrics_on(&self) -> Option<SocketAddr> {
        self.metrics_port.map(|port| SocketAddr::new(self.host, port))
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

    /// Whether the server runs on Fly.io, which names its machines' application in the environment.
    pub fn is_on_fly(&self) -> bool {
        std::env::var_os("FLY_APP_NAME").is_some_and(|name| !name.is_empty())
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

/// A secret that is set to nothing counts as not set.
fn keys(secret: Option<&AuthSecret>, previous: Option<&AuthSecret>) -> Result<Option<Keys>, ConfigError> {
    let secret = secret.filter(|secret| !secret.is_empty());
    let previous = previous.filter(|secret| !secret.is_empty());
    for (variable, secret) in [("AUTH_SECRET", secret), ("AUTH_SECRET_PREVIOUS", previous)] {
        secret.map_or(Ok(()), AuthSecret::check).map_err(|problem| ConfigError::Secret { variable, problem })?;
    }
    match secret {
        Some(secret) => Ok(Some(Keys::new(secret, previous))),
        None if previous.is_some() => Err(ConfigError::PreviousSecretAlone),
        None => Ok(None),
    }
}

fn api_key(text: &str) -> Result<ApiKey, std::convert::Infallible> {
    Ok(ApiKey::new(text))
}

fn auth_secret(text: &str) -> Result<AuthSecret, std::convert::Infallible> {
    Ok(AuthSecret::new(text))
}

fn token(text: &str) -> Result<Token, std::convert::Infallible> {
    Ok(Token::new(text))
}

/// A number and its unit.
fn lifetime(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 90s, 15m, 1h or 30d, of ten years at the most");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let lifetime = number.checked_mul(seconds).filter(|seconds| (1..=LONGEST_LIFETIME).contains(seconds));
    lifetime.map(Duration::from_secs).ok_or_else(wrong)
}

fn webhook_secret(text: &str) -> Result<WebhookSecret, std::convert::Infallible> {
    Ok(WebhookSecret::new(text))
}
