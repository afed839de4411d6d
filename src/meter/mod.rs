//! What this process counts for Prometheus: the recorder, and one file for each thing that is counted, with the handles
//! that hot paths keep.
//! Must not have a label whose values a client can choose, or decide anything.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

mod connections;
mod jobs;
mod log;
mod names;
mod process;
mod queue;
mod relay;
mod requests;
mod streams;
mod webhooks;

pub use connections::{OpenConnection, connection_refused, connection_stalled};
pub use jobs::{AttemptUnderWay, StartRefusal, attempt_ended, claimed, committed, start_refused, step_took};
pub use log::{
    CommitFailure, Lag, ReplayedFrom, commit_failed, commit_took, delivered, detours_counted, lagged, replayed,
};
pub use process::read_process;
pub use queue::{queue_read, queue_unread};
pub use relay::{LearntBy, hears_others, relayed};
pub use requests::{Poll, polled, request_answered};
pub use streams::{OpenStream, StreamEnd, StreamKind, StreamRefusal, stream_refused};
pub use webhooks::{WebhookCall, webhook_called};

/// Begins to count; what was counted before through the facade alone is lost. Once for a process, however many servers
/// it runs. Series whose labels are known begin at 0, since a scraper does not see the rise of one that appears with it.
pub fn start() {
    recorder();
    connections::register();
    jobs::register();
    log::register();
    queue::register();
    relay::register();
    requests::register();
    streams::register();
    webhooks::register();
    names::register();
    metrics::gauge!(names::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Everything counted so far, in Prometheus' text format (version 0.0.4).
pub fn text() -> String {
    let recorder = recorder();
    recorder.run_upkeep();
    recorder.render()
}

/// Adds up what the histograms have collected. To be called about once a second: between calls each observation is kept.
pub fn add_up() {
    recorder().run_upkeep();
}

fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = with_buckets(PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another part of this program has taken the metrics; /metrics stays empty");
        }
        names::describe();
        handle
    })
}

/// Buckets rather than quantiles: they can be added up over instances.
fn with_buckets(mut builder: PrometheusBuilder) -> PrometheusBuilder {
    for (name, buckets) in names::BUCKETS {
        builder = match builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), buckets) {
            Ok(builder) => builder,
            // Only an empty list is refused, and none of ours is.
            Err(_) => PrometheusBuilder::new(),
        };
    }
    builder
}
