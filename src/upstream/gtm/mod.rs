//! The client of gtm: the streaming brand analysis, `POST /api/analyze-brand-enhanced`, and in `documents` the two calls
//! that are answered at once.
//! It sends each request once, stores nothing, and leaves the meaning of an analysis to the pipeline.
//!
//! The stream is read with the crate's own decoder: what this upstream sends (a byte order mark, a last event without
//! its blank line, plain text between JSON) is more than `reqwest-eventsource` accepts, and has no bound there.

mod answer;
mod complaint;
mod dialect;
mod documents;

use std::time::Duration;

use async_stream::try_stream;
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

pub use self::documents::{DiscoverPages, DocumentLimits, ExtractBrand};

use self::answer::AnswerKind;
use self::dialect::Meaning;
use super::deadline::Deadline;
use super::error::{Retry, TRY_LATER, UpstreamError};
use super::sse::{SseDecoder, SseLimits};
use super::{call, http};

const UPSTREAM: &str = "gtm";
const SPEAKER: &str = "The brand analysis service";

/// The wording of the origin application for an analysis that ended without its result.
const NO_DATA: &str = "No brand analysis data received";

/// A client of gtm; cheap to clone, all clones share one connection pool.
#[derive(Clone, Debug)]
pub struct GtmClient {
    http: reqwest::Client,
    analyze_brand: Url,
    extract_brand: Url,
    discover_pages: Url,
    limits: GtmLimits,
}

/// The bounds on one call.
#[derive(Clone, Copy, Debug)]
pub struct GtmLimits {
    /// Sizes of an analysis; `event_bytes` bounds an answer that is one JSON document, too.
    pub sse: SseLimits,
    /// The longest silence in an analysis, comments not counting as silence.
    pub idle: Duration,
    /// The longest analysis, from the request to the result.
    pub total: Duration,
    /// The bounds of [`GtmClient::extract_brand`].
    pub extract_brand: DocumentLimits,
    /// The bounds of [`GtmClient::discover_pages`].
    pub discover_pages: DocumentLimits,
}

impl Default for GtmLimits {
    /// An analysis: 8 MiB an event, 64 MiB a stream, 60 s of silence, 180 s in all. An extraction: 32 MiB, since it may
    /// hold a picture, 60 s. A discovery of pages: 16 MiB, 120 s. The times are those of the origin application.
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            sse: SseLimits::default(),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(180),
            extract_brand: DocumentLimits { bytes: 32 * MIB, total: Duration::from_secs(60) },
            discover_pages: DocumentLimits { bytes: 16 * MIB, total: Duration::from_secs(120) },
        }
    }
}

/// What to analyse.
#[derive(Clone, Debug)]
pub struct AnalyzeBrand {
    /// The site's address.
    pub url: Url,
    /// How many pages gtm may read.
    pub max_pages: u32,
}

/// What an analysis says while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum GtmEvent {
    /// It moved on.
    Progress(GtmProgress),
    /// The result, always a JSON object with something in it; nothing follows.
    Complete(Value),
}

/// One word from gtm on how far it is.
#[derive(Clone, Debug, PartialEq)]
pub struct GtmProgress {
    /// What it is doing, at most 500 characters, without control characters.
    pub text: Option<String>,
    /// Percent, 0 to 90 (the rest is the pipeline's), never less than in an earlier event.
    pub progress: Option<f64>,
    /// What else it said (`page`, `total`, `url`, `count` …, and its name for the event as `event`): an object of at
    /// most 32 members and about 4 KiB.
    pub detail: Value,
}

impl GtmClient {
    /// A client of the gtm at `base_url`, whose path may be that of a gateway.
    ///
    /// Fails when the address is not http(s) or the TLS set-up fails.
    pub fn new(base_url: Url) -> Result<Self, UpstreamError> {
        Self::with_limits(base_url, GtmLimits::default())
    }

    /// As [`GtmClient::new`], with other limits.
    pub fn with_limits(base_url: Url, limits: GtmLimits) -> Result<Self, UpstreamError> {
        let endpoint = |name| http::endpoint(UPSTREAM, "GTM_BASE_URL", &base_url, &["api", name]);
        // The answers that come at once are preceded by a silence as long as the work takes.
        let silence = limits.idle.max(limits.extract_brand.total).max(limits.discover_pages.total);
        Ok(Self {
            http: http::client(UPSTREAM, &base_url, silence)?,
            analyze_brand: endpoint("analyze-brand-enhanced")?,
            extract_brand: endpoint("extract-brand")?,
            discover_pages: endpoint("discover-brand-pages")?,
            limits,
        })
    }

    /// Analyses a brand's site: any number of progress events, then the result or an error, then the end.
    ///
    /// The request is sent once, when the stream is first polled. Dropping the stream closes the connection. Whether
    /// an error may be tried again is in its `retry`; each new call costs gtm a crawl of the site.
    pub fn analyze_brand(
        &self,
        request: AnalyzeBrand,
    ) -> impl Stream<Item = Result<GtmEvent, UpstreamError>> + Send + use<> {
        let answer = self.clone().analyze(request);
        call::counted_stream(UPSTREAM, answer, |event| matches!(event, GtmEvent::Complete(_)))
    }

    fn analyze(self, request: AnalyzeBrand) -> impl Stream<Item = Result<GtmEvent, UpstreamError>> + Send {
        let client = self;
        try_stream! {
            let deadline = Deadline::start(UPSTREAM, SPEAKER, client.limits.idle, client.limits.total);
            let response = deadline.wait(client.post(&request).send()).await?;
            let response = answer::accept(response.map_err(connection_failed)?).await?;
            if answer::kind(&response)? == AnswerKind::Document {
                yield GtmEvent::Complete(answer::analysis(response, &deadline, client.limits.sse.event_bytes).await?);
                return;
            }

            let mut decoder = SseDecoder::new(client.limits.sse);
            let mut heard = Heard::default();
            let mut body = response.bytes_stream();
            let result = 'reading: loop {
                match deadline.wait(body.next()).await? {
                    Some(Ok(chunk)) => for event in decoder.push(&chunk) {
                        match dialect::meaning(event.map_err(answer::too_large)?) {
                            Meaning::Progress(progress) => yield GtmEvent::Progress(heard.progress(progress)),
                            Meaning::Words(text) => yield GtmEvent::Progress(heard.words(text)),
                            Meaning::Complete(result) => break 'reading result,
                            Meaning::Failed(error) => Err(error)?,
                        }
                    },
                    Some(Err(error)) => break 'reading last_word(decoder, connection_cut(error))?,
                    None => break 'reading last_word(decoder, ended_early())?,
                }
            };
            // Nothing that follows the result is read.
            drop(body);
            heard.log();
            yield GtmEvent::Complete(result);
        }
    }

    fn post(&self, request: &AnalyzeBrand) -> reqwest::RequestBuilder {
        self.http
            .post(self.analyze_brand.clone())
            .header(reqwest::header::ACCEPT, "text/event-stream, application/json")
            .json(&Body {
                url: request.url.as_str(),
                max_pages: request.max_pages,
                include_screenshots: false,
                include_scraping: true,
                include_images: false,
            })
    }
}

/// The body of the request, member for member as the origin application sends it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    url: &'a str,
    max_pages: u32,
    include_screenshots: bool,
    include_scraping: bool,
    include_images: bool,
}

/// What one stream has said so far.
#[derive(Default)]
struct Heard {
    /// The highest progress, below which no later event goes.
    highest: f64,
    /// How many events were not JSON.
    plain: u32,
}

impl Heard {
    fn progress(&mut self, mut said: GtmProgress) -> GtmProgress {
        if let Some(progress) = &mut said.progress {
            self.highest = self.highest.max(*progress);
            *progress = self.highest;
        }
        said
    }

    fn words(&mut self, text: Option<String>) -> GtmProgress {
        self.plain += 1;
        GtmProgress { text, progress: None, detail: Value::Object(Map::new()) }
    }

    fn log(&self) {
        if self.plain > 0 {
            tracing::debug!(upstream = UPSTREAM, events = self.plain, "events that were not JSON");
        }
    }
}

/// The result, if it lies in bytes that the end of the connection left undispatched; else the failure.
fn last_word(decoder: SseDecoder, failure: UpstreamError) -> Result<Value, UpstreamError> {
    match decoder.finish().map(dialect::meaning) {
        Some(Meaning::Complete(result)) => Ok(result),
        Some(Meaning::Failed(error)) => Err(error),
        Some(Meaning::Progress(_) | Meaning::Words(_)) | None => Err(failure),
    }
}

fn ended_early() -> UpstreamError {
    UpstreamError::new(UPSTREAM, "stream_ended_early", format!("{NO_DATA}; {TRY_LATER}"), Retry::Backoff)
}

fn connection_cut(error: reqwest::Error) -> UpstreamError {
    let mut error = connection_failed(error);
    error.message = format!("{NO_DATA}: {}", error.message);
    error
}

fn connection_failed(error: reqwest::Error) -> UpstreamError {
    http::transport_error(UPSTREAM, SPEAKER, error)
}

#[cfg(test)]
mod tests;
