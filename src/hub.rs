//! Live fan-out: one tokio broadcast channel per watched job, in a DashMap.
//! Must not read or write storage; what it carries is a hint, and losing all of it loses nothing.

use std::sync::Arc;

use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::event::Seq;
use crate::job::JobId;

/// How many signals a subscriber may be behind before it is sent back to the store.
///
/// A channel reserves its slots when it is made, so this is memory per watched job (about 56 bytes a slot).
const CAPACITY: usize = 64;

/// A cheap handle to all channels.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    channels: Arc<DashMap<JobId, broadcast::Sender<Signal>>>,
}

/// A committed event, rendered once for all subscribers.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The event's position.
    pub seq: Seq,
    /// Its bytes in a `text/event-stream`.
    pub bytes: Bytes,
    /// Whether the job was over with it.
    pub terminal: bool,
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
    /// Hears everything that is published for this job from now on.
    pub fn subscribe(&self, job_id: JobId) -> Subscription {
        let receiver = match self.channels.entry(job_id) {
            Entry::Occupied(channel) => channel.get().subscribe(),
            Entry::Vacant(vacant) => {
                let (sender, receiver) = broadcast::channel(CAPACITY);
                vacant.insert(sender);
                receiver
            }
        };
        Subscription { job_id, receiver: Some(receiver), hub: self.clone() }
    }

    /// Whether anybody watches this job, so that rendering a frame is worth it.
    pub fn is_watched(&self, job_id: JobId) -> bool {
        self.channels.contains_key(&job_id)
    }

    /// Hands a committed event to all who watch its job.
    pub fn publish(&self, job_id: JobId, frame: Frame) {
        self.send(job_id, Signal::Committed(frame));
    }

    /// Tells all who watch the job to read the store, where it is not known what they missed.
    pub fn publish_doubt(&self, job_id: JobId) {
        self.send(job_id, Signal::Changed);
    }

    /// How many jobs are watched.
    pub fn watched_jobs(&self) -> usize {
        self.channels.len()
    }

    fn send(&self, job_id: JobId, signal: Signal) {
        if let Some(channel) = self.channels.get(&job_id) {
            // It fails only while the last subscriber is leaving.
            let _ = channel.send(signal);
        }
    }
}

/// One reader of a job's channel; the channel goes with its last reader.
#[derive(Debug)]
pub struct Subscription {
    job_id: JobId,
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
            Ok(Signal::Changed) | Err(RecvError::Lagged(_) | RecvError::Closed) => Heard::Doubt,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.receiver.take();
        // Under the shard's lock, so that nobody subscribes between the count and the removal.
        self.hub.channels.remove_if(&self.job_id, |_, channel| channel.receiver_count() == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seq: Seq) -> Frame {
        Frame { seq, bytes: Bytes::from_static(b"data: x\n\n"), terminal: false }
    }

    #[tokio::test]
    async fn every_subscriber_hears_each_frame_and_the_channel_goes_with_the_last() {
        let (hub, job_id) = (Hub::default(), JobId::new());
        hub.publish(job_id, frame(1));
        let (mut first, mut second) = (hub.subscribe(job_id), hub.subscribe(job_id));
        hub.publish(job_id, frame(2));
        for subscription in [&mut first, &mut second] {
            assert!(matches!(subscription.hear().await, Heard::Frame(Frame { seq: 2, .. })));
        }
        drop(first);
        assert!(hub.is_watched(job_id));
        drop(second);
        assert_eq!(hub.watched_jobs(), 0);
    }

    #[tokio::test]
    async fn a_reader_that_lags_is_told_to_doubt_and_goes_on() {
        let (hub, job_id) = (Hub::default(), JobId::new());
        let mut slow = hub.subscribe(job_id);
        let last = CAPACITY as Seq + 5;
        for seq in 1..=last {
            hub.publish(job_id, frame(seq));
        }
        assert!(matches!(slow.hear().await, Heard::Doubt));
        assert!(matches!(slow.hear().await, Heard::Frame(Frame { seq: 6, .. })));
    }
}
