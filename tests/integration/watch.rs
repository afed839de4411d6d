//! `jobcast watch` as a person or a script runs it: exit codes, messages, resuming.

use std::time::Duration;

use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::write::Action;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{Ended, LogServer, Process, Program, Server, Site, jobcast, on_both_databases, open, soon};

on_both_databases!(
    a_completed_job_exits_with_0_and_shows_each_step,
    a_failed_job_exits_with_1_and_says_why,
    a_cancelled_job_exits_with_2,
    a_job_that_cannot_be_watched_exits_with_3_and_says_why,
    it_goes_on_when_the_server_is_killed_and_started_again,
    an_older_failure_of_a_retried_job_does_not_end_it,
);

const DEADLINE: Duration = Duration::from_secs(120);

async fn a_completed_job_exits_with_0_and_shows_each_step(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let server = Server::start(&database.url, &stand_ins).await;
    let id = server.client().start(&site.url).await;
    let mut live = watch(&server.url, &id);
    live.err.until("Step 2/3: ").await;
    gate.open();
    let live = live.end().await;
    let afterwards = watch(&server.url, &id).end().await;
    for ended in [&live, &afterwards] {
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), "completed\n"), "{ended:?}");
        assert_eq!(steps(ended), ["Step 1/3", "Step 2/3", "Step 3/3"], "a line a step, each once: {ended:?}");
        assert!(!ended.err.contains('\u{1b}') && !ended.err.contains('\r'), "nothing that only a terminal reads");
    }
}

async fn a_failed_job_exits_with_1_and_says_why(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let mut watching = watch(&server.url, &job_id.to_string());
    server.progress(job_id, "page 1").await;
    watching.err.until("page 1").await;
    server.fail(job_id).await;
    let ended = watching.end().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), "failed: the end\n"), "{ended:?}");
}

async fn a_cancelled_job_exits_with_2(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let mut watching = watch(&server.url, &job_id.to_string());
    server.progress(job_id, "page 1").await;
    watching.err.until("page 1").await;
    server.append(job_id, Action::Cancel).await;
    let ended = watching.end().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), "cancelled\n"), "{ended:?}");
}

async fn a_job_that_cannot_be_watched_exits_with_3_and_says_why(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let unknown = Uuid::new_v4().to_string();
    for (id, message) in [
        (unknown.as_str(), format!("jobcast: there is no job with id {unknown}\n")),
        ("42", "jobcast: 42 is not a job id: it must be a UUID\n".to_owned()),
    ] {
        let ended = watch(&server.url, id).end().await;
        assert_eq!((ended.code, ended.out.as_str(), ended.err), (Some(3), "", message));
    }
}

async fn it_goes_on_when_the_server_is_killed_and_started_again(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let mut process = Process::start(&database.url, &stand_ins, &["--lease-seconds", "1"]);
    let id = process.client().start(&site.url).await;
    let mut watching = watch(&process.url, &id);
    watching.err.until("Step 2/3: ").await;
    soon("the model writes", gate.reached()).await;
    process.kill();
    watching.err.until("trying again: ").await;

    let process = process.start_again(&database.url, &stand_ins, &["--lease-seconds", "1"]);
    let ended = watching.end().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "completed\n"), "{ended:?}");
    assert_eq!(ended.err.matches("Step 1/3: Analyzing website").count(), 1, "it went on where it was: {ended:?}");
    assert_eq!(process.client().job(&id).await["retry_count"], json!(1));
}

async fn an_older_failure_of_a_retried_job_does_not_end_it(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    server.fail(job_id).await;
    server.append(job_id, Action::Retry).await;
    let mut watching = watch(&server.url, &job_id.to_string());
    // Written when the retry queued the job again: the failure before it was read.
    watching.err.until("Queued").await;
    watching.err.until("Queued").await;
    server.append(job_id, Action::Cancel).await;
    let ended = watching.end().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), "cancelled\n"), "{ended:?}");
}

fn watch(server: &Url, id: &str) -> Program {
    Program::start(jobcast().args(["watch", id, "--server", server.as_str()]), DEADLINE)
}

/// The steps that were shown, in order.
fn steps(ended: &Ended) -> Vec<&str> {
    let steps = ended.err.lines().filter_map(|line| line.get(line.find("Step ")?..)?.split_once(':'));
    let mut steps: Vec<&str> = steps.map(|(step, _)| step).collect();
    steps.dedup();
    steps
}
