//! Live fan-out: one tokio broadcast channel per watched job (or brand), in a DashMap.
//! Must not read or write storage; what it carries is a hint, and losing all of it loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

use crate::event::{Seq, Subject};
use crate::meter::{self, Lag};

/// How many signals a subscriber may be behind before it is sent back to the store.
///
/// A channel reserves its slots when it is made, so this is memory per watched job (about 64 bytes a slot).
const CAPACITY: usize = 64;

/// A cheap handle to all channels.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    channels: Arc<DashMap<Subject, Channel>>,
}

#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<Signal>,
    /// The position that this process is known to have shown; what lies after it may be news from elsewhere.
    reached: AtomicI64,
}

/// A committed event, rendered once for all subscribers.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The event's position among those of the subject.
    pub seq: Seq,
    /// Its bytes in a `text/event-stream`.
    pub bytes: Bytes,
    /// Whether the subject was over with it.
    pub terminal: bool,
    /// Since when a viewer could have it, if this process has just committed it.
    pub lag: Option<Lag>,
}

#[derive(Debug, Clone)]
enum Signal {
    Committed(Frame),
    Changed,
}

/// What a subscriber hears.
#[derive(Debug)]
pub enum Heard {
    /// This event was committed.
    Frame(Frame),
    /// Something may have been missed: read the store.
    Doubt,
}

impl Hub {
    /// Hears everything that is published for this subject from now on. The subscriber has what lies up to `cursor`.
    pub fn subscribe(&self, subject: Subject, cursor: Seq) -> Subscription {
        let receiver = match self.channels.entry(subject) {
            Entry::Occupied(channel) => channel.get().sender.subscribe(),
            Entry::Vacant(vacant) => {
                let (sender, receiver) = broadcast::channel(CAPACITY);
                vacant.insert(Channel { sender, reached: AtomicI64::new(cursor) });
                receiver
            }
        };
        Subscription { subject, receiver: Some(receiver), hub: self.clone() }
    }

    /// Whether anybody watches this subject, so that rendering a frame is worth it.
    pub fn is_watched(&self, subject: Subject) -> bool {
        self.channels.contains_key(&subject)
    }

    /// The position that this process is known to have shown of a subject; nothing if nobody watches it.
    pub fn reached(&self, subject: Subject) -> Option<Seq> {
        Some(self.channels.get(&subject)?.reached.load(Ordering::Relaxed))
    }

    /// Hands a committed event to all who watch its subject.
    pub fn publish(&self, subject: Subject, frame: Frame) {
        if let Some(channel) = self.channels.get(&subject) {
            channel.reached.fetch_max(frame.seq, Ordering::Relaxed);
            // It fails only while the last subscriber is leaving.
            let _ = channel.sender.send(Signal::Committed(frame));
        }
    }

    /// Tells all who watch the subject to read the store, where it is not known what they missed.
    pub fn publish_doubt(&self, subject: Subject) {
        if let Some(channel) = self.channels.get(&subject) {
            let _ = channel.sender.send(Signal::Changed);
        }
    }

    /// All that is watched.
    pub fn watched(&self) -> Vec<Subject> {
        self.channels.iter().map(|channel| *channel.key()).collect()
    }
}

/// One reader of a subject's channel; the channel goes with its last reader.
#[derive(Debug)]
pub struct Subscription {
    subject: Subject,
    /// Taken only by `drop`.
    receiver: Option<broadcast::Receiver<Signal>>,
    hub: Hub,
}

impl Subscription {
    /// The next thing heard. Lag is a doubt, not an error.
    pub async fn hear(&mut self) -> Heard {
        let Some(receiver) = self.receiver.as_mut() else { return Heard::Doubt };
        match receiver.recv().await {
            Ok(Signal::Committed(frame)) => Heard::Frame(frame),
            Ok(Signal::Changed) | Err(RecvError::Closed) => Heard::Doubt,
            Err(RecvError::Lagged(_)) => {
                meter::lagged();
                Heard::Doubt
            }
        }
    }

    /// The next thing heard, if there is one already.
    pub fn try_hear(&mut self) -> Option<Heard> {
        match self.receiver.as_mut()?.try_recv() {
            Ok(Signal::Committed(frame)) => Some(Heard::Frame(frame)),
            Ok(Signal::Changed) => Some(Heard::Doubt),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
            Err(TryRecvError::Lagged(_)) => {
                meter::lagged();
                Some(Heard::Doubt)
            }
        }
    }

    /// What it hears of.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Says that the reader has what the store held up to here.
    pub fn caught_up(&self, cursor: Seq) {
        if let Some(channel) = self.hub.channels.get(&self.subject) {
            channel.reached.fetch_max(cursor, Ordering::Relaxed);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.receiver.take();
        // Under the shard's lock, so that nobody subscribes between the count and the removal.
        self.hub.channels.remove_if(&self.subject, |_, channel| channel.sender.receiver_count() == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::JobId;

    fn frame(seq: Seq) -> Frame {
        Frame { seq, bytes: Bytes::from_static(b"data: x\n\n"), terminal: false, lag: None }
    }

    #[tokio::test]
    async fn every_subscriber_hears_each_frame_and_the_channel_goes_with_the_last() {
        let (hub, subject) = (Hub::default(), Subject::Job(JobId::new()));
        hub.publish(subject, frame(1));
        let (mut first, mut second) = (hub.subscribe(subject, 0), hub.subscribe(subject, 0));
        hub.publish(subject, frame(2));
        for subscription in [&mut first, &mut second] {
            assert!(matches!(subscription.hear().await, Heard::Frame(Frame { seq: 2, .. })));
        }
        drop(first);
        assert!(hub.is_watched(subject));
        drop(second);
        assert_eq!(hub.watched(), []);
    }

    #[tokio::test]
    async fn a_reader_that_lags_is_told_to_doubt_and_goes_on() {
        let (hub, subject) = (Hub::default(), Subject::Job(JobId::new()));
        let mut slow = hub.subscribe(subject, 0);
        let last = CAPACITY as Seq + 5;
        for seq in 1..=last {
            hub.publish(subject, frame(seq));
        }
        assert!(matches!(slow.hear().await, Heard::Doubt));
        assert!(matches!(slow.hear().await, Heard::Frame(Frame { seq: 6, .. })));
    }

    #[test]
    fn what_was_shown_only_grows() {
        let (hub, subject) = (Hub::default(), Subject::Job(JobId::new()));
        assert_eq!(hub.reached(subject), None);
        let watching = hub.subscribe(subject, 4);
        assert_eq!(hub.reached(subject), Some(4));
        watching.caught_up(9);
        hub.publish(subject, frame(7));
        assert_eq!(hub.reached(subject), Some(9));
        hub.publish(subject, frame(10));
        assert_eq!(hub.reached(subject), Some(10));
    }
}
