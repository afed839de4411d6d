//! The one read loop of every subscriber: subscribe, read the store after the cursor until it is empty, follow live.
//! Must not keep a queue for a subscriber: a subscriber is a cursor, and whatever it missed it reads again.

use std::time::Duration;

use async_stream::stream;
use futures_util::Stream;

use super::writer::render;
use super::{EventLog, PAGE};
use crate::event::{Event, Seq, Subject, merge_deltas};
use crate::hub::{Frame, Heard, Subscription};
use crate::meter;

/// The pauses between tries while the database does not answer, and how many tries there are (about five minutes).
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const TRIES: u32 = 60;

impl EventLog {
    /// Every event of the subject after the cursor, once and in order, at whatever speed it is read.
    ///
    /// Neighbouring deltas that are read from the store arrive merged. The stream of a job ends after its last event if
    /// that is terminal; that of a brand does not end. Either ends early if the database stays away for minutes; the
    /// reader then comes back with its cursor.
    pub fn follow(&self, subject: Subject, cursor: Seq) -> impl Stream<Item = Frame> + Send + use<> {
        let log = self.clone();
        stream! {
            let mut cursor = cursor;
            let mut live = log.hub.subscribe(subject, cursor);
            let mut over = false;
            loop {
                // Replay: whatever is stored after the cursor.
                loop {
                    let Some(events) = log.read_page(subject, cursor).await else { return };
                    if events.is_empty() {
                        break;
                    }
                    meter::replayed(events.len());
                    for event in events {
                        let frame = render(&event, subject);
                        (cursor, over) = (frame.seq, frame.terminal);
                        yield frame;
                    }
                }
                if over {
                    return;
                }
                live.caught_up(cursor);
                // Follow: live events, until one is terminal or something may be missing.
                while !over {
                    match live.hear().await {
                        Heard::Frame(frame) if frame.seq <= cursor => {}
                        Heard::Frame(frame) if frame.seq == cursor + 1 => {
                            (cursor, over) = (frame.seq, frame.terminal);
                            yield frame;
                        }
                        Heard::Frame(_) | Heard::Doubt => break,
                    }
                }
            }
        }
    }

    /// Hears the subject from now on. The subscriber has what lies up to `cursor`.
    pub fn subscribe(&self, subject: Subject, cursor: Seq) -> Subscription {
        self.hub.subscribe(subject, cursor)
    }

    /// The next page of frames after the cursor; empty when there is nothing more, `None` if the database stays away.
    pub async fn read_after(&self, subject: Subject, cursor: Seq) -> Option<Vec<Frame>> {
        let events = self.read_page(subject, cursor).await?;
        meter::replayed(events.len());
        Some(events.iter().map(|event| render(event, subject)).collect())
    }

    /// The next page, its deltas merged; `None` if the database stays away.
    async fn read_page(&self, subject: Subject, cursor: Seq) -> Option<Vec<Event>> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..TRIES {
            // In a task, which ends whether or not the reader goes on reading: a reader whose socket is full is not
            // polled, and would hold its database connection for as long as it likes.
            let store = self.store.clone();
            let read = tokio::spawn(async move { store.events_after(subject, cursor, PAGE).await });
            match read.await {
                Ok(Ok(events)) => return Some(merge_deltas(events)),
                Ok(Err(error)) => {
                    tracing::warn!(%error, ?subject, cursor, "could not read events; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(_) => return None,
            }
        }
        None
    }
}
