//! What the clients share of HTTP: the connection's limits, addresses below a base URL, bounded bodies, waiting times.
//! It does not know what any upstream's answers mean.

use std::error::Error as _;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use url::{Host, Url};

use super::deadline::Deadline;
use super::error::{Retry, TRY_LATER, UpstreamError};

/// The longest an upstream may make a job wait before its next try; the rule of Anthropic's own SDKs (UPSTREAMS §3.6).
pub(super) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The most that is read of an answer that only explains a failure.
pub(super) const ERROR_BODY_BYTES: usize = 64 * 1024;

/// The longest to wait for the body of such an answer.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(5);

/// A client that sends each request once: it follows no redirect (a 307 would send the body again) and repeats nothing.
///
/// `idle` bounds each read, also of bytes that make no event.
pub(super) fn client(upstream: &'static str, base_url: &Url, idle: Duration) -> Result<reqwest::Client, UpstreamError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("jobcast/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(idle)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(4)
        .pool_idle_timeout(Duration::from_secs(20));
    if is_loopback(base_url) {
        // A proxy named in the environment could not reach a stand-in on this machine.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| {
        tracing::error!(upstream, error = %causes(&error), "cannot build the HTTP client");
        UpstreamError::new(upstream, "client_setup", "The HTTP client could not be set up", Retry::Never)
    })
}

fn is_loopback(base_url: &Url) -> bool {
    match base_url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// `base_url` with `segments` appended to its path, whether or not it ends in a slash.
///
/// `setting` names the base URL's environment variable in the error of a URL that is not http(s).
pub(super) fn endpoint(
    upstream: &'static str,
    setting: &str,
    base_url: &Url,
    segments: &[&str],
) -> Result<Url, UpstreamError> {
    let invalid = || {
        let words = format!("{setting} must be an http:// or https:// address");
        UpstreamError::new(upstream, "invalid_base_url", words, Retry::Never)
    };
    if !matches!(base_url.scheme(), "http" | "https") {
        return Err(invalid());
    }
    let mut url = base_url.clone();
    url.path_segments_mut().map_err(|()| invalid())?.pop_if_empty().extend(segments);
    Ok(url)
}

/// A request that failed below HTTP, in words for the person; the cause goes to the log.
pub(super) fn transport_error(upstream: &'static str, speaker: &str, error: reqwest::Error) -> UpstreamError {
    let error = error.without_url();
    tracing::warn!(upstream, error = %causes(&error), "the upstream connection failed");
    let (code, words) = if error.is_connect() {
        ("upstream_unreachable", format!("{speaker} could not be reached; {TRY_LATER}"))
    } else if error.is_timeout() {
        ("upstream_timeout", format!("{speaker} did not answer in time; {TRY_LATER}"))
    } else {
        ("connection_lost", format!("The connection to {speaker} was lost; {TRY_LATER}"))
    };
    UpstreamError::new(upstream, code, words, Retry::Backoff)
}

/// An error and all its causes on one line.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String cannot fail.
        let _ = write!(line, ": {error}");
        cause = error.source();
    }
    line
}

/// The whole body of a good answer; `answer_too_large` when it is larger than `limit` bytes.
pub(super) async fn body(mut response: Response, deadline: &Deadline, limit: usize) -> Result<Vec<u8>, UpstreamError> {
    let lost = |error| transport_error(deadline.upstream, deadline.speaker, error);
    let mut body = Vec::new();
    while let Some(chunk) = deadline.wait(response.chunk()).await?.map_err(lost)? {
        if body.len() + chunk.len() > limit {
            let what = format!("the answer is larger than {limit} bytes");
            return Err(too_large(deadline.upstream, deadline.speaker, &what));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An answer beyond its limits would be so again.
pub(super) fn too_large(upstream: &'static str, speaker: &str, what: &str) -> UpstreamError {
    let words = format!("{speaker} sent too much: {what}; start the job again with less to read");
    UpstreamError::new(upstream, "answer_too_large", words, Retry::Never)
}

/// The content type of an answer without its parameters, in lower case; empty where it states none.
pub(super) fn content_type(response: &Response) -> String {
    let stated = response.headers().get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or(""));
    stated.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Up to [`ERROR_BODY_BYTES`] of the body of an answer that explains a failure; what came before a stall or a cut.
pub(super) async fn error_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = ERROR_BODY_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == ERROR_BODY_BYTES {
                break;
            }
        }
    };
    // A body that does not end explains as much as was read of it.
    let _ = tokio::time::timeout(ERROR_BODY_WAIT, read).await;
    body
}

/// The time of a `retry-after` header (seconds or an HTTP date), when it lies in the future.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => (DateTime::parse_from_rfc2822(value).ok()?.to_utc() - Utc::now()).to_std().ok()?,
    };
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(&headers("7")), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&headers("0.5")), Some(Duration::from_millis(500)));
        for nothing in ["0", "-3", "soon", "inf", "NaN", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(retry_after(&headers(nothing)), None, "{nothing}");
        }
        let date = (Utc::now() + Duration::from_secs(3600)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert!(retry_after(&headers(&date)).unwrap() > Duration::from_secs(3000));
    }

    #[test]
    fn an_endpoint_lies_below_the_path_of_its_base() {
        for (base, expected) in [
            ("https://api.example.com", "https://api.example.com/v1/messages"),
            ("https://api.example.com/", "https://api.example.com/v1/messages"),
            ("https://gateway.example.com/claude", "https://gateway.example.com/claude/v1/messages"),
            ("https://gateway.example.com/a/claude/", "https://gateway.example.com/a/claude/v1/messages"),
        ] {
            let url = endpoint("claude", "ANTHROPIC_BASE_URL", &base.parse().unwrap(), &["v1", "messages"]).unwrap();
            assert_eq!(url.as_str(), expected);
        }
        for base in ["ftp://example.com", "data:text/plain,x"] {
            let error = endpoint("gtm", "GTM_BASE_URL", &base.parse().unwrap(), &["api"]).unwrap_err();
            assert_eq!((error.code.as_str(), error.retry), ("invalid_base_url", Retry::Never));
            assert!(error.message.contains("GTM_BASE_URL"));
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_by_address() {
        for (url, expected) in [
            ("http://localhost:1", true),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://10.0.0.1", false),
            ("https://localhost.example.com", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
