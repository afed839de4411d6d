//! What `/metrics` of a real process shows after a run: described, counted right, and with labels out of a small fixed set.

use std::collections::BTreeSet;

use jobcast::demo::StandIns;
use jobcast::event::EventName;
use jobcast::job::JobType;
use reqwest::Method;
use serde_json::json;

use crate::databases::TestDatabase;
use crate::harness::{Client, Process, Site, eventually, on_both_databases};
use exposition::Exposition;

mod exposition;
mod files;

on_both_databases!(a_run_is_counted_under_bounded_labels);

/// A text that a client sends in every place where it can.
const PLANTED: &str = "planted-4711";

/// A process that has run a few jobs.
struct Run {
    client: Client,
    site: Site,
    ids: Vec<String>,
    _process: Process,
    _stand_ins: StandIns,
}

impl Run {
    async fn start(database: &TestDatabase) -> Run {
        let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
        let process = Process::start(&database.url, &stand_ins, &["--max-starts-per-minute", "20"]);
        let client = process.client();
        let mut ids = Vec::new();
        for (job_type, input_data) in [
            ("brand_intelligence", json!({"url": format!("{}?{PLANTED}", site.url)})),
            ("competitor_analysis", json!({"competitor_name": PLANTED, "limit": 5})),
            // Fails at once: this brand has nothing else.
            ("campaigns", json!({})),
        ] {
            let stranger = process.client();
            let starter = if job_type == "campaigns" { &stranger } else { &client };
            let id = starter.start_job(job_type, &input_data).await;
            let mut reader = client.events(&id, None).await;
            reader.sync().await;
            reader.rest().await;
            ids.push(id);
        }
        Run { client, site, ids, _process: process, _stand_ins: stand_ins }
    }

    async fn scrape(&self) -> String {
        self.client.send(Method::GET, "/metrics").await.text().await.unwrap()
    }
}

async fn a_run_is_counted_under_bounded_labels(database: TestDatabase) {
    let run = Run::start(&database).await;
    let client = &run.client;
    ask_for_odd_things(&run).await;

    let shown = eventually("the queue and the end of all streams", || async {
        let shown = Exposition::read(&run.scrape().await);
        let ended = shown.sum("jobcast_streams_ended_total", &[("kind", "job"), ("reason", "over")]);
        let read = shown.sum("process_open_fds", &[]) > 0.0;
        (ended == 3.0 && read && shown.sum("jobcast_jobs", &[]) == 0.0).then_some(shown)
    })
    .await;

    for (name, labels, expected) in [
        ("jobcast_jobs_created_total", &[("job_type", "brand_intelligence")][..], 1.0),
        ("jobcast_jobs_created_total", &[], 3.0),
        ("jobcast_jobs_completed_total", &[("job_type", "competitor_analysis")], 1.0),
        ("jobcast_jobs_failed_total", &[("job_type", "campaigns"), ("class", "input")], 1.0),
        ("jobcast_jobs_failed_total", &[], 1.0),
        ("jobcast_jobs_requeued_total", &[], 0.0),
        ("jobcast_attempts_started_total", &[], 3.0),
        ("jobcast_attempts_running", &[], 0.0),
        ("jobcast_attempt_duration_seconds_count", &[("outcome", "completed")], 2.0),
        ("jobcast_attempt_duration_seconds_count", &[("job_type", "campaigns"), ("outcome", "failed")], 1.0),
        ("jobcast_step_duration_seconds_count", &[("step", "analyze_site")], 1.0),
        ("jobcast_step_duration_seconds_count", &[("step", "analyze_ads")], 1.0),
        ("jobcast_events_appended_total", &[("event", "queued")], 3.0),
        ("jobcast_events_appended_total", &[("event", "started")], 3.0),
        ("jobcast_events_appended_total", &[("event", "failed")], 1.0),
        ("jobcast_commit_errors_total", &[], 0.0),
        ("jobcast_streams_opened_total", &[("kind", "job")], 3.0),
        ("jobcast_streams_opened_total", &[("kind", "brand")], 1.0),
        ("jobcast_streams_ended_total", &[("kind", "brand"), ("reason", "left")], 1.0),
        ("jobcast_streams_open", &[], 0.0),
        ("jobcast_streams_refused_total", &[], 0.0),
        ("jobcast_starts_refused_total", &[("limit", "brand_rate")], 1.0),
        ("jobcast_status_polls_total", &[("kind", "plain")], 1.0),
        ("jobcast_status_polls_total", &[("kind", "wait")], 1.0),
        ("jobcast_http_requests_total", &[("route", "none"), ("method", "other"), ("status", "4xx")], 1.0),
        (
            "jobcast_http_requests_total",
            &[("route", "/api/jobs/{id}/status"), ("method", "GET"), ("status", "2xx")],
            2.0,
        ),
        ("jobcast_http_requests_total", &[("route", "/api/jobs/start"), ("status", "2xx")], 3.0),
        ("jobcast_http_request_duration_seconds_count", &[("route", "/api/jobs/{id}/events")], 3.0),
        ("jobcast_upstream_calls_total", &[("upstream", "gtm"), ("outcome", "ok")], 1.0),
        ("jobcast_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0),
    ] {
        assert_eq!(shown.sum(name, labels), expected, "{name}{labels:?}");
    }
    let commits = shown.sum("jobcast_commit_duration_seconds_count", &[]);
    let writes = shown.sum("jobcast_commit_writes_sum", &[]);
    let events = shown.sum("jobcast_events_appended_total", &[]);
    assert!(commits > 10.0 && writes >= commits && events > 10.0, "{commits} {writes} {events}");
    let (live, replayed) =
        (shown.sum("jobcast_commit_to_socket_seconds_count", &[]), shown.sum("jobcast_replayed_events_total", &[]));
    assert!(live > 5.0 && replayed >= 3.0, "{live} {replayed}");
    assert!(shown.sum("process_resident_memory_bytes", &[]) > 1e6);

    let text = run.scrape().await;
    let host = run.site.url.trim_start_matches("http://").trim_end_matches('/');
    let (brand, keys) = (client.brand_id.to_string(), ["a-key-for-tests", "another-key-for-tests"]);
    for secret in [PLANTED, host, &brand].into_iter().chain(keys).chain(run.ids.iter().map(String::as_str)) {
        assert!(!text.contains(secret), "{secret} is shown");
    }
    assert_labels_are_known(&Exposition::read(&text));
}

/// Requests whose paths, queries, methods and headers are the client's own invention.
async fn ask_for_odd_things(run: &Run) {
    let (client, id) = (&run.client, &run.ids[0]);
    let odd = Method::from_bytes(b"PLANTED").unwrap();
    assert_eq!(client.send(odd, &format!("/{PLANTED}?access_token={PLANTED}")).await.status(), 404);
    client.get(&format!("/api/jobs/{id}/status?x={PLANTED}")).await;
    client.get(&format!("/api/jobs/{id}/status?wait=1")).await;
    client.get(&format!("/static/{PLANTED}.js")).await;
    let brand = client.at(&format!("/api/brands/{}/events", client.brand_id));
    let mut stream = crate::harness::Reader::open(&client.http, brand, None).await;
    stream.sync().await;
    drop(stream);
    // Starts that are refused for what they say use up the brand's turns all the same.
    let body = json!({"brand_id": client.brand_id, "job_type": "page_discovery", "input_data": {}});
    eventually("a start too many", || async { (client.start_with(&body).await.0 == 429).then_some(()) }).await;
}

/// Every label has a name and a value out of a small set that is known before anybody sends a request.
fn assert_labels_are_known(shown: &Exposition) {
    let job_types = JobType::ALL.map(JobType::as_str);
    let events = EventName::ALL.map(EventName::as_str);
    let steps = [
        "analyze_site",
        "extract_intelligence",
        "search_ads",
        "analyze_ads",
        "gather_context",
        "generate_personas",
        "generate_products",
        "generate_campaigns",
        "extract_brand",
        "discover_pages",
    ];
    let routes = [
        "none",
        "/",
        "/static/{*path}",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/jobs/start",
        "/api/jobs",
        "/api/jobs/{id}/events",
        "/api/jobs/{id}/status",
        "/api/jobs/{id}/result",
        "/api/jobs/{id}/cancel",
        "/api/jobs/{id}/retry",
        "/api/brands/{brand_id}/events",
        "/api/job-types",
    ];
    let known: &[(&str, &[&str])] = &[
        ("job_type", &job_types),
        ("event", &events),
        ("step", &steps),
        ("route", &routes),
        ("method", &["GET", "HEAD", "POST", "OPTIONS", "other"]),
        (
            "kind",
            &[
                "job",
                "brand",
                "plain",
                "wait",
                "unavailable",
                "refused",
                "input",
                "output",
                "cache_read",
                "cache_creation",
            ],
        ),
        (
            "class",
            &[
                "upstream",
                "rate_limited",
                "timeout",
                "invalid_answer",
                "account",
                "input",
                "database",
                "worker_lost",
                "released",
                "internal",
            ],
        ),
        (
            "outcome",
            &[
                "completed",
                "failed",
                "retryable",
                "lost",
                "unreported",
                "released",
                "ok",
                "refused",
                "rate_limited",
                "unavailable",
                "timeout",
                "invalid_answer",
                "cancelled",
                "delivered",
                "retried",
                "gone",
                "given_up",
            ],
        ),
        ("status", &["pending", "processing", "1xx", "2xx", "3xx", "4xx", "5xx"]),
        ("reason", &["over", "drained", "expired", "failed", "left"]),
        ("limit", &["all", "address", "token", "brand_rate", "queue_full"]),
        ("upstream", &["gtm", "foreplay", "claude"]),
        ("learnt_by", &["notice", "poll"]),
        ("from", &["memory", "database"]),
        ("version", &[env!("CARGO_PKG_VERSION")]),
    ];
    for sample in shown.samples() {
        for (label, value) in &sample.labels {
            if label == "le" {
                continue;
            }
            let values = known.iter().find(|(name, _)| name == label).map(|(_, values)| values);
            assert!(
                values.is_some_and(|values| values.contains(&value.as_str())),
                "{}: {label}={value:?}",
                sample.name
            );
        }
        assert!(sample.name.starts_with("jobcast_") || sample.name.starts_with("process_"), "{}", sample.name);
    }
    let series: BTreeSet<_> = shown.samples().map(|sample| (&sample.name, &sample.labels)).collect();
    assert!(series.len() < 1_000, "{} series", series.len());
}
