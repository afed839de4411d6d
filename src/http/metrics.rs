//! What the process has counted, as Prometheus reads it.
//! Must not count anything itself.

use axum::http::{HeaderName, header};

use crate::meter;

/// The version of the text format that scrapers ask for (prometheus.io, "Exposition formats").
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn text() -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], meter::text())
}
