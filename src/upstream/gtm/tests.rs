//! The client against real sockets, whose bytes come in exactly the chunks that a test asks for.

use futures_util::{StreamExt as _, pin_mut};
use serde_json::json;

use super::super::metrics_text::MetricsText;
use super::super::raw_server::{RawServer, Script, within_deadline};
use super::*;

mod answers;
mod documents;

/// The wording of an end without a result, as a person sees it.
const NO_DATA_YET: &str = "No brand analysis data received; a later try may succeed";

/// A stream, and what is to be heard of it.
struct Sample {
    name: &'static str,
    text: &'static str,
    progress: &'static [(Option<&'static str>, Option<f64>)],
}

const RESULT: &str = r##"{"brand":{"name":"Zoë 😀","colors":["#1E40AF"]}}"##;

/// The four dialects of UPSTREAMS §1.3, with comments and plain text between, and one event after the result.
const SAMPLES: [Sample; 4] = [
    Sample {
        name: "A: named",
        text: "\
: ok\n\nevent: started\ndata: {\"message\":\"Starting\",\"progress\":0}\n\ndata: analyzing “pages”\n\n:\n\n\
event: page\ndata: {\"message\":\"Scraping\",\"progress\":45,\"page\":3}\n\n\
event: page\ndata: {\"message\":\"Back\",\"progress\":\"12\"}\n\n\
event: complete\ndata: {\"progress\":100,\"result\":{\"brand\":{\"name\":\"Zoë 😀\",\"colors\":[\"#1E40AF\"]}}}\n\n\
event: error\ndata: {\"message\":\"after the end\"}\n\n",
        progress: &[
            (Some("Starting"), Some(0.0)),
            (Some("analyzing “pages”"), None),
            (Some("Scraping"), Some(45.0)),
            (Some("Back"), Some(45.0)),
        ],
    },
    Sample {
        name: "B: inline name",
        text: "\
data: {\"event\":\"progress\",\"progress\":45,\"message\":\"Analyzing\"}\n\ndata: almost there\n\n\
data: {\"event\":\"progress\",\"progress\":140,\"message\":\"Much\"}\n\n\
data: {\"event\":\"complete\",\"data\":{\"brand\":{\"name\":\"Zoë 😀\",\"colors\":[\"#1E40AF\"]}}}\n\n",
        progress: &[(Some("Analyzing"), Some(45.0)), (Some("almost there"), None), (Some("Much"), Some(90.0))],
    },
    Sample {
        name: "C: step",
        text: "\
data: {\"progress\":\"20\",\"step\":\"Extracting\",\"total_steps\":5}\n\n\
event: progress\ndata: {\"progress\":60,\"current_step\":\"Merging\"}\n\n\
event: result\ndata: {\"brand\":{\"name\":\"Zoë 😀\",\ndata: \"colors\":[\"#1E40AF\"]}}\n\n",
        progress: &[(Some("Extracting"), Some(20.0)), (Some("Merging"), Some(60.0))],
    },
    Sample {
        name: "D: plain",
        text: "\
data: starting\n\ndata: [1/2] ünder way\n\nevent: progress\ndata: still\n\n\
event: complete\ndata: {\"brand\":{\"name\":\"Zoë 😀\",\"colors\":[\"#1E40AF\"]}}\n\n",
        progress: &[(Some("starting"), None), (Some("[1/2] ünder way"), None), (Some("still"), None)],
    },
];

impl Sample {
    /// The stream with each line end, with and without a byte order mark and the final blank line.
    fn variants(&self) -> Vec<(String, Vec<u8>)> {
        let mut variants = Vec::new();
        for (ending, line_end) in [("LF", "\n"), ("CR", "\r"), ("CRLF", "\r\n")] {
            for bom in ["", "\u{feff}"] {
                for whole in [true, false] {
                    // The result is last where the final blank line is missing.
                    let until = self.text.find("\n\nevent: error").unwrap_or(self.text.trim_end().len());
                    let text = if whole { self.text } else { &self.text[..until] };
                    let name = format!("{} {ending} bom={} whole={whole}", self.name, !bom.is_empty());
                    variants.push((name, [bom, &text.replace('\n', line_end)].concat().into_bytes()));
                }
            }
        }
        variants
    }

    #[track_caller]
    fn assert_heard(&self, heard: &[Result<GtmEvent, UpstreamError>], context: &str) {
        let (last, before) = heard.split_last().unwrap();
        assert_eq!(last, &Ok(GtmEvent::Complete(serde_json::from_str(RESULT).unwrap())), "{context}");
        let progress: Vec<_> = before
            .iter()
            .map(|item| match item {
                Ok(GtmEvent::Progress(said)) => (said.text.as_deref(), said.progress),
                other => panic!("{context}: {other:?}"),
            })
            .collect();
        assert_eq!(progress, self.progress, "{context}");
    }
}

/// What the client would make of chunks, without a connection.
fn understand<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<GtmEvent, UpstreamError>> {
    let mut decoder = SseDecoder::new(SseLimits::default());
    let mut heard = Heard::default();
    let mut items = Vec::new();
    for chunk in chunks {
        for event in decoder.push(chunk) {
            items.push(Ok(match dialect::meaning(event.unwrap()) {
                Meaning::Progress(said) => GtmEvent::Progress(heard.progress(said)),
                Meaning::Words(text) => GtmEvent::Progress(heard.words(text)),
                Meaning::Complete(result) => {
                    items.push(Ok(GtmEvent::Complete(result)));
                    return items;
                }
                Meaning::Failed(error) => {
                    items.push(Err(error));
                    return items;
                }
            }));
        }
    }
    items.push(last_word(decoder, ended_early()).map(GtmEvent::Complete));
    items
}

fn example() -> AnalyzeBrand {
    AnalyzeBrand { url: "https://example.com/ä?b=1".parse().unwrap(), max_pages: 15 }
}

/// Runs one analysis to its end, which one POST must have served.
async fn analyze_with(script: Script, limits: GtmLimits) -> Vec<Result<GtmEvent, UpstreamError>> {
    let mut server = RawServer::start(script).await;
    let items = {
        let client = GtmClient::with_limits(server.url(), limits).unwrap();
        within_deadline(client.analyze_brand(example()).collect()).await
    };
    let requests = server.requests().await;
    assert_eq!(requests.len(), 1, "one POST a call: {requests:?}");
    assert!(requests[0].head.starts_with("post /api/analyze-brand-enhanced http/1.1"), "{requests:?}");
    server.all_closed().await;
    items
}

async fn analyze(script: Script) -> Vec<Result<GtmEvent, UpstreamError>> {
    analyze_with(script, GtmLimits::default()).await
}

/// The error of an analysis that brings nothing else.
async fn failure(script: Script) -> UpstreamError {
    failure_with(script, GtmLimits::default()).await
}

async fn failure_with(script: Script, limits: GtmLimits) -> UpstreamError {
    let mut items = analyze_with(script, limits).await;
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0).unwrap_err()
}

#[test]
fn every_dialect_is_understood_however_it_is_split() {
    for sample in &SAMPLES {
        for (variant, bytes) in sample.variants() {
            for at in 0..=bytes.len() {
                let (head, tail) = bytes.split_at(at);
                sample.assert_heard(&understand([head, tail]), &format!("{variant}, split at {at}"));
            }
            sample.assert_heard(&understand(bytes.chunks(1)), &format!("{variant}, in single bytes"));
        }
    }
}

#[tokio::test]
async fn every_split_is_understood_over_sockets() {
    let sample = &SAMPLES[0];
    let bytes = ["\u{feff}", &sample.text.replace('\n', "\r\n")].concat().into_bytes();
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        sample.assert_heard(&analyze(Script::events().chunk(head).chunk(tail)).await, &format!("split at {at}"));
    }
}

#[tokio::test]
async fn every_dialect_and_variant_is_understood_over_sockets_in_single_bytes() {
    for sample in &SAMPLES {
        for (variant, bytes) in sample.variants() {
            sample.assert_heard(&analyze(Script::events().chunks(bytes.chunks(1))).await, &variant);
        }
    }
}

#[tokio::test]
async fn a_call_sends_what_the_origin_application_sends() {
    let server = RawServer::start(Script::events().chunk(SAMPLES[0].text)).await;
    let base = format!("{}gateway/", server.url()).parse().unwrap();
    let stream = GtmClient::new(base).unwrap().analyze_brand(example());
    assert_eq!(server.requests().await.len(), 0, "nothing is sent before the first poll");
    assert!(stream.collect::<Vec<_>>().await.last().unwrap().is_ok());
    let request = server.requests().await.remove(0);
    assert!(request.head.starts_with("post /gateway/api/analyze-brand-enhanced "), "{}", request.head);
    assert!(request.head.contains("content-type: application/json"), "{}", request.head);
    assert!(request.head.contains(concat!("user-agent: jobcast/", env!("CARGO_PKG_VERSION"))), "{}", request.head);
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        json!({"url": "https://example.com/%C3%A4?b=1", "maxPages": 15, "includeScreenshots": false,
               "includeScraping": true, "includeImages": false})
    );
}

#[tokio::test]
async fn an_error_event_ends_the_analysis() {
    let items = analyze(
        Script::events()
            .chunk("data: {\"progress\":5}\n\n")
            .chunk("event: error\ndata: {\"error\":\"Site is\\u0000 down\",\"code\":\"INACCESSIBLE_URL\"}\n\n")
            .chunk(SAMPLES[0].text),
    )
    .await;
    assert_eq!(items.len(), 2);
    let error = items[1].clone().unwrap_err();
    assert_eq!((error.upstream, error.code.as_str(), error.retry), ("gtm", "inaccessible_url", Retry::Never));
    assert_eq!(error.message, "Site is\u{fffd} down");
}

#[tokio::test]
async fn an_early_end_is_a_failure_that_may_be_tried_again() {
    let begun = || Script::events().chunk("event: complete\ndata: {\"result\":{\"brand\":");
    let error = failure(begun()).await;
    assert_eq!(
        (error.code.as_str(), error.message.as_str(), error.retry),
        ("stream_ended_early", NO_DATA_YET, Retry::Backoff)
    );
    let error = failure(Script::events()).await;
    assert_eq!(
        (error.code.as_str(), error.message.as_str(), error.retry),
        ("stream_ended_early", NO_DATA_YET, Retry::Backoff)
    );
    let error = failure(begun().then_cut()).await;
    assert_eq!((error.code.as_str(), error.retry), ("connection_lost", Retry::Backoff));
    assert!(error.message.starts_with(NO_DATA), "{}", error.message);
    let whole = Script::events().chunk("event: complete\ndata: {\"brand\":1}").then_cut();
    assert_eq!(analyze(whole).await, [Ok(GtmEvent::Complete(json!({"brand": 1})))]);
}

#[tokio::test]
async fn nothing_is_read_after_the_result() {
    let mut server = RawServer::start(Script::events().chunk(SAMPLES[1].text).then_repeat("data: more\n\n")).await;
    let stream = GtmClient::new(server.url()).unwrap().analyze_brand(example());
    pin_mut!(stream);
    while !matches!(stream.next().await.unwrap().unwrap(), GtmEvent::Complete(_)) {}
    server.all_closed().await;
    assert!(stream.next().await.is_none());
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    let mut server = RawServer::start(Script::events().chunk("data: {\"progress\":5}\n\n").then_hold()).await;
    let mut stream = Box::pin(GtmClient::new(server.url()).unwrap().analyze_brand(example()));
    assert!(matches!(stream.next().await, Some(Ok(GtmEvent::Progress(_)))));
    drop(stream);
    server.all_closed().await;
    assert_eq!(server.requests().await.len(), 1);
}

#[tokio::test]
async fn an_answer_beyond_its_limits_ends_the_call() {
    let sse = SseLimits { event_bytes: 1000, stream_bytes: 5000 };
    let limits = GtmLimits { sse, ..GtmLimits::default() };
    let endless = failure_with(Script::events().then_repeat("data: x"), limits).await;
    assert_eq!((endless.code.as_str(), endless.retry), ("answer_too_large", Retry::Never));
    assert_eq!(
        endless.message,
        "The brand analysis service sent too much: one event is larger than 1000 bytes; start the job again with less to \
         read"
    );
    let flood = analyze_with(Script::events().then_repeat("data: x\n\n"), limits).await;
    let error = flood.last().unwrap().clone().unwrap_err();
    assert_eq!((flood.len(), error.code.as_str()), (5000 / 9 + 1, "answer_too_large"));
    let document = Script::new("200 OK", &[("content-type", "application/json")]).then_repeat("[[[[[[[[");
    assert_eq!(failure_with(document, limits).await.code, "answer_too_large");
}

#[tokio::test]
async fn silence_and_slowness_end_the_call() {
    let short = Duration::from_millis(50);
    let silent = GtmLimits { idle: short, ..GtmLimits::default() };
    let slow = GtmLimits { total: short, ..GtmLimits::default() };
    for script in [
        Script::events().then_hold(),
        Script::new("200 OK", &[("content-type", "application/json")]).chunk("{").then_hold(),
    ] {
        for limits in [silent, slow] {
            let error = failure_with(script.clone(), limits).await;
            assert_eq!((error.code.as_str(), error.retry), ("upstream_timeout", Retry::Backoff), "{}", error.message);
        }
    }
    // Comments are signs of life, but no reason to wait for ever.
    let error = failure_with(Script::events().then_repeat(":\n\n"), slow).await;
    assert!(matches!(error.code.as_str(), "upstream_timeout" | "answer_too_large"), "{error}");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_may_be_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:secret@{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let items: Vec<_> = GtmClient::new(url).unwrap().analyze_brand(example()).collect().await;
    let error = items[0].clone().unwrap_err();
    assert_eq!((error.code.as_str(), error.retry), ("upstream_unreachable", Retry::Backoff));
    assert_eq!(error.message, "The brand analysis service could not be reached; a later try may succeed");
}

#[tokio::test]
async fn an_analysis_is_counted_once_however_it_ends() {
    let metrics = MetricsText::new();
    let _recording = metrics.record();
    analyze(Script::events().chunk(SAMPLES[0].text)).await;
    failure(Script::events()).await;
    failure(Script::new("200 OK", &[("content-type", "text/html")])).await;
    let outcomes = ["ok", "unavailable", "invalid_answer"].map(|outcome| metrics.calls("gtm", outcome));
    assert_eq!((outcomes, metrics.all_calls()), ([1, 1, 1], 3));

    let server = RawServer::start(Script::events().chunk("data: {\"progress\":5}\n\n").then_hold()).await;
    let mut stream = Box::pin(GtmClient::new(server.url()).unwrap().analyze_brand(example()));
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    assert_eq!((metrics.calls("gtm", "cancelled"), metrics.all_calls()), (1, 4));
}
