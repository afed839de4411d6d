//! An incremental decoder of `text/event-stream`, in linear time and bounded memory.
//! It opens no connection, reconnects nowhere and gives no event a meaning.
//!
//! The grammar is that of WHATWG HTML §9.2.5–9.2.6: one leading byte order mark is dropped; CR, LF and CRLF end a line
//! and may be mixed; bytes that are not UTF-8 become U+FFFD. The events do not depend on how the bytes are split.

use std::collections::VecDeque;
use std::time::Duration;

/// The most that a decoder accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseLimits {
    /// Bytes held for one event that is not complete yet.
    pub event_bytes: usize,
    /// Bytes of the whole stream; `u64::MAX` for a stream that may go on for ever.
    pub stream_bytes: u64,
}

impl Default for SseLimits {
    /// 8 MiB an event, 64 MiB a stream.
    fn default() -> Self {
        Self { event_bytes: 8 * 1024 * 1024, stream_bytes: 64 * 1024 * 1024 }
    }
}

/// One dispatched event. Its fields are those of its own block: nothing is carried over from earlier ones.
///
/// A block without `data` dispatches no event. Its `id` and `retry` are seen in [`SseDecoder::last_event_id`] and
/// [`SseDecoder::reconnection_time`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field; none when absent or empty, which a browser reads as `message`.
    pub event: Option<String>,
    /// The `data` lines, joined by LF.
    pub data: String,
    /// The `id` field; empty resets the cursor.
    pub id: Option<String>,
    /// The `retry` field, in milliseconds.
    pub retry: Option<u64>,
}

/// A stream that is larger than its reader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseLimitExceeded {
    /// One event does not end within the limit.
    #[error("one event is larger than {limit} bytes")]
    Event {
        /// [`SseLimits::event_bytes`]
        limit: usize,
    },
    /// The whole stream does not end within the limit.
    #[error("the stream is longer than {limit} bytes")]
    Stream {
        /// [`SseLimits::stream_bytes`]
        limit: u64,
    },
}

/// Turns the bytes of one connection into events.
///
/// A watchdog for silence belongs to whoever reads the connection: every chunk is a sign of life, comments included.
#[derive(Debug)]
pub struct SseDecoder {
    limits: SseLimits,
    /// Bytes of the stream so far.
    seen: u64,
    /// The first line may begin with a byte order mark.
    at_first_line: bool,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_carriage_return: bool,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    block: Block,
    last_event_id: String,
    reconnection_time: Option<Duration>,
    exceeded: Option<SseLimitExceeded>,
}

/// The fields of the event that is being read.
#[derive(Debug, Default)]
struct Block {
    event: SseEvent,
    /// A `data` line came, perhaps an empty one.
    has_data: bool,
}

impl SseDecoder {
    /// A decoder for a new connection.
    pub fn new(limits: SseLimits) -> Self {
        Self {
            limits,
            seen: 0,
            at_first_line: true,
            after_carriage_return: false,
            line: Vec::new(),
            block: Block::default(),
            last_event_id: String::new(),
            reconnection_time: None,
            exceeded: None,
        }
    }

    /// Takes the next bytes of the connection and gives the events that they complete, in order.
    ///
    /// A limit that is exceeded ends the iterator with the error; so does every later call. An event that was complete
    /// before the limit is given first, however the bytes were split.
    pub fn push(&mut self, chunk: &[u8]) -> impl Iterator<Item = Result<SseEvent, SseLimitExceeded>> + Send + use<> {
        let mut events = VecDeque::new();
        let outcome = self.take(chunk, &mut events);
        self.exceeded = outcome.err();
        events.into_iter().map(Ok).chain(self.exceeded.map(Err))
    }

    /// Ends the stream, and gives the event that was cut off by its end, if there is one.
    ///
    /// The standard discards such an event; a tolerant reader of a sloppy upstream wants it.
    pub fn finish(mut self) -> Option<SseEvent> {
        if self.exceeded.is_some() {
            return None;
        }
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.end_line(&line);
        }
        self.end_block()
    }

    /// The `id` of the last block that ended, with or without data: where to resume. Empty when there was none.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// The last `retry` field: how long to wait before connecting anew.
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.reconnection_time
    }

    fn take(&mut self, chunk: &[u8], events: &mut VecDeque<SseEvent>) -> Result<(), SseLimitExceeded> {
        if let Some(exceeded) = self.exceeded {
            return Err(exceeded);
        }
        let room = self.limits.stream_bytes - self.seen;
        let accepted = usize::try_from(room).map_or(chunk.len(), |room| room.min(chunk.len()));
        self.seen += accepted as u64;
        self.take_lines(&chunk[..accepted], events)?;
        if accepted < chunk.len() {
            return Err(SseLimitExceeded::Stream { limit: self.limits.stream_bytes });
        }
        Ok(())
    }

    fn take_lines(&mut self, mut bytes: &[u8], events: &mut VecDeque<SseEvent>) -> Result<(), SseLimitExceeded> {
        if self.after_carriage_return && !bytes.is_empty() {
            self.after_carriage_return = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let line = self.whole_line(&bytes[..end])?;
            events.extend(self.end_line(&line));
            self.recycle(line);
            let rest = &bytes[end + 1..];
            bytes = match bytes[end] {
                b'\r' if rest.is_empty() => {
                    self.after_carriage_return = true;
                    rest
                }
                b'\r' => rest.strip_prefix(b"\n").unwrap_or(rest),
                _ => rest,
            };
        }
        self.hold(bytes)
    }

    /// The line that ends with `end`; its buffer is to be given back.
    fn whole_line(&mut self, end: &[u8]) -> Result<Vec<u8>, SseLimitExceeded> {
        self.hold(end)?;
        Ok(std::mem::take(&mut self.line))
    }

    /// Keeps the beginning of a line; nothing is copied beyond the limit.
    fn hold(&mut self, part: &[u8]) -> Result<(), SseLimitExceeded> {
        let limit = self.limits.event_bytes;
        if self.held_bytes() + part.len() > limit {
            return Err(SseLimitExceeded::Event { limit });
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn held_bytes(&self) -> usize {
        let SseEvent { event, data, id, .. } = &self.block.event;
        self.line.len() + data.len() + [event, id].into_iter().flatten().map(String::len).sum::<usize>()
    }

    /// Keeps the line's buffer for the next line, unless one long line has made it large.
    fn recycle(&mut self, mut line: Vec<u8>) {
        const ORDINARY: usize = 64 * 1024;
        if line.capacity() <= ORDINARY {
            line.clear();
            self.line = line;
        }
    }

    /// A blank line ends the block; any other line is a field or a comment.
    fn end_line(&mut self, mut line: &[u8]) -> Option<SseEvent> {
        if std::mem::take(&mut self.at_first_line) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_block();
        }
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        self.field(name, value.strip_prefix(b" ").unwrap_or(value));
        None
    }

    /// A comment is a field without a name, and unknown like others.
    fn field(&mut self, name: &[u8], value: &[u8]) {
        let event = &mut self.block.event;
        match name {
            b"data" => {
                if std::mem::replace(&mut self.block.has_data, true) {
                    event.data.push('\n');
                }
                event.data.push_str(&String::from_utf8_lossy(value));
            }
            b"event" => event.event = Some(text(value)).filter(|name| !name.is_empty()),
            b"id" if !value.contains(&0) => event.id = Some(text(value)),
            b"retry" => {
                if let Some(milliseconds) = milliseconds(value) {
                    event.retry = Some(milliseconds);
                    self.reconnection_time = Some(Duration::from_millis(milliseconds));
                }
            }
            _ => {}
        }
    }

    fn end_block(&mut self) -> Option<SseEvent> {
        let Block { event, has_data } = std::mem::take(&mut self.block);
        if let Some(id) = &event.id {
            self.last_event_id.clone_from(id);
        }
        has_data.then_some(event)
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// ASCII digits and nothing else, as the standard asks.
fn milliseconds(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
