//! Readers of event streams: thousands of sockets on one epoll loop of one thread.
//! Must not wait without a bound, and must not do more for an event than to find its mark.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::histogram::Histogram;
use super::lines::{CursorFrom, Lines};
use super::response::Response;
use super::tally::{Arrival, Faults, Tally};
use crate::{Outcome, clock};

/// How long one turn of the loop waits where nothing happens.
const TURN: Duration = Duration::from_millis(20);

/// A read of less than this has emptied the socket.
const READ_SIZE: usize = 256 * 1024;

/// A stream that is wanted.
#[derive(Clone)]
pub struct Wanted {
    /// The server.
    pub address: SocketAddr,
    /// The whole request.
    pub request: Vec<u8>,
    /// Where the stream says from which position it is resumed.
    pub cursor_from: CursorFrom,
    /// The number of the first event that it is to see.
    pub first: u32,
}

/// What all readers have seen since they were last asked.
#[derive(Default)]
pub struct Seen {
    /// Events, each counted once.
    pub delivered: u64,
    /// Bytes, with everything that HTTP adds.
    pub bytes: u64,
    /// From when each event was due until its reader had it.
    pub latency: Histogram,
    /// When the last event was read, by the generator's clock.
    pub last: u64,
    /// What went wrong.
    pub faults: Faults,
    /// What went wrong first, in words.
    pub first_fault: Option<String>,
}

impl Seen {
    fn fault(&mut self, words: impl FnOnce() -> String) {
        self.first_fault.get_or_insert_with(words);
    }
}

/// Many readers.
pub struct Readers {
    poll: Poll,
    events: Events,
    buffer: Box<[u8]>,
    streams: Vec<Stream>,
    /// How many are connected, and how many have had the head of their answer.
    connected: usize,
    open: usize,
    /// Whether requests wait for [`Readers::release`].
    held: bool,
    seen: Seen,
}

struct Stream {
    wanted: Wanted,
    socket: Option<TcpStream>,
    is_connected: bool,
    sent: bool,
    is_open: bool,
    response: Response,
    lines: Lines,
    tally: Tally,
}

impl Readers {
    /// No readers yet.
    pub fn new() -> Outcome<Readers> {
        Ok(Readers {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            buffer: vec![0; READ_SIZE].into(),
            streams: Vec::new(),
            connected: 0,
            open: 0,
            held: false,
            seen: Seen::default(),
        })
    }

    /// Opens these streams, so many at a time; each has had the head of its answer when this returns.
    ///
    /// # Errors
    /// When one is refused, or not all are open in time.
    pub fn open(&mut self, wanted: Vec<Wanted>, at_once: usize, patience: Duration) -> Outcome<()> {
        let from = self.streams.len();
        self.streams.extend(wanted.into_iter().map(Stream::new));
        self.connect_from(from, at_once, patience)
    }

    /// Connects these streams, and keeps their requests back until [`Readers::release`].
    ///
    /// # Errors
    /// When not all are connected in time.
    pub fn connect_all(&mut self, wanted: Vec<Wanted>, at_once: usize, patience: Duration) -> Outcome<()> {
        self.held = true;
        self.open(wanted, at_once, patience)
    }

    /// Sends all requests that were kept back.
    pub fn release(&mut self) {
        self.held = false;
        for stream in self.streams.iter_mut().filter(|stream| !stream.sent) {
            stream.send(&mut self.seen);
        }
    }

    /// Cuts all connections at once.
    pub fn cut(&mut self) {
        for stream in &mut self.streams {
            if let Some(socket) = stream.socket.take() {
                // A reset, so that neither side keeps the address for a minute.
                let _ = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
            }
            stream.is_open = false;
        }
        (self.connected, self.open) = (0, 0);
    }

    /// Opens all streams again after a cut, each as it is wanted now.
    ///
    /// # Errors
    /// As [`Readers::open`].
    pub fn come_back(&mut self, wanted: Vec<Wanted>, at_once: usize, patience: Duration) -> Outcome<()> {
        self.streams = wanted.into_iter().map(Stream::new).collect();
        self.connect_from(0, at_once, patience)
    }

    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// From where the first stream would be resumed now.
    pub fn cursor(&self) -> Option<String> {
        self.streams.first().map(|stream| stream.lines.cursor())
    }

    /// What was seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// What was seen since this was last called. Losses are known only to [`Readers::lost`].
    pub fn take_seen(&mut self) -> Seen {
        std::mem::take(&mut self.seen)
    }

    /// How many events below this number have not come, over all readers.
    pub fn lost(&self, end: u32) -> u64 {
        self.streams.iter().map(|stream| stream.tally.lost(end)).sum()
    }

    /// Reads until this holds of what was seen; false where it does not within that time.
    pub fn until(&mut self, patience: Duration, done: impl Fn(&Seen) -> bool) -> Outcome<bool> {
        let deadline = Instant::now() + patience;
        while !done(&self.seen) {
            if Instant::now() > deadline {
                return Ok(false);
            }
            self.turn(TURN)?;
        }
        Ok(true)
    }

    /// Reads for so long, whatever comes.
    pub fn idle(&mut self, time: Duration) -> Outcome<()> {
        self.until(time, |_| false)?;
        Ok(())
    }

    fn connect_from(&mut self, from: usize, at_once: usize, patience: Duration) -> Outcome<()> {
        let deadline = Instant::now() + patience;
        let count = |readers: &Readers| if readers.held { readers.connected } else { readers.open };
        let (wanted, already) = (self.streams.len() - from, count(self));
        let mut begun = 0;
        loop {
            let done = count(self) - already;
            while begun < wanted && begun - done.min(begun) < at_once {
                self.connect(from + begun)?;
                begun += 1;
            }
            if done >= wanted {
                return Ok(());
            }
            if self.seen.faults.broken > 0 || Instant::now() > deadline {
                let why = self.seen.first_fault.as_deref().unwrap_or("no answer in time");
                return Err(format!("{done} of {wanted} streams could be opened: {why}").into());
            }
            self.turn(TURN)?;
        }
    }

    fn connect(&mut self, index: usize) -> Outcome<()> {
        let stream = &mut self.streams[index];
        let mut socket = TcpStream::connect(stream.wanted.address)?;
        self.poll.registry().register(&mut socket, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        stream.socket = Some(socket);
        Ok(())
    }

    fn turn(&mut self, patience: Duration) -> Outcome<()> {
        if let Err(error) = self.poll.poll(&mut self.events, Some(patience)) {
            return if error.kind() == ErrorKind::Interrupted { Ok(()) } else { Err(error.into()) };
        }
        for event in &self.events {
            let stream = &mut self.streams[event.token().0];
            if !stream.sent && (event.is_writable() || event.is_error()) {
                self.connected += usize::from(!stream.is_connected);
                stream.is_connected = true;
                if !self.held {
                    stream.send(&mut self.seen);
                }
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                let was_open = stream.is_open;
                stream.read(&mut self.buffer, event.is_read_closed() || event.is_error(), &mut self.seen);
                self.open += usize::from(stream.is_open && !was_open);
            }
        }
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Stream {
    fn new(wanted: Wanted) -> Stream {
        let (lines, tally) = (Lines::new(wanted.cursor_from), Tally::from(wanted.first));
        let response = Response::default();
        Stream { wanted, socket: None, is_connected: false, sent: false, is_open: false, response, lines, tally }
    }

    fn send(&mut self, seen: &mut Seen) {
        let Some(socket) = &mut self.socket else { return };
        match socket.write(&self.wanted.request) {
            // A fresh socket takes a request of some hundred bytes whole.
            Ok(length) if length == self.wanted.request.len() => {
                self.sent = true;
                self.wanted.request = Vec::new();
            }
            Ok(_) => self.breaks(seen, || "a request was not taken whole".to_owned()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            Err(error) => self.breaks(seen, || format!("could not send a request: {error}")),
        }
    }

    /// Reads all that is there. Readiness is told once for each change, so a socket that was not emptied has to be read
    /// again; one that was closed has to be read to its end.
    fn read(&mut self, buffer: &mut [u8], closed: bool, seen: &mut Seen) {
        loop {
            let Some(socket) = &mut self.socket else { return };
            let length = match socket.read(buffer) {
                Ok(0) => {
                    let words =
                        if self.is_open { "a stream ended" } else { "a connection was closed without an answer" };
                    return self.breaks(seen, || words.to_owned());
                }
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.breaks(seen, || format!("a stream broke off: {error}")),
            };
            seen.bytes += length as u64;
            if let Err(error) = self.take(&buffer[..length], seen) {
                return self.breaks(seen, || error.to_string());
            }
            if length < buffer.len() && !closed {
                return;
            }
        }
    }

    fn take(&mut self, bytes: &[u8], seen: &mut Seen) -> Outcome<()> {
        let now = clock::now();
        let (lines, tally) = (&mut self.lines, &mut self.tally);
        self.response.feed(bytes, &mut |body| {
            lines.feed(body, &mut |mark| match tally.saw(mark.number) {
                Arrival::Again => {
                    seen.faults.doubled += 1;
                    seen.fault(|| format!("event {} came again", mark.number));
                }
                arrival => {
                    seen.delivered += 1;
                    seen.latency.push(now.saturating_sub(mark.due));
                    seen.last = now;
                    if arrival == Arrival::OutOfOrder {
                        seen.faults.reordered += 1;
                        seen.fault(|| format!("event {} came after a later one", mark.number));
                    }
                }
            });
        })?;
        match self.response.status() {
            0 => {}
            200 => self.is_open = true,
            _ => return Err(format!("a stream was refused: {}", self.response.head()).into()),
        }
        match self.lines.is_broken() {
            true => Err("a line of a stream is too long".into()),
            false => Ok(()),
        }
    }

    fn breaks(&mut self, seen: &mut Seen, why: impl FnOnce() -> String) {
        self.socket = None;
        seen.faults.broken += 1;
        seen.fault(why);
    }
}
