//! The npm package in `client/`: its own checks, its examples in Chromium, and its types against the server's description.
//! Must not judge the package by itself: its programs do, and say what is wrong.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jobcast::demo::StandIns;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::clients::{assert_did_well, chromium};
use crate::databases::TestDatabase;
use crate::harness::{Program, SECRET, Server, Site};

/// For each of the programs; they bound their own waits.
const DEADLINE: Duration = Duration::from_secs(240);

/// How long a job may take in the examples, in seconds.
const JOB_SECONDS: &str = "60";

/// The checks also build what the examples need, so they are made once, before anything else.
static CHECKED: OnceCell<()> = OnceCell::const_new();

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_package_is_checked_and_fit_to_publish() {
    CHECKED.get_or_init(check).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_package_work_in_chromium() {
    CHECKED.get_or_init(check).await;
    let folder = tempfile::tempdir().unwrap();
    let mut node = node("test/browser/examples.mjs");
    let node = node
        .env("JOBCAST", env!("CARGO_BIN_EXE_jobcast"))
        .env("CHROMIUM", chromium())
        .env("DEADLINE_SECONDS", JOB_SECONDS)
        .env("TMPDIR", folder.path());
    assert_did_well(Program::start(node, DEADLINE), folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_goes_on_with_another_token_when_one_expires() {
    CHECKED.get_or_init(check).await;
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start_held().await);
    let database = TestDatabase::sqlite().await;
    let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
    let mut node = node("test/node/token.mjs");
    let node = node.args([server.url.as_str(), &site.url]).env("SECRET", SECRET).env("DEADLINE_SECONDS", JOB_SECONDS);
    let mut program = Program::start(node, DEADLINE);
    program.prints("another token").await;
    site.open();
    let ended = program.end().await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
}

#[tokio::test]
async fn the_types_of_the_package_are_made_from_what_the_server_says_of_itself() {
    let (stand_ins, database) = (StandIns::start().await.unwrap(), TestDatabase::sqlite().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let said: Value = client.http.get(client.at("/openapi.json")).send().await.unwrap().json().await.unwrap();
    let kept: Value = serde_json::from_slice(&std::fs::read(package().join("openapi.json")).unwrap()).unwrap();
    for (name, schema) in said["components"]["schemas"].as_object().unwrap() {
        assert_eq!(
            &kept["components"]["schemas"][name], schema,
            "{name}: npm run types -- URL, in client/, writes it anew"
        );
    }
    assert_eq!(
        kept["components"],
        serde_json::json!({"schemas": said["components"]["schemas"]}),
        "nothing is left over"
    );
}

async fn check() {
    let ended = Program::start(&mut node("scripts/check.mjs"), DEADLINE).end().await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
}

/// A program of the package.
fn node(program: &str) -> Command {
    // npm writes this file last.
    let is_installed = package().join("node_modules/.package-lock.json").exists();
    assert!(is_installed, "the npm packages are not installed in client: run ./scripts/test, which does it");
    let mut node = Command::new("node");
    node.arg(package().join(program));
    node
}

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("client")
}
