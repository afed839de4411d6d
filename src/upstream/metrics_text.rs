//! Shows tests of this thread what was counted, as Prometheus would read it.
//! It counts nothing itself.

use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

/// What one test counts; tests run on threads of their own.
pub(super) struct MetricsText(PrometheusRecorder);

impl MetricsText {
    pub(super) fn new() -> Self {
        Self(PrometheusBuilder::new().build_recorder())
    }

    /// Counts on this thread until the guard is dropped.
    pub(super) fn record(&self) -> LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(&self.0)
    }

    pub(super) fn text(&self) -> String {
        self.0.handle().render()
    }

    /// The value of the series of this name with all of these labels; 0 where there is none.
    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let text = self.text();
        let series = text.lines().filter(|line| {
            line.split(['{', ' ']).next() == Some(name)
                && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
        });
        series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    pub(super) fn calls(&self, upstream: &str, outcome: &str) -> u64 {
        self.value("jobcast_upstream_calls_total", &[("upstream", upstream), ("outcome", outcome)])
    }

    pub(super) fn all_calls(&self) -> u64 {
        self.value("jobcast_upstream_calls_total", &[])
    }
}
