//! Clients of other make: curl, an npm package, and Chromium on the dashboard.
//! Must not skip: where a program is missing the test fails and says how to get it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::job::JobId;
use serde_json::Value;
use url::Url;

use crate::databases::TestDatabase;
use crate::harness::{
    Client, Demo, Ended, Process, Program, Received, SECRET, Server, Site, assert_complete, eventually,
    on_both_databases, open, soon, stored,
};

on_both_databases!(
    curl_reads_a_whole_job,
    an_npm_package_reads_a_whole_job,
    an_npm_package_resumes_by_itself_when_the_server_is_killed,
);

/// From the start of a client to its end.
const DEADLINE: Duration = Duration::from_secs(120);

/// The same for a client that is to give up by itself before it is killed.
const OWN_DEADLINE_SECONDS: &str = "110";

async fn curl_reads_a_whole_job(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let id = client.start(&site.url).await;
    let url = client.at(&format!("/api/jobs/{id}/events"));
    let mut curl = Program::start(Command::new("curl").args(["-sSN", "--noproxy", "*", url.as_str()]), DEADLINE);

    curl.prints("event: delta").await;
    assert_eq!(client.job(&id).await["status"], "processing", "text is shown while the job runs");
    gate.open();
    let ended = curl.end().await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert_whole_job(&database, &id, &events_in(&ended.out)).await;
}

async fn an_npm_package_reads_a_whole_job(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let id = client.start(&site.url).await;
    let mut package = npm_client(&client, &id);

    package.prints(r#""event":"delta""#).await;
    gate.open();
    let history = events_of(package.end().await);
    assert_eq!(connections(&history), ["start"]);
    assert_whole_job(&database, &id, &history).await;
}

async fn an_npm_package_resumes_by_itself_when_the_server_is_killed(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let mut process = Process::start(&database.url, &stand_ins, &["--lease-seconds", "1"]);
    let id = process.client().start(&site.url).await;
    let mut package = npm_client(&process.client(), &id);
    package.prints(r#""event":"delta""#).await;
    soon("the model writes", gate.reached()).await;
    process.kill();

    let _process = process.start_again(&database.url, &stand_ins, &["--lease-seconds", "1"]);
    let history = events_of(package.end().await);
    assert_eq!(connections(&history), ["start", "exact"], "it came back with the id of its last event");
    assert!(history.iter().any(|received| received.event == "retrying"), "the lost attempt is told");
    assert_whole_job(&database, &id, &history).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_of_the_demo_works_in_chromium() {
    let (demo, site) = (Demo::with(&["--allow-private-sites"]).await, Site::start_held().await);
    let folder = tempfile::tempdir().unwrap();
    let mut driver = browser("dashboard.mjs", &demo.url, &site, folder.path());
    driver.prints("reloaded").await;
    assert!(!processes_with(folder.path()).is_empty(), "the browser is recognised by its profile");
    site.open();
    assert_did_well(driver, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_type_of_the_demo_is_started_and_read_in_chromium() {
    let (demo, site) = (Demo::with(&["--allow-private-sites"]).await, Site::start().await);
    let folder = tempfile::tempdir().unwrap();
    let driver = browser("job-types.mjs", &demo.url, &site, folder.path());
    assert_did_well(driver, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_asks_for_tokens_in_chromium() {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start_held().await);
    let database = TestDatabase::sqlite().await;
    let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
    let folder = tempfile::tempdir().unwrap();
    let mut driver = browser("access.mjs", &server.url, &site, folder.path());
    driver.prints("signed in again").await;
    site.open();
    assert_did_well(driver, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_the_dashboard_follows_its_brand_in_chromium() {
    let (demo, site) = (Demo::with(&["--allow-private-sites"]).await, Site::start_held().await);
    let folder = tempfile::tempdir().unwrap();
    let mut driver = browser("job-list.mjs", &demo.url, &site, folder.path());
    driver.prints("cut").await;
    site.open();
    assert_did_well(driver, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documentation_is_read_in_chromium() {
    let (demo, site) = (Demo::start().await, Site::start().await);
    let folder = tempfile::tempdir().unwrap();
    let ended = browser("docs.mjs", &demo.url, &site, folder.path()).end().await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);

    let copied = ended.out.lines().find_map(|line| line.strip_prefix("copied ")).expect("a command was copied");
    let pasted = Program::start(Command::new("sh").args(["-c", copied]).env("no_proxy", "127.0.0.1"), DEADLINE);
    let answer: Value = serde_json::from_str(&pasted.end().await.out).expect("the answer is JSON");
    assert_eq!(answer["success"], true, "{copied}: {answer}");
}

/// A program of `tests/browser` that drives Chromium; the browser keeps its profile in `folder` and names it on its
/// command line.
pub fn browser(program: &str, server: &Url, site: &Site, folder: &Path) -> Program {
    let mut node = node(program);
    let node = node
        .args([server.as_str(), &site.url])
        .env("SECRET", SECRET)
        .env("CHROMIUM", chromium())
        .env("DEADLINE_SECONDS", OWN_DEADLINE_SECONDS)
        .env("TMPDIR", folder);
    Program::start(node, 2 * DEADLINE)
}

/// Checks that a program and the browser that it drove have ended, and that it found nothing to complain of.
pub async fn assert_did_well(driver: Program, folder: &Path) {
    let ended = driver.end().await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    eventually("the browser's end", async || processes_with(folder).is_empty().then_some(())).await;
}

/// What the npm package reads at the address of a stream.
pub async fn read_by_npm_package(events_url: &Url) -> Vec<Received> {
    let mut node = node("eventsource-client.mjs");
    let node = node.arg(events_url.as_str()).env("DEADLINE_SECONDS", OWN_DEADLINE_SECONDS);
    events_of(Program::start(node, DEADLINE).end().await)
}

pub async fn assert_whole_job(database: &TestDatabase, id: &str, history: &[Received]) {
    let job_id = JobId(id.parse().unwrap());
    assert_complete(history, &stored(open(database).await.as_ref(), job_id).await);
    assert_eq!(history.last().unwrap().event, "completed");
}

/// How the stream went on at each connection, as the first frames say.
fn connections(history: &[Received]) -> Vec<&str> {
    let first_frames = history.iter().filter(|received| received.event == "sync");
    first_frames.map(|received| received.data["resume"].as_str().unwrap()).collect()
}

/// The events of a stream as curl prints it.
fn events_in(stream: &str) -> Vec<Received> {
    let field = |block: &str, name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let event = |block| {
        let data = serde_json::from_str(&field(block, "data: ")?).expect("data is JSON");
        let id = field(block, "id: ").expect("every event has an id").parse().expect("an id is a number");
        Some(Received { id, event: field(block, "event: ").expect("every event has a name"), data })
    };
    assert!(stream.ends_with("\n\n"), "the last frame is whole");
    stream.split_terminator("\n\n").filter_map(event).collect()
}

fn npm_client(client: &Client, id: &str) -> Program {
    let mut node = node("eventsource-client.mjs");
    let events_url = client.at(&format!("/api/jobs/{id}/events"));
    Program::start(node.arg(events_url.as_str()).env("DEADLINE_SECONDS", OWN_DEADLINE_SECONDS), DEADLINE)
}

/// The events that the npm package's program printed, one a line.
fn events_of(ended: Ended) -> Vec<Received> {
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let event = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let text = |name: &str| line[name].as_str().expect("it is text").to_owned();
        Received { id: text("id").parse().unwrap(), event: text("event"), data: line["data"].clone() }
    };
    ended.out.lines().map(event).collect()
}

/// A program of `tests/browser`.
fn node(program: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    // npm writes this file last.
    let is_installed = folder.join("node_modules/.package-lock.json").exists();
    assert!(is_installed, "the npm packages are not installed in tests/browser: run ./scripts/test, which does it");
    let mut node = Command::new("node");
    node.arg(folder.join(program));
    node
}

/// Where the browser is.
pub fn chromium() -> PathBuf {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let found = || {
        std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join("chromium")).find(|at| at.exists())
    };
    named.or_else(found).expect("there is no chromium on the PATH: run ./scripts/test, which installs it")
}

/// The command lines of running processes that name this folder; none where there is no /proc.
fn processes_with(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let command_lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let command_lines = command_lines.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    command_lines.filter(|line| line.contains(folder)).collect()
}
