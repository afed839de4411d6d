//! What a stand-in can be told to do with a call: the script's vocabulary.
//! It must not know any of the three APIs.

use axum::body::Bytes;
use serde_json::Value;
use tokio::sync::watch;

/// How a stand-in treats one call.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
    /// Answers as the real API would.
    #[default]
    Normal,
    /// Streams `events` events as `Normal` does, then is silent until the gate opens, then goes on.
    HoldAfter {
        /// How many events come before the silence; with 0 only the response head does. Comments do not count.
        events: usize,
        /// Ends the silence.
        gate: Gate,
    },
    /// Answers with this and nothing else; `Content-Type` is `application/json` unless `headers` says otherwise.
    Status {
        /// The HTTP status.
        status: u16,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The whole body.
        body: Bytes,
    },
    /// Writes these chunks as given, each one flushed by itself, then ends as told. No header is added.
    Raw {
        /// The HTTP status.
        status: u16,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The body, one chunk of the chunked encoding each; an empty one is left out, since it would end the body.
        chunks: Vec<Bytes>,
        /// What comes after the last chunk.
        ending: Ending,
    },
}

impl Behaviour {
    /// A JSON answer with this status and no further headers.
    pub fn status(status: u16, body: &Value) -> Behaviour {
        Behaviour::Status { status, headers: Vec::new(), body: Bytes::from(body.to_string()) }
    }

    /// A 200 `text/event-stream` of exactly these chunks.
    pub fn event_stream(chunks: Vec<Bytes>, ending: Ending) -> Behaviour {
        let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
        Behaviour::Raw { status: 200, headers, chunks, ending }
    }
}

/// How a raw body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The body ends in order.
    Close,
    /// The connection is closed (FIN) without the end of the body.
    Abort,
    /// The connection is reset (RST).
    Reset,
    /// Silence, until the caller leaves or the stand-in is dropped.
    Hang,
}

/// The point at which a held response waits; clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    open: watch::Sender<bool>,
    arrivals: watch::Sender<usize>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Gate {
        Gate { open: watch::Sender::new(false), arrivals: watch::Sender::new(0) }
    }

    /// Lets every response waiting here go on, and those that will arrive later.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Returns once a response has arrived here and everything before the hold has been handed to its socket.
    /// There is no bound: the caller puts a deadline around it.
    pub async fn reached(&self) {
        self.reached_times(1).await;
    }

    /// Returns once `times` responses have arrived here; like [`Gate::reached`] without a bound.
    pub async fn reached_times(&self, times: usize) {
        // The channel cannot close: `self` holds its sender.
        let _ = self.arrivals.subscribe().wait_for(|arrivals| *arrivals >= times).await;
    }

    /// Arrives, and waits until the gate is open. Bounded by the connection: the caller of the API may leave at any time.
    pub(super) async fn pass(&self) {
        self.arrivals.send_modify(|arrivals| *arrivals += 1);
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_gate_holds_until_opened_and_tells_that_it_was_reached() {
        let gate = Gate::new();
        assert!(gate.reached().now_or_never().is_none(), "nobody has arrived");
        let mut passing = Box::pin(gate.pass());
        assert!(passing.as_mut().now_or_never().is_none(), "the gate is closed");
        assert!(gate.reached().now_or_never().is_some());
        assert!(gate.reached_times(2).now_or_never().is_none(), "only one has arrived");
        gate.clone().open();
        assert!(passing.now_or_never().is_some(), "a clone opens the same gate");
        assert!(gate.pass().now_or_never().is_some(), "an open gate stays open");
    }
}
