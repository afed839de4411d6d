//! The dashboard and the alert rules that are shipped name only metrics and labels that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::Run;
use super::exposition::Exposition;
use crate::databases::TestDatabase;

/// What Prometheus itself adds to every series.
const ADDED: [&str; 3] = ["instance", "job", "le"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_and_the_alerts_name_what_is_shown() {
    let database = TestDatabase::postgres().await;
    let run = Run::start(&database).await;
    let shown = crate::harness::eventually("all that is shown", || async {
        let shown = Exposition::read(&run.scrape().await);
        (shown.names().contains_key("process_open_fds")).then_some(shown.names())
    })
    .await;

    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/jobcast.json")).expect("the dashboard is JSON");
    let mut queries = Vec::new();
    collect(&dashboard, "expr", &mut queries);
    assert!(queries.len() > 20, "{queries:?}");
    let panels = dashboard["panels"].as_array().unwrap();
    let titles: Vec<&str> = panels.iter().map(|panel| panel["title"].as_str().expect("a panel has a title")).collect();
    for row in ["Health", "Jobs", "Queue", "Streams", "Lag", "Upstreams", "Cost"] {
        assert!(titles.contains(&row), "{titles:?} have no row {row}");
    }
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "panels have ids of their own");

    let alerts = read("deploy/prometheus/alerts.yaml");
    let expressions = expressions(&alerts);
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(expressions.len(), names.len(), "every alert has an expression");
    let manual = read("docs/MONITORING.md");
    for name in &names {
        assert!(manual.contains(&format!("### {name}\n")), "docs/MONITORING.md does not say what to do about {name}");
        let runbook = format!("docs/MONITORING.md#{}", name.to_lowercase());
        assert!(alerts.contains(&runbook), "{name} does not name its part of the manual");
    }
    queries.extend(expressions);
    queries.iter().for_each(|query| assert_known(query, &shown));
    // What is not looked at anywhere might as well not be counted.
    let everything = queries.join("\n") + &manual;
    for family in Exposition::read(&run.scrape().await).families.keys() {
        assert!(everything.contains(family.as_str()), "{family} is in no panel, no alert and not in the manual");
    }
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every text under this key, at whatever depth.
fn collect(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == key => found.push(text.clone()),
                    member => collect(member, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, key, found)),
        _ => {}
    }
}

/// The expressions of the rules: one line, or the further indented lines after `|`.
fn expressions(alerts: &str) -> Vec<String> {
    let mut lines = alerts.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let Some(expression) = line.strip_prefix("        expr: ") else { continue };
        let mut expression = expression.to_owned();
        if expression == "|" {
            expression.clear();
            while let Some(more) = lines.next_if(|line| line.starts_with("          ")) {
                expression += more;
            }
        }
        found.push(expression);
    }
    found
}

/// Every name of ours in the query is shown, and every label in it belongs to one of the query's metrics.
fn assert_known(query: &str, shown: &BTreeMap<String, BTreeSet<String>>) {
    let mut labels: BTreeSet<&str> = ADDED.into();
    let mut named = 0;
    for name in words(query).filter(|word| word.starts_with("jobcast_") || word.starts_with("process_")) {
        let known = shown.get(name).unwrap_or_else(|| panic!("{name} is not shown; the query is {query}"));
        labels.extend(known.iter().map(String::as_str));
        named += 1;
    }
    assert!(named > 0, "the query looks at nothing of ours: {query}");
    for part in query.split('{').skip(1) {
        let matchers = part.split('}').next().unwrap();
        for matcher in matchers.split("\",") {
            let label = words(matcher).next().unwrap_or_else(|| panic!("{query}"));
            assert!(labels.contains(label), "{label} is no label of what {query} looks at");
        }
    }
    for part in query.split("by (").skip(1) {
        for label in words(part.split(')').next().unwrap()) {
            assert!(labels.contains(label), "{label} is no label of what {query} looks at");
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}
