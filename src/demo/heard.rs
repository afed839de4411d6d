//! What a client hears of an answer, chunk by chunk, and how it ends.
//! It must not interpret the answer; the tests do.

use axum::body::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// How long any chunk may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long nothing has to come for a silence: one that is none ends sooner or later than this, but nobody waits for it.
const QUIET: Duration = Duration::from_millis(150);

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) chunks: Vec<Bytes>,
    pub(super) end: End,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Orderly,
    /// The connection was reset.
    Reset,
    /// The connection was closed in the middle.
    Cut,
    /// Nothing more came.
    Silent,
}

impl Heard {
    /// Sends a request and hears it to its end, or to the silence behind a number of blank lines.
    pub(super) async fn of(request: reqwest::RequestBuilder, silent_after: Option<usize>) -> Heard {
        let mut response = timeout(DEADLINE, request.send()).await.unwrap().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut heard = Heard { status, headers, chunks: Vec::new(), end: End::Orderly };
        loop {
            let quiet = silent_after.is_some_and(|events| heard.text().matches("\n\n").count() == events);
            match timeout(if quiet { QUIET } else { DEADLINE }, response.chunk()).await {
                Err(_) if quiet => break heard.end = End::Silent,
                Err(_) => panic!("nothing came any more behind {heard:?}"),
                Ok(Ok(Some(chunk))) => heard.chunks.push(chunk),
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    let was_reset = format!("{error:?}").contains("ConnectionReset");
                    break heard.end = if was_reset { End::Reset } else { End::Cut };
                }
            }
        }
        heard
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.chunks.concat()).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Name and data of each event between blank lines; the name is empty where none is given, and comments are left out.
    pub(super) fn events(&self) -> Vec<(String, String)> {
        let text = self.text();
        let blocks = text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
        let field = |block: &str, name: &str| {
            let lines = block.lines().filter_map(|line| line.strip_prefix(name));
            lines.map(str::to_owned).collect::<Vec<_>>().join("\n")
        };
        blocks.map(|block| (field(block, "event: "), field(block, "data: "))).collect()
    }

    /// The data of each event that is JSON, with its name.
    pub(super) fn told(&self) -> Vec<(String, Value)> {
        let events = self.events().into_iter();
        events.filter_map(|(name, data)| Some((name, serde_json::from_str(&data).ok()?))).collect()
    }
}
