//! The lines of an event stream as they arrive, cut anywhere: the ids, and the marks that events carry.
//! Must not know which events are expected; `tally` does.

use memchr::{memchr, memmem};

/// Stands in front of a mark: when the event was due and its number in its channel, as `due=MICROSECONDS+NUMBER;`.
///
/// An event may hold several where a server joins what was published in one after another.
const MARK: &[u8] = b"due=";

/// The product's first frame, whose data shows the job as the last event left it, mark and all.
const STATE: &[u8] = b"sync";

/// A line of more bytes is none that a server here could be meant to send.
const LINE_LIMIT: usize = 64 * 1024;

/// The longest id that a server here gives an event.
const ID_LIMIT: usize = 47;

/// What an event says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When the event should have been sent, by the generator's clock, in microseconds.
    pub due: u64,
    /// Its number in its channel.
    pub number: u32,
}

/// The text that an event carries.
pub fn mark(due: u64, number: u32) -> String {
    format!("due={due}+{number};")
}

/// Where a stream says from which position it is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorFrom {
    /// The id of the last whole event.
    Id,
    /// `streamNextOffset` in the last control event of the durable-streams protocol.
    ControlEvent,
}

/// How far a stream's lines have been read.
pub struct Lines {
    /// The beginning of a line that has not ended yet.
    partial: Vec<u8>,
    cursor_from: CursorFrom,
    /// The cursor of the last whole event.
    cursor: Cursor,
    /// The same once the event under way is whole.
    next_cursor: Cursor,
    /// Whether the event under way tells of others: a state that shows the last event is not that event.
    is_state: bool,
    too_long: bool,
}

#[derive(Clone, Copy)]
struct Cursor {
    length: u8,
    bytes: [u8; ID_LIMIT],
}

impl Lines {
    /// The lines of a stream that is just beginning.
    pub fn new(cursor_from: CursorFrom) -> Lines {
        let none = Cursor { length: 0, bytes: [0; ID_LIMIT] };
        Lines { partial: Vec::new(), cursor_from, cursor: none, next_cursor: none, is_state: false, too_long: false }
    }

    /// From where the stream would be resumed now; empty before the first whole event that says it.
    pub fn cursor(&self) -> String {
        String::from_utf8_lossy(&self.cursor.bytes[..usize::from(self.cursor.length)]).into_owned()
    }

    /// Whether a line, or an id, was longer than any should be; nothing after it was read.
    pub fn is_broken(&self) -> bool {
        self.too_long
    }

    /// Reads what has arrived; each mark in a line of data is handed on.
    pub fn feed(&mut self, mut bytes: &[u8], seen: &mut impl FnMut(Mark)) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.partial.is_empty() {
                self.line(line, seen);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, seen);
                // Kept for the next line that is cut: allocating anew would be a cost of the generator's own.
                whole.clear();
                self.partial = whole;
            }
            bytes = rest;
        }
        if self.partial.len() + bytes.len() > LINE_LIMIT {
            self.too_long = true;
            return;
        }
        self.partial.extend_from_slice(bytes);
    }

    fn line(&mut self, line: &[u8], seen: &mut impl FnMut(Mark)) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            // The event is whole, and with it its id.
            self.cursor = self.next_cursor;
            self.is_state = false;
        } else if let Some(name) = line.strip_prefix(b"event:") {
            self.is_state = name.strip_prefix(b" ").unwrap_or(name) == STATE;
        } else if let Some(data) = line.strip_prefix(b"data:") {
            if !self.is_state {
                marks(data, seen);
            }
            if self.cursor_from == CursorFrom::ControlEvent {
                self.next_offset(data);
            }
        } else if let Some(id) = line.strip_prefix(b"id:")
            && self.cursor_from == CursorFrom::Id
        {
            self.go_to(id.strip_prefix(b" ").unwrap_or(id));
        }
    }

    fn next_offset(&mut self, data: &[u8]) {
        const NAME: &[u8] = b"\"streamNextOffset\":\"";
        if let Some(at) = memmem::find(data, NAME) {
            let rest = &data[at + NAME.len()..];
            self.go_to(&rest[..memchr(b'"', rest).unwrap_or(rest.len())]);
        }
    }

    fn go_to(&mut self, id: &[u8]) {
        let cursor = &mut self.next_cursor;
        match cursor.bytes.get_mut(..id.len()) {
            Some(place) => {
                place.copy_from_slice(id);
                cursor.length = id.len() as u8;
            }
            None => self.too_long = true,
        }
    }
}

fn marks(mut data: &[u8], seen: &mut impl FnMut(Mark)) {
    while let Some(at) = memmem::find(data, MARK) {
        data = &data[at + MARK.len()..];
        if let Some(mark) = read_mark(data) {
            seen(mark);
        }
    }
}

fn read_mark(text: &[u8]) -> Option<Mark> {
    let (due, rest) = number(text, b'+')?;
    let (number, _) = number(rest, b';')?;
    Some(Mark { due, number: u32::try_from(number).ok()? })
}

/// A number up to its last byte, and what follows.
fn number(text: &[u8], last: u8) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in text.iter().enumerate().take(20) {
        match byte {
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            byte if *byte == last && at > 0 => return Some((value, &text[at + 1..])),
            _ => return None,
        }
    }
    None
}

/// The first mark in a text that is no stream.
pub fn mark_in(text: &str) -> Option<Mark> {
    let mut first = None;
    marks(text.as_bytes(), &mut |mark| {
        first.get_or_insert(mark);
    });
    first
}
