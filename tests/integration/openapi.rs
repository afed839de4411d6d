//! The OpenAPI document against a live server: schemathesis tries all that it says, and the page that shows it works.
//! Must not skip: where a program is missing the test fails and says how to get it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jobcast::demo::{Behaviour, Gate, StandIns};
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{
    Client, Ended, Process, Program, Receiver, SECRET, Server, Site, TokenClaims, in_seconds, on_both_databases, soon,
};

on_both_databases!(the_document_is_served_and_kept_by_its_tag);

/// From the start of a program to its end.
const DEADLINE: Duration = Duration::from_secs(240);

/// Jobs in every state, of one brand.
struct Jobs {
    completed: String,
    failed: String,
    cancelled: String,
    running: String,
    /// The body of the call to the webhook of the completed one.
    call: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_where_no_tokens_are_asked_for() {
    tried_by_schemathesis(&[], "none").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_where_tokens_are_asked_for() {
    let claims = json!({"exp": in_seconds(3600), "brands": "*", "scope": "jobs:read jobs:write"});
    tried_by_schemathesis(&["--auth-secret", SECRET], &TokenClaims(claims).token()).await;
}

async fn tried_by_schemathesis(flags: &[&str], token: &str) {
    let (database, stand_ins, site) =
        (TestDatabase::sqlite().await, StandIns::start().await.unwrap(), Site::start().await);
    let webhooks = ["--allow-private-webhooks", "--webhook-secret", "a secret for webhooks, 5f1d"];
    // One job at a time, so that those which schemathesis starts wait behind one that is held.
    let flags = [flags, &webhooks, &["--max-concurrent-jobs", "1"]].concat();
    let process = Process::start(&database.url, &stand_ins, &flags);
    let client = Client::with_token(process.url.clone(), Uuid::new_v4(), token);
    let jobs = Jobs::in_every_state(&client, &stand_ins, &site).await;
    let folder = tempfile::tempdir().unwrap();

    let ended = whole_streams(&process, token, &jobs, folder.path()).await;
    let names = "cancelled completed delta failed progress queued retrying started sync\n";
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), names), "{}", ended.err);

    let ended = schemathesis(&process, &client, token, &jobs, folder.path()).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let all = operations(&client).await;
    assert!(ended.out.contains(&format!("Tested: {all}\n")), "all {all} operations were tried: {}", ended.out);
}

impl Jobs {
    async fn in_every_state(client: &Client, stand_ins: &StandIns, site: &Site) -> Jobs {
        let receiver = Receiver::start().await;
        let completed = started_for(client, &site.url, &receiver.url).await;
        client.until(&completed, "completed").await;
        let call = receiver.called(1).await[0].text.clone();

        let refusal = |status, kind: &str| {
            let error = json!({"type": "error", "error": {"type": kind, "message": "refused by the test"}});
            Behaviour::status(status, &error)
        };
        stand_ins.claude.script(refusal(529, "overloaded_error"));
        stand_ins.claude.script(refusal(401, "authentication_error"));
        let failed = client.start(&site.url).await;
        client.until(&failed, "failed").await;

        let cancelled = held(client, stand_ins, site).await;
        assert_eq!(client.post(&format!("/api/jobs/{cancelled}/cancel")).await.0, 200);
        let running = held(client, stand_ins, site).await;
        Jobs { completed, failed, cancelled, running, call }
    }
}

async fn started_for(client: &Client, site: &str, webhook_url: &str) -> String {
    let body = json!({
        "brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {"url": site},
        "webhook_url": webhook_url,
    });
    let (status, answer) = client.start_with(&body).await;
    assert_eq!(status, 202, "{answer}");
    answer["job_id"].as_str().unwrap().to_owned()
}

/// A job whose model has fallen silent; it is never told to go on.
async fn held(client: &Client, stand_ins: &StandIns, site: &Site) -> String {
    let gate = Gate::new();
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let id = client.start(&site.url).await;
    soon("the model's silence", gate.reached()).await;
    id
}

/// Reads the streams of the jobs that are over.
async fn whole_streams(process: &Process, token: &str, jobs: &Jobs, folder: &Path) -> Ended {
    let call = folder.join("call.json");
    fs::write(&call, &jobs.call).unwrap();
    let mut python = python("python", folder);
    python.arg(sources().join("whole.py")).args([process.url.as_str(), token]).arg(call);
    python.args([&jobs.completed, &jobs.failed, &jobs.cancelled]);
    Program::start(&mut python, DEADLINE).end().await
}

async fn schemathesis(process: &Process, client: &Client, token: &str, jobs: &Jobs, folder: &Path) -> Ended {
    let mut settings = fs::read_to_string(sources().join("schemathesis.toml")).unwrap();
    for (name, value) in [
        ("${COMPLETED_JOB}", jobs.completed.as_str()),
        ("${FAILED_JOB}", &jobs.failed),
        ("${CANCELLED_JOB}", &jobs.cancelled),
        ("${RUNNING_JOB}", &jobs.running),
        ("${UNKNOWN_JOB}", &Uuid::new_v4().to_string()),
        ("${BRAND}", &client.brand_id.to_string()),
        ("${TOKEN}", token),
    ] {
        settings = settings.replace(name, value);
    }
    fs::write(folder.join("schemathesis.toml"), settings).unwrap();
    // From a file: of an address it leaves out the route of the document itself.
    let (_, document) = client.get("/openapi.json").await;
    fs::write(folder.join("openapi.json"), document.to_string()).unwrap();
    let mut schemathesis = python("st", folder);
    schemathesis.args(["run", "openapi.json", "--no-color", "--url", process.url.as_str()]);
    Program::start(&mut schemathesis, DEADLINE).end().await
}

async fn operations(client: &Client) -> usize {
    let (_, document) = client.get("/openapi.json").await;
    document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len()).sum()
}

/// A program of the virtual environment, working in this folder, with the modules of `tests/openapi`.
fn python(program: &str, folder: &Path) -> Command {
    let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/schemathesis");
    // ./scripts/test writes this file last.
    let is_installed = environment.join("requirements.txt").exists();
    assert!(is_installed, "schemathesis is not installed in target/schemathesis: run ./scripts/test, which does it");
    let mut python = Command::new(environment.join("bin").join(program));
    python.current_dir(folder).env("PYTHONPATH", sources()).env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "*");
    python
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi")
}

async fn the_document_is_served_and_kept_by_its_tag(database: TestDatabase) {
    let stand_ins = StandIns::start().await.unwrap();
    let open = Server::start(&database.url, &stand_ins).await;
    let response = open.client().send(Method::GET, "/openapi.json").await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let tag = response.headers()["etag"].clone();
    let of_open: Value = response.json().await.unwrap();
    assert_eq!(
        (&of_open["openapi"], &of_open["info"]["version"]),
        (&json!("3.1.0"), &json!(env!("CARGO_PKG_VERSION")))
    );
    let again = open.client().http.get(open.client().at("/openapi.json")).header(IF_NONE_MATCH, tag.clone());
    let again = again.send().await.unwrap();
    assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, &tag));
    open.shut_down().await;

    // Without a token, and also to pages of other origins.
    let flags = ["--auth-secret", SECRET, "--cors-origins", "https://app.example.com"];
    let asking = Server::with(&database.url, &stand_ins, &flags, Default::default()).await;
    let client = asking.client();
    let foreign = client.http.get(client.at("/openapi.json")).header("origin", "https://app.example.com");
    let response = foreign.send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example.com");
    let of_asking: Value = response.json().await.unwrap();
    let needs = |document: &Value| document["paths"]["/api/jobs"]["get"]["security"].clone();
    assert_eq!(needs(&of_open), json!([{"bearer": ["jobs:read"]}, {}]));
    assert_eq!(needs(&of_asking), json!([{"bearer": ["jobs:read"]}]));
}
