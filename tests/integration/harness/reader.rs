//! A reader of event streams, written from the standard's text and sharing no code with the product.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::Value;
use url::Url;

use super::soon;

/// One dispatched event.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    pub id: i64,
    pub event: String,
    pub data: Value,
}

pub struct Reader {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    chunks: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    unread: Vec<u8>,
    waiting: VecDeque<Received>,
    /// Comment lines seen.
    pub comments: usize,
    /// The last `retry` in milliseconds.
    pub retry: Option<u64>,
    /// The last id, sticky as in the standard.
    pub last_id: Option<i64>,
}

impl Reader {
    pub async fn open(http: &reqwest::Client, url: Url, cursor: Option<i64>) -> Reader {
        let mut request = http.get(url).header("accept", "text/event-stream");
        if let Some(cursor) = cursor {
            request = request.header("last-event-id", cursor.to_string());
        }
        Reader::of(soon("the head of the stream", request.send()).await.expect("the server answers"))
    }

    /// Reads what was answered.
    pub fn of(response: reqwest::Response) -> Reader {
        Reader {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            chunks: response.bytes_stream().boxed(),
            unread: Vec::new(),
            waiting: VecDeque::new(),
            comments: 0,
            retry: None,
            last_id: None,
        }
    }

    /// The next event; `None` when the stream has ended, in order or not.
    pub async fn next(&mut self) -> Option<Received> {
        soon("the next event", async {
            loop {
                if let Some(received) = self.waiting.pop_front() {
                    return Some(received);
                }
                self.read_chunk().await?;
            }
        })
        .await
    }

    /// Waits for a comment line.
    pub async fn next_comment(&mut self) {
        let seen = self.comments;
        soon("a comment", async {
            while self.comments == seen {
                self.read_chunk().await.expect("the stream goes on");
            }
        })
        .await
    }

    /// The first frame, which must be `sync`.
    pub async fn sync(&mut self) -> Received {
        let first = self.next().await.expect("a first frame");
        assert_eq!(first.event, "sync", "{first:?}");
        first
    }

    /// All events up to the end of the stream.
    pub async fn rest(&mut self) -> Vec<Received> {
        let mut all = Vec::new();
        while let Some(received) = self.next().await {
            all.push(received);
        }
        all
    }

    /// All events up to one of this name, and that one.
    pub async fn until(&mut self, name: &str) -> Vec<Received> {
        let mut all = Vec::new();
        while let Some(received) = self.next().await {
            let found = received.event == name;
            all.push(received);
            if found {
                return all;
            }
        }
        panic!("the stream ended before {name}: {all:?}");
    }

    async fn read_chunk(&mut self) -> Option<()> {
        let chunk = self.chunks.next().await?.ok()?;
        self.unread.extend_from_slice(&chunk);
        while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.unread.drain(..end + 2).collect();
            self.read_block(std::str::from_utf8(&block).expect("frames are UTF-8"));
        }
        Some(())
    }

    fn read_block(&mut self, block: &str) {
        let (mut event, mut data) = (None, None);
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(':').expect("every line has a colon") {
                ("", _) => self.comments += 1,
                ("id", value) => self.last_id = Some(value.trim().parse().expect("an id is a number")),
                ("retry", value) => self.retry = Some(value.trim().parse().expect("retry is a number")),
                ("event", value) => event = Some(value.trim().to_owned()),
                ("data", value) => {
                    assert!(data.is_none(), "data is one line");
                    data = Some(value.trim().to_owned());
                }
                (other, _) => panic!("unknown field {other}"),
            }
        }
        if let Some(data) = data {
            let data = serde_json::from_str(&data).expect("data is JSON");
            let id = self.last_id.expect("every event has an id");
            self.waiting.push_back(Received { id, event: event.expect("every event has a name"), data });
        }
    }
}
