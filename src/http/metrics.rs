//! What the process has counted, as Prometheus reads it.
//! Must not count anything itself, or show a label that a client can choose.

use std::sync::OnceLock;

use axum::http::{HeaderName, header};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The version of the text format that scrapers ask for (prometheus.io, "Exposition formats").
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Begins to count; what was counted before is lost. Once for a process, however many servers it runs.
pub(super) fn start() {
    counted();
}

pub(super) async fn text() -> ([(HeaderName, &'static str); 1], String) {
    let counted = counted();
    // Without the exporter's own server nobody else does this.
    counted.run_upkeep();
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], counted.render())
}

fn counted() -> &'static PrometheusHandle {
    static COUNTED: OnceLock<PrometheusHandle> = OnceLock::new();
    COUNTED.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another part of this program has taken the metrics; /metrics stays empty");
        }
        describe();
        handle
    })
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge};
    describe_counter!("jobcast_upstream_calls_total", Unit::Count, "Calls to the upstream APIs, by how they ended");
    describe_counter!("jobcast_claude_tokens_total", Unit::Count, "Claude's tokens, by what they were used for");
    describe_counter!("jobcast_foreplay_credits_total", Unit::Count, "Credits of the ad library that were used up");
    describe_counter!("jobcast_webhooks_total", Unit::Count, "Tries to call a job's webhook, by what came of them");
    describe_gauge!(
        "jobcast_foreplay_credits_remaining",
        Unit::Count,
        "Credits that the ad library's account has left"
    );
    // From 0 on, since a scraper does not see the rise of a series that appears with it.
    for upstream in ["gtm", "foreplay", "claude"] {
        metrics::counter!("jobcast_upstream_calls_total", "upstream" => upstream, "outcome" => "ok").absolute(0);
    }
    for kind in ["input", "output", "cache_read", "cache_creation"] {
        metrics::counter!("jobcast_claude_tokens_total", "kind" => kind).absolute(0);
    }
    metrics::counter!("jobcast_foreplay_credits_total").absolute(0);
}
