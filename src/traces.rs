//! Sends the spans of requests and attempts to an OpenTelemetry collector (feature `otel`).
//! Must not hold the program up: while no collector answers spans are dropped.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Where the collector is; `/v1/traces` is added (OpenTelemetry, "OTLP Exporter Configuration").
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// How long one batch of spans may take to be sent.
const SEND_TIME: Duration = Duration::from_secs(10);

/// How long the last spans may take at the end of the program.
const LAST_TIME: Duration = Duration::from_secs(2);

static SENDING: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Makes these logs the program's, and sends spans where `OTEL_EXPORTER_OTLP_ENDPOINT` (or that for traces alone) names a collector. Spans that the
/// logs' filter leaves out are not sent either. To be called inside the runtime that is to send.
pub fn install<L>(logs: L)
where
    L: Subscriber + for<'span> LookupSpan<'span> + Send + Sync + 'static,
{
    let is_set = |name| std::env::var_os(name).is_some_and(|endpoint| !endpoint.is_empty());
    let wanted = is_set(ENDPOINT) || is_set(TRACES_ENDPOINT);
    match wanted.then(|| provider(None)).transpose() {
        Ok(None) => logs.init(),
        Ok(Some(provider)) => {
            let tracer = provider.tracer("jobcast");
            logs.with(tracing_opentelemetry::layer().with_tracer(tracer)).init();
            let _ = SENDING.set(provider);
        }
        Err(error) => {
            logs.init();
            tracing::error!(%error, "{ENDPOINT} cannot be used: no spans are sent");
        }
    }
}

/// Sends the last spans. To be called outside the runtime, which must still run.
pub fn finish() {
    if let Some(provider) = SENDING.get()
        && let Err(error) = provider.shutdown_with_timeout(LAST_TIME)
    {
        tracing::warn!(%error, "the last spans could not be sent");
    }
}

/// Collects spans and sends them in batches, from a thread of its own, to this endpoint or that of the environment.
fn provider(endpoint: Option<String>) -> Result<SdkTracerProvider, ExporterBuildError> {
    let http = reqwest::Client::builder().timeout(SEND_TIME).build().unwrap_or_default();
    let client = Client { http, runtime: Handle::current() };
    let mut exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_http_client(client);
    if let Some(endpoint) = endpoint {
        exporter = exporter.with_endpoint(endpoint);
    }
    let mut resource = Resource::builder();
    if std::env::var_os(SERVICE_NAME).is_none() {
        resource = resource.with_service_name("jobcast");
    }
    Ok(SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter.build()?).build())
}

/// Sends over the HTTP client that is linked already, with its one TLS provider.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    /// The exporter's thread has no runtime of its own.
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let request = self.http.request(head.method, head.uri.to_string()).headers(head.headers).body(body);
        let sent = self.runtime.spawn(async move {
            let response = request.send().await?;
            Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
        });
        let (status, body) = sent.await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_span_reaches_the_collector() {
        let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1/traces", collector.local_addr().unwrap());
        let provider = provider(Some(endpoint)).unwrap();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("jobcast"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info_span!("attempt", job_type = "brand_intelligence").in_scope(|| {});
        });
        let sent = tokio::task::spawn_blocking(move || provider.force_flush());

        let received = async {
            let (mut connection, _) = collector.accept().await.unwrap();
            let mut received = Vec::new();
            while !String::from_utf8_lossy(&received).contains("brand_intelligence") {
                assert!(connection.read_buf(&mut received).await.unwrap() > 0, "the request is whole");
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            connection.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&received).into_owned()
        };
        let received = timeout(Duration::from_secs(30), received).await.expect("spans are sent");
        assert!(received.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{received}");
        assert!(received.contains("application/x-protobuf") && received.contains("attempt"), "{received}");
        assert!(received.contains("service.name"), "{received}");
        sent.await.unwrap().unwrap();
    }
}
