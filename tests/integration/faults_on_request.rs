//! docs/FAULTS.md is true: a job that meets one of the faults listed there does what the page says.

use futures_util::StreamExt;
use jobcast::app::AppOptions;
use jobcast::demo::StandIns;
use serde_json::{Value, json};
use std::time::Duration;

use crate::databases::TestDatabase;
use crate::harness::{Client, Server, Site, on_both_databases};

on_both_databases!(every_fault_has_the_outcome_that_the_page_says);

const PAGE: &str = include_str!("../../docs/FAULTS.md");

/// Jobs at once; a stand-in counts a fault's requests by its text, so that a fault is not asked for twice at a time.
const AT_ONCE: usize = 16;

/// A row of one of the page's tables.
#[derive(Debug)]
struct Fault {
    api: &'static str,
    name: &'static str,
    /// For which calls, where the table says it.
    calls: &'static str,
    outcome: &'static str,
}

async fn every_fault_has_the_outcome_that_the_page_says(database: TestDatabase) {
    let faults = listed();
    assert!(faults.len() > 60, "{} faults", faults.len());
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let options = AppOptions { first_retry_delay: Duration::from_millis(2), ..AppOptions::default() };
    let server = Server::with(&database.url, &stand_ins, &["--max-jobs-per-brand", "64"], options).await;
    let client = server.client();
    let jobs = faults.iter().map(|fault| meet(fault, &client, &site));
    futures_util::stream::iter(jobs).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// Runs a job of each type that the fault can meet.
async fn meet(fault: &Fault, client: &Client, site: &Site) {
    if fault.outcome.starts_with("gives the attempt up") {
        // After a minute or more; the clients' own tests shorten that time.
        assert_eq!(fault.name, "silence");
        return;
    }
    let once = fault.outcome.starts_with("tries again");
    let text = format!("fault={}:{}{}", fault.api, fault.name, if once { "*1" } else { "" });
    for (job_type, input_data) in jobs_that_meet(fault, &text, site) {
        let id = client.start_job(job_type, &input_data).await;
        let mut reader = client.events(&id, None).await;
        reader.sync().await;
        let history = reader.rest().await;
        let job = client.job(&id).await;
        let case = format!("{job_type} with {text}: {job}");
        let outcome = (job["status"].as_str().unwrap(), job["retry_count"].as_u64().unwrap());
        let expected = match fault.outcome {
            text if text.starts_with("completes") => ("completed", 0),
            text if text.starts_with("tries again") => ("completed", 1),
            text if text.starts_with("fails") => ("failed", 0),
            text if text.starts_with("asks once") => ("failed", 1),
            // Without a date range, which these jobs do not have.
            text if text.ends_with("without one it completes") => ("completed", 0),
            text => panic!("what does the page mean by {text:?}?"),
        };
        assert_eq!(outcome, expected, "{case}");
        // Whatever went wrong is told in a sentence that names no inner thing.
        let told =
            history.iter().filter_map(|event| event.data["error"].as_str().or(event.data["error_message"].as_str()));
        let told: Vec<&str> = told.collect();
        assert_eq!(told.is_empty(), expected == ("completed", 0), "{case}");
        for sentence in told {
            assert!(sentence.len() > 15 && sentence.contains(' '), "{case}: {sentence:?}");
            assert!(
                !["reqwest", "hyper", "serde", "127.0.0.1", "{"].iter().any(|inner| sentence.contains(inner)),
                "{sentence}"
            );
        }
    }
}

fn jobs_that_meet(fault: &Fault, text: &str, site: &Site) -> Vec<(&'static str, Value)> {
    let address = json!({"url": format!("{}?{text}", site.url)});
    match (fault.api, fault.calls) {
        ("foreplay", _) => vec![("competitor_analysis", json!({"competitor_name": format!("Acme {text}")}))],
        ("claude", _) => vec![("target_audiences", json!({"audience_description": format!("Tea drinkers {text}")}))],
        (_, "stream") => vec![("brand_intelligence", address)],
        (_, "extraction") => vec![("brand_extraction", address)],
        (_, "JSON") => vec![("brand_extraction", address.clone()), ("page_discovery", address)],
        (_, "all") => vec![
            ("brand_intelligence", address.clone()),
            ("brand_extraction", address.clone()),
            ("page_discovery", address),
        ],
        (_, calls) => panic!("what does the page mean by {calls:?}?"),
    }
}

/// The rows of the page's tables; the table of an API stands under its name.
fn listed() -> Vec<Fault> {
    let mut api = "";
    let mut faults = Vec::new();
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            api = heading;
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let named = cells[0].strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
        let Some(name) = named.filter(|_| cells.len() >= 3) else { continue };
        let calls = if cells.len() == 4 { cells[2] } else { "" };
        faults.push(Fault { api, name, calls, outcome: cells.last().unwrap() });
    }
    faults
}
