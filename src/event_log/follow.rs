//! The read loop of one subscriber: subscribe, read after the cursor until nothing is left, follow live.
//! Must not keep a queue for a subscriber: a subscriber is a cursor, and whatever it missed it reads again.

use async_stream::stream;
use futures_util::Stream;

use super::EventLog;
use crate::event::{Seq, Subject};
use crate::hub::{Frame, Heard};

impl EventLog {
    /// Every event of the subject after the cursor, once and in order, at whatever speed it is read.
    ///
    /// Neighbouring deltas that were there before arrive joined. The stream of a job ends after its last event if
    /// that is terminal; that of a brand does not end. Either ends early if the database stays away for minutes; the
    /// reader then comes back with its cursor.
    pub fn follow(&self, subject: Subject, cursor: Seq) -> impl Stream<Item = Frame> + Send + use<> {
        let log = self.clone();
        stream! {
            let mut cursor = cursor;
            let mut live = log.subscribe(subject, cursor);
            let mut over = false;
            loop {
                // Replay: whatever lies after the cursor, in memory or in the store.
                loop {
                    let Some(frames) = log.read_after(subject, cursor).await else { return };
                    if frames.is_empty() {
                        break;
                    }
                    for frame in frames {
                        (cursor, over) = (frame.seq, frame.terminal);
                        yield frame;
                    }
                }
                if over {
                    return;
                }
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
}
