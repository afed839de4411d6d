//! A server inside the test's process, on a port of its own.

use clap::Parser;
use jobcast::app::{App, AppOptions, Broken, Stop};
use jobcast::config::{Cli, Config};
use jobcast::demo::StandIns;
use tokio::task::JoinHandle;
use url::Url;

use super::{Client, SECRET, soon};

/// A running server; dropping it cuts everything off.
pub struct Server {
    pub url: Url,
    pub stop: Stop,
    running: JoinHandle<Result<(), Broken>>,
}

impl Server {
    /// A server on this database and these upstreams.
    pub async fn start(database_url: &str, stand_ins: &StandIns) -> Server {
        Server::with(database_url, stand_ins, &[], AppOptions::default()).await
    }

    /// The same with further flags and options.
    pub async fn with(database_url: &str, stand_ins: &StandIns, more: &[&str], options: AppOptions) -> Server {
        let flags = flags(database_url, stand_ins);
        let arguments = ["jobcast"].into_iter().chain(flags.iter().map(String::as_str)).chain(more.iter().copied());
        let config: Config = Cli::try_parse_from(arguments).expect("the test's flags are right").config;
        let app = App::build(&config, options).await.expect("the server starts");
        let url = Url::parse(&format!("http://{}", app.address())).unwrap();
        let stop = Stop::default();
        Server { url, stop: stop.clone(), running: tokio::spawn(app.run(stop)) }
    }

    /// A server that asks for tokens signed with [`SECRET`].
    pub async fn asking_for_tokens(database_url: &str, stand_ins: &StandIns) -> Server {
        Server::with(database_url, stand_ins, &["--auth-secret", SECRET], AppOptions::default()).await
    }

    pub fn client(&self) -> Client {
        Client::new(self.url.clone())
    }

    /// Begins the drain and waits until the server has stopped.
    pub async fn shut_down(mut self) {
        self.stop.drain.cancel();
        let ended = soon("the server's end", &mut self.running).await;
        ended.expect("the server does not panic").expect("no part of it ended by itself");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
        self.stop.hurry.cancel();
        self.stop.drain.cancel();
    }
}

/// The flags of a server on this database and these upstreams.
pub fn flags(database_url: &str, stand_ins: &StandIns) -> Vec<String> {
    let pairs = [
        ("--port", "0".to_owned()),
        ("--database-url", database_url.to_owned()),
        ("--gtm-base-url", stand_ins.gtm.base_url().to_string()),
        ("--anthropic-base-url", stand_ins.claude.base_url().to_string()),
        ("--anthropic-api-key", "a-key-for-tests".to_owned()),
        ("--foreplay-base-url", stand_ins.foreplay.base_url().to_string()),
        ("--foreplay-api-key", "another-key-for-tests".to_owned()),
        // None, whatever the developer's environment holds; a later flag wins.
        ("--auth-secret", String::new()),
        // All clients of a test come from one address, and some start hundreds of jobs for one brand.
        ("--max-streams-per-address", "100000".to_owned()),
        ("--max-starts-per-minute", "100000".to_owned()),
    ];
    pairs.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
}
