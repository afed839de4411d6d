//! The settings of the commands that operators use.
//! Must not open anything; it only says what is asked for.

use std::net::IpAddr;

use clap::Args;
use clap_complete::Shell;

use super::Config;

/// The settings of `jobcast migrate`.
#[derive(Debug, Clone, Args)]
pub struct Migrate {
    /// Only list what would be applied; exits with 0 if nothing would, with 3 if something would
    #[arg(long)]
    pub dry_run: bool,
    /// The server's settings.
    #[command(flatten)]
    pub config: Config,
}

/// The settings of `jobcast doctor`.
#[derive(Debug, Clone, Args)]
pub struct Doctor {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// The server's settings.
    #[command(flatten)]
    pub config: Config,
}

/// The settings of `jobcast health`.
#[derive(Debug, Clone, Args)]
pub struct Health {
    /// Address that the server listens on; for all of them (0.0.0.0, ::) loopback is asked
    #[arg(long, env, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port that the server listens on
    #[arg(long, env, default_value_t = 8080)]
    pub port: u16,
    /// Ask whether it takes jobs, too: its database is there and it is not draining
    #[arg(long)]
    pub ready: bool,
}

/// The settings of `jobcast completions`.
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}
