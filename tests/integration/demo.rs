//! `jobcast demo` as a newcomer meets it: in an empty folder, by what it prints.

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Demo, Program, Site};

const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_demo_prints_works_when_pasted() {
    let demo = Demo::start().await;
    let words = demo.banner.to_lowercase();
    assert!(words.contains("simulated") && words.contains("claude"), "{}", demo.banner);
    assert!(demo.folder().join("jobcast-demo.db").exists(), "the database is a file in the folder");
    let (_, job_types) = demo.client().get("/api/job-types").await;
    assert_eq!(job_types["simulated"], json!(true), "{job_types}");

    let started: Value = serde_json::from_str(&pasted(&demo, "curl -s ", "}}'", "").await).expect("the answer is JSON");
    let id = started["job_id"].as_str().expect("the answer has an id");
    let stream = pasted(&demo, "curl -N ", "/events", id).await;
    assert!(stream.contains("\nevent: completed\n"), "{stream}");
    assert_eq!(pasted(&demo, "jobcast watch ", "", id).await, "completed\n");

    let (_, result) = demo.client().get(&format!("/api/jobs/{id}/result")).await;
    let result_data = &result["result_data"];
    assert_eq!(result_data["raw_analysis"]["url"], demo.url.as_str(), "{result}");
    assert_eq!(result_data["brand_name"], "jobcast", "it is about that page: {result}");
    assert_eq!(result_data["raw_analysis"]["pages"][0]["title"], "jobcast", "{result}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_ends_the_demo_in_order() {
    let demo = Demo::start().await;
    demo.program.signal(Signal::SIGINT);
    let ended = demo.program.end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named() {
    let (demo, folder) = (Demo::start().await, tempfile::tempdir().unwrap());
    let port = demo.url.port().unwrap();
    let ended = Demo::started_in(folder.path(), &["--port", &port.to_string()]).end().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    let last = ended.err.lines().last().unwrap_or_default();
    assert!(last.starts_with(&format!("jobcast: cannot listen on 127.0.0.1:{port}: ")), "{ended:?}");
    assert!(last.contains("--port"), "it says what to do: {ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_sites_are_read_when_that_is_asked_for() {
    let site = Site::start().await;
    for (flags, status) in [(&[][..], "failed"), (&["--allow-private-sites"][..], "completed")] {
        let demo = Demo::with(flags).await;
        let client = demo.client();
        let id = client.start_job("brand_extraction", &json!({"url": site.url})).await;
        let job = client.until(&id, status).await;
        let told = job["error_message"].as_str().is_some_and(|told| told.contains("private or reserved address"));
        assert_eq!(told, status == "failed", "{job}");
    }
}

/// Runs what the banner shows from `from` to the end of the line that ends in `to`, with this job's id, in a shell;
/// answers what it printed.
async fn pasted(demo: &Demo, from: &str, to: &str, id: &str) -> String {
    let mut lines = demo.banner.lines().skip_while(|line| !line.trim_start().starts_with(from)).peekable();
    assert!(lines.peek().is_some(), "the banner shows {from:?}: {}", demo.banner);
    let mut command = String::new();
    for line in lines {
        command.push_str(line);
        command.push('\n');
        if line.ends_with(to) {
            break;
        }
    }
    let binaries = std::path::Path::new(env!("CARGO_BIN_EXE_jobcast")).parent().unwrap().to_owned();
    let path = std::env::join_paths(
        [binaries].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &command.replace("JOB_ID", id)]).env("PATH", path.unwrap()).env("no_proxy", "127.0.0.1");
    let ended = Program::start(&mut shell, DEADLINE).end().await;
    assert_eq!(ended.code, Some(0), "{command}{ended:?}");
    ended.out
}
