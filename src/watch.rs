//! `jobcast watch`: a progress bar in the terminal, fed by the event stream, resuming by itself.
//! Must not poll: what it shows, the stream said.
#![allow(clippy::print_stdout)] // the outcome is what the command is for

use std::time::Duration;

use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rand::RngExt;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use url::{Host, Url};

use crate::access::Token;
use crate::config::Watch;
use crate::job::{JobId, JobStatus};
use crate::upstream::{SseDecoder, SseEvent, SseLimits};

/// The exit codes.
const COMPLETED: u8 = 0;
const FAILED: u8 = 1;
const CANCELLED: u8 = 2;
/// The job could not be watched.
const UNKNOWN: u8 = 3;

/// A stream without a byte for this long is dead: the server sends a comment every 15 s.
const MUTE: Duration = Duration::from_secs(40);

/// How often in a row a connection may fail before the command gives up (about five minutes).
const TRIES: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Watches a job to its end; answers the exit code: 0 completed, 1 failed, 2 cancelled, 3 when it cannot be watched.
pub async fn run(command: &Watch) -> u8 {
    match Watching::new(command) {
        Ok(watching) => watching.until_the_end().await,
        Err(problem) => cannot_watch(&problem),
    }
}

fn cannot_watch(problem: &str) -> u8 {
    eprintln!("jobcast: {problem}");
    UNKNOWN
}

struct Watching {
    client: reqwest::Client,
    events: Url,
    status: Url,
    /// `Authorization`, where the server asks for a token.
    authorization: Option<HeaderValue>,
    view: View,
    /// The id of the last event seen.
    cursor: Option<String>,
    /// How long to wait before the next connection, as the server asked.
    pause: Duration,
}

/// How one connection ended.
enum Ended {
    /// The job is over.
    Over(JobStatus),
    /// The connection is; events came over it.
    Lost,
    /// It could not be made.
    Refused(String),
    /// It never will be.
    Hopeless(String),
}

impl Watching {
    fn new(command: &Watch) -> Result<Watching, String> {
        let id = command.job_id().ok_or_else(|| format!("{} is not a job id: it must be a UUID", command.job_id))?;
        let (events, status) = (address(&command.server, id, "events")?, address(&command.server, id, "status")?);
        let authorization =
            command.token.as_ref().filter(|token| !token.expose().is_empty()).map(authorization).transpose()?;
        let client = client_of(&command.server).map_err(|error| format!("cannot prepare the connection: {error}"))?;
        let (view, pause) = (View::new(), Duration::from_secs(3));
        Ok(Watching { client, events, status, authorization, view, cursor: None, pause })
    }

    async fn until_the_end(mut self) -> u8 {
        let mut failures = 0;
        loop {
            let problem = match self.follow_one_connection().await {
                Ended::Over(status) => return self.view.end(status),
                Ended::Hopeless(problem) => return self.view.give_up(&problem),
                Ended::Lost => {
                    failures = 0;
                    "the connection ended".to_owned()
                }
                Ended::Refused(problem) => {
                    failures += 1;
                    if failures == TRIES {
                        return self.view.give_up(&problem);
                    }
                    problem
                }
            };
            self.view.show_loss(&problem);
            let full = self.pause.saturating_mul(1 << failures.min(6)).min(LONGEST_PAUSE);
            tokio::time::sleep(full.mul_f64(rand::rng().random_range(0.5..=1.0))).await;
        }
    }

    async fn follow_one_connection(&mut self) -> Ended {
        let mut request = self.get(&self.events).header("accept", "text/event-stream");
        if let Some(cursor) = &self.cursor {
            request = request.header("last-event-id", cursor);
        }
        match request.send().await {
            Ok(response) if response.status() == StatusCode::OK => self.read_stream(response).await,
            // The cursor is at the terminal event: what became of the job stands in its status.
            Ok(response) if response.status() == StatusCode::NO_CONTENT => self.read_status().await,
            Ok(response) if is_for_good(response.status()) => Ended::Hopeless(error_text(response).await),
            Ok(response) => Ended::Refused(error_text(response).await),
            Err(error) => {
                let server = self.events.origin().ascii_serialization();
                Ended::Refused(format!("cannot reach {server}: {}", cause_of(&error)))
            }
        }
    }

    fn get(&self, url: &Url) -> RequestBuilder {
        let request = self.client.get(url.clone());
        match &self.authorization {
            Some(token) => request.header(AUTHORIZATION, token),
            None => request,
        }
    }

    async fn read_stream(&mut self, response: Response) -> Ended {
        let mut decoder = SseDecoder::new(SseLimits { event_bytes: 8 << 20, stream_bytes: u64::MAX });
        let mut chunks = response.bytes_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            for event in decoder.push(&chunk) {
                let Ok(event) = event else { return Ended::Lost };
                if let Some(status) = self.view.show(&event) {
                    return Ended::Over(status);
                }
            }
            if !decoder.last_event_id().is_empty() {
                self.cursor = Some(decoder.last_event_id().to_owned());
            }
            self.pause = decoder.reconnection_time().unwrap_or(self.pause);
        }
        Ended::Lost
    }

    async fn read_status(&mut self) -> Ended {
        let answer = self.get(&self.status).send().await;
        let Ok(answer) = answer else { return Ended::Lost };
        let Ok(body) = answer.json::<Value>().await else { return Ended::Lost };
        self.view.show_job(&body["job"]);
        match status_of(&body["job"]) {
            Some(status) if status.is_terminal() => Ended::Over(status),
            _ => Ended::Lost,
        }
    }
}

/// What the person sees.
struct View {
    bar: ProgressBar,
    /// A terminal event before this seq is history: a retry followed it.
    last_seq: i64,
    last_line: String,
    reason: Option<String>,
}

impl View {
    fn new() -> View {
        // The text comes last and is cut at the edge of the terminal, so that the bar stays one line.
        let style = ProgressStyle::with_template("{bar:32.cyan/blue} {pos:>3}% {elapsed:>4} {wide_msg}");
        let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        // The time goes on also while nothing happens.
        bar.enable_steady_tick(Duration::from_secs(1));
        View { bar, last_seq: 0, last_line: String::new(), reason: None }
    }

    /// Shows an event; answers the status if the job is over with it.
    fn show(&mut self, event: &SseEvent) -> Option<JobStatus> {
        let data: Value = serde_json::from_str(&event.data).unwrap_or(Value::Null);
        match event.event.as_deref() {
            Some("sync") => {
                // Otherwise the history follows, and what is shown would go back to its beginning.
                if data["resume"] == "exact" {
                    self.show_job(&data["job"]);
                }
                self.last_seq = data["last_seq"].as_i64().unwrap_or(0);
                None
            }
            Some("delta") | None => None,
            Some(name) => {
                self.show_job(&data);
                if name == "retrying" {
                    self.say(&format!("retrying: {}", data["error"].as_str().unwrap_or_default()));
                }
                let is_history = data["seq"].as_i64().is_some_and(|seq| seq < self.last_seq);
                status_of(&data).filter(|status| status.is_terminal() && !is_history)
            }
        }
    }

    fn show_job(&mut self, job: &Value) {
        if let Some(progress) = job["progress"].as_u64() {
            self.bar.set_position(progress.min(100));
        }
        if let Some(text) = job["current_step"].as_str() {
            self.bar.set_message(printable(text));
            self.say(text);
        }
        self.reason = job["error_message"].as_str().map(printable);
    }

    /// Says that the job cannot be followed just now, and why.
    fn show_loss(&mut self, problem: &str) {
        self.bar.set_message(format!("trying again: {}", printable(problem)));
        self.say(&format!("trying again: {problem}"));
    }

    /// Where there is no terminal to draw a bar on, each new text becomes a line.
    fn say(&mut self, text: &str) {
        if self.bar.is_hidden() && self.last_line != text {
            eprintln!("{:>3}% {}", self.bar.position(), printable(text));
            self.last_line = text.to_owned();
        }
    }

    fn give_up(&self, problem: &str) -> u8 {
        self.bar.abandon();
        cannot_watch(problem)
    }

    fn end(&self, status: JobStatus) -> u8 {
        self.bar.abandon();
        match (&self.reason, status) {
            (Some(reason), JobStatus::Failed) => println!("{status}: {reason}"),
            _ => println!("{status}"),
        }
        match status {
            JobStatus::Completed => COMPLETED,
            JobStatus::Cancelled => CANCELLED,
            JobStatus::Failed | JobStatus::Pending | JobStatus::Processing => FAILED,
        }
    }
}

/// Upstream text without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

fn status_of(job: &Value) -> Option<JobStatus> {
    job["status"].as_str()?.parse().ok()
}

/// The header value of a token, which no log prints.
fn authorization(token: &Token) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
    let mut value =
        value.map_err(|_| "the token holds characters that no token has; check JOBCAST_TOKEN".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// A server of this machine is reached directly, whatever proxy is set for the rest of the world.
fn client_of(server: &Url) -> reqwest::Result<reqwest::Client> {
    let client = reqwest::Client::builder().connect_timeout(Duration::from_secs(10)).read_timeout(MUTE);
    let is_here = match server.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if is_here { client.no_proxy().build() } else { client.build() }
}

/// Whether asking again would be answered the same.
fn is_for_good(status: StatusCode) -> bool {
    status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS && status != StatusCode::REQUEST_TIMEOUT
}

/// The innermost cause, which tells a person most ("Connection refused").
fn cause_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

async fn error_text(response: Response) -> String {
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    match body["error"].as_str() {
        Some(error) => printable(error),
        None => format!("the server answered {status}"),
    }
}

/// `/api/jobs/<id>/<what>` below the server's address, which may have a path of its own.
fn address(server: &Url, id: JobId, what: &str) -> Result<Url, String> {
    let mut url = server.clone();
    url.path_segments_mut()
        .map_err(|()| format!("{server} cannot be the address of a server"))?
        .pop_if_empty()
        .extend(["api", "jobs", &id.to_string(), what]);
    Ok(url)
}
