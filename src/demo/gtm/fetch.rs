//! Fetches one address within bounds of time, size, redirects and place.
//! It must not interpret what it fetched.

use crate::upstream::address;
use crate::upstream::{Reach, Unreachable};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use std::fmt;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

/// Redirects followed for one address.
const MAX_REDIRECTS: usize = 5;
/// How long one address may take, redirects and body included.
const PER_ADDRESS: Duration = Duration::from_secs(10);
/// Bytes read of one body; the rest is left.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// One walk's way to the web. It goes no further than it may reach, also where a page redirects to.
pub(super) struct Web {
    reach: Reach,
    /// The site that was read last, which is nearly always the next one too.
    latest: Option<Connected>,
}

/// A client that connects to one site at the addresses that were checked.
struct Connected {
    host: Option<Host>,
    port: Option<u16>,
    client: Client,
}

/// What is acceptable for one fetch.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// Redirects may not leave this site; `None` lets them go anywhere.
    pub(super) site: Option<&'a Url>,
    /// Judges the content type, which is empty when the answer names none.
    pub(super) wanted: fn(&str) -> bool,
    /// The end of the whole analysis.
    pub(super) deadline: Instant,
}

/// A document as it came.
pub(super) struct Fetched {
    /// Where it was found in the end.
    pub(super) url: Url,
    pub(super) content_type: String,
    /// At most 2 MiB.
    pub(super) body: Vec<u8>,
}

/// Why there is no document.
#[derive(Debug)]
pub(super) enum Failure {
    Timeout(Duration),
    Status(u16),
    Connection(String),
    Private(String),
    Redirects,
    Refused(Url, String),
    LeftSite(Url),
    NotWanted(String),
    Unreadable,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Timeout(limit) => write!(formatter, "it did not answer within {:.0} seconds", limit.as_secs_f64()),
            Failure::Status(status) => write!(formatter, "it answered with status {status}"),
            Failure::Connection(reason) => write!(formatter, "{reason}"),
            Failure::Private(host) => {
                write!(formatter, "{host} is a private or reserved address, which this demo reads for nobody")?;
                write!(formatter, " (start it with --allow-private-sites if it may)")
            }
            Failure::Refused(url, problem) => write!(formatter, "it redirects to {url}, which {problem}"),
            Failure::Redirects => write!(formatter, "it redirects more than {MAX_REDIRECTS} times, or to nowhere"),
            Failure::LeftSite(url) => write!(formatter, "it redirects to another site, {url}"),
            Failure::Unreadable => write!(formatter, "it could not be parsed"),
            Failure::NotWanted(kind) if kind.is_empty() => write!(formatter, "it does not say that it is a web page"),
            Failure::NotWanted(kind) => write!(formatter, "it is {kind}, not a web page"),
        }
    }
}

impl Web {
    pub(super) fn new(reach: Reach) -> Web {
        Web { reach, latest: None }
    }

    /// Fetches `url`, following redirects within the bounds.
    ///
    /// # Errors
    /// With the reason when there is no acceptable document.
    pub(super) async fn get(&mut self, url: &Url, bounds: Bounds<'_>) -> Result<Fetched, Failure> {
        let began = Instant::now();
        let end = bounds.deadline.min(began + PER_ADDRESS);
        timeout_at(end, self.get_without_bound_of_time(url, bounds))
            .await
            .unwrap_or_else(|_| Err(Failure::Timeout(end - began)))
    }

    async fn get_without_bound_of_time(&mut self, url: &Url, bounds: Bounds<'_>) -> Result<Fetched, Failure> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&url).await?;
            let Some(target) = redirect_target(&url, &response)? else {
                return read(url, response, bounds).await;
            };
            if bounds.site.is_some_and(|site| !same_site(site, &target)) {
                return Err(Failure::LeftSite(target));
            }
            url = target;
        }
        Err(Failure::Redirects)
    }

    async fn send(&mut self, url: &Url) -> Result<Response, Failure> {
        let client = self.client(url).await?;
        let request = client.get(url.clone()).header(ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5");
        request.send().await.map_err(connection)
    }

    /// The client of the site, whose name is looked up once in a walk.
    async fn client(&mut self, url: &Url) -> Result<Client, Failure> {
        let (host, port) = (url.host().map(|host| host.to_owned()), url.port_or_known_default());
        if let Some(latest) = self.latest.as_ref().filter(|latest| latest.host == host && latest.port == port) {
            return Ok(latest.client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("jobcast-demo/", env!("CARGO_PKG_VERSION"), " (simulated brand analysis)"))
            .redirect(Policy::none());
        if is_loopback(url) {
            // A proxy of the environment could not reach this machine's own addresses.
            builder = builder.no_proxy();
        }
        let builder = self.reach.pin(builder, url).await.map_err(unreachable)?;
        let client = builder.build().map_err(connection)?;
        self.latest = Some(Connected { host, port, client: client.clone() });
        Ok(client)
    }
}

/// Whether two addresses belong to one site: the same host, at the same port or both at their scheme's own.
pub(super) fn same_site(one: &Url, other: &Url) -> bool {
    let web = |url: &Url| matches!(url.scheme(), "http" | "https");
    // `port()` is `None` for the scheme's default, so http and https of one host are one site.
    web(one) && web(other) && one.host_str() == other.host_str() && one.port() == other.port()
}

fn redirect_target(url: &Url, response: &Response) -> Result<Option<Url>, Failure> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| url.join(location).ok()).ok_or(Failure::Redirects)?;
    match address::check(&target) {
        Ok(()) => Ok(Some(target)),
        Err(problem) => Err(Failure::Refused(target, problem)),
    }
}

async fn read(url: Url, mut response: Response, bounds: Bounds<'_>) -> Result<Fetched, Failure> {
    if !response.status().is_success() {
        return Err(Failure::Status(response.status().as_u16()));
    }
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    // Judged before the body is read: an event stream, say, would never end.
    if !(bounds.wanted)(&content_type) {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        return Err(Failure::NotWanted(kind.to_owned()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(connection)? {
        let room = MAX_BODY - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_BODY {
            break;
        }
    }
    Ok(Fetched { url, content_type, body })
}

impl Fetched {
    /// The body as text: UTF-8, else the encoding of old western pages. Others come out garbled.
    pub(super) fn text(&self) -> String {
        match std::str::from_utf8(&self.body) {
            Ok(text) => text.to_owned(),
            // The limit on size cut the last character.
            Err(error) if error.error_len().is_none() => {
                String::from_utf8_lossy(&self.body[..error.valid_up_to()]).into_owned()
            }
            Err(_) if self.content_type.contains("utf-8") => String::from_utf8_lossy(&self.body).into_owned(),
            Err(_) => self.body.iter().map(|byte| char::from(*byte)).collect(),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => false,
    }
}

fn unreachable(error: Unreachable) -> Failure {
    match error {
        Unreachable::Private { host } => Failure::Private(host),
        Unreachable::Unknown { .. } => Failure::Connection(error.to_string()),
    }
}

/// The innermost cause is the one that tells a person something ("Connection refused", "dns error").
fn connection(error: reqwest::Error) -> Failure {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let reason = cause.to_string();
    Failure::Connection(if error.is_connect() {
        format!("no connection could be made: {reason}")
    } else {
        format!("the connection failed: {reason}")
    })
}
