//! Reads what lies after a cursor: from memory where the last frames are known, else from the store, together with all
//! who need the same.
//! Must not hold a lock while it reads, or believe memory where only the store can know.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::shared_read::SharedReads;
use super::writer::render;
use super::{EventLog, PAGE};
use crate::event::{Seq, Subject};
use crate::hub::{Frame, Heard, Hub, Look, Recent, Subscription};
use crate::meter::{self, ReplayedFrom};
use crate::store::{Store, StoreError};

/// The pauses between tries while the database does not answer, and how many tries there are (about five minutes).
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const TRIES: u32 = 60;

/// Reads of older events begin at multiples of this, so that readers with near cursors share them.
const BLOCK: Seq = PAGE as Seq;

/// What several readers read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// The last events, which are kept in memory: one read of a subject at a time.
    Last,
    /// Older ones, after this position.
    After(Seq),
}

/// What was read.
type Page = Result<Arc<Mutex<Stored>>, StoreError>;

/// The reads of all subscribers.
#[derive(Clone, Default)]
pub(super) struct Reads {
    pages: SharedReads<(Subject, Part), Page>,
    /// Whether anything follows an event that was the last.
    ends: SharedReads<(Subject, Seq), Page>,
}

/// Events that were stored when they were read.
#[derive(Debug)]
pub(super) struct Stored {
    frames: Recent,
    /// Whether nothing was stored behind them.
    at_end: bool,
}

/// Which events to read.
#[derive(Debug, Clone, Copy)]
struct Span {
    part: Part,
    after: Seq,
    limit: u32,
}

impl EventLog {
    /// Hears the subject from now on. The subscriber has what lies up to `cursor`.
    pub fn subscribe(&self, subject: Subject, cursor: Seq) -> Subscription {
        self.hub.subscribe(subject, cursor)
    }

    /// The last position of a subject that is watched here, as far as this process can know; nothing if it does not.
    pub(crate) fn end(&self, subject: Subject) -> Option<Seq> {
        self.hub.end(subject)
    }

    /// Notes that the store has an event at this position, which need not have been heard of here.
    pub(crate) fn is_stored(&self, subject: Subject, seq: Seq) {
        self.hub.is_stored(subject, seq);
    }

    /// The next page of frames after the cursor, at most 256, neighbouring deltas joined; empty when there is nothing more
    /// as far as this process can know, `None` if the database stays away for minutes.
    ///
    /// To be called by who has subscribed: what is committed from then on is heard. That nothing follows a terminal event
    /// is known from a read of the store that began after the call, unless no other instance can write.
    pub async fn read_after(&self, subject: Subject, cursor: Seq) -> Option<Vec<Frame>> {
        let (mut pause, mut tries) = (FIRST_PAUSE, 0);
        loop {
            let read = match self.known_after(subject, cursor, PAGE as usize) {
                Ok(frames) => {
                    meter::replayed(ReplayedFrom::Memory, frames.len());
                    return Some(frames);
                }
                Err(Look::End { .. }) => self.read_end(subject, cursor).await,
                Err(look) => self.read_page(subject, cursor, Span::of(look, cursor)).await,
            };
            match read? {
                Ok(Some(frames)) => return Some(frames),
                // Another reader's read; by now more is known.
                Ok(None) => {}
                Err(_) => {
                    tries += 1;
                    if tries == TRIES {
                        return None;
                    }
                    self.pause(subject, cursor, pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The same, of at most `limit` frames, as far as it is known without a read: `None` where it is not. Whoever sends them
    /// counts them.
    pub(crate) fn look_after(&self, subject: Subject, cursor: Seq, limit: usize) -> Option<Vec<Frame>> {
        self.known_after(subject, cursor, limit).ok()
    }

    /// # Errors
    /// What memory says where that is not enough.
    fn known_after(&self, subject: Subject, cursor: Seq, limit: usize) -> Result<Vec<Frame>, Look> {
        match self.hub.look(subject, cursor, limit) {
            Look::Frames(frames) => Ok(frames),
            Look::End { over } if !over || !self.store.is_shared() => Ok(Vec::new()),
            look => Err(look),
        }
    }

    /// Waits for so long, or until an event of the subject is published: then the store works again.
    pub(super) async fn pause(&self, subject: Subject, cursor: Seq, pause: Duration) {
        let mut live = self.hub.subscribe(subject, cursor);
        let published = async { while !matches!(live.hear().await, Heard::Frame(_)) {} };
        let _ = tokio::time::timeout(pause, published).await;
    }

    /// What the store has after the cursor, read alone or together with others; nothing if they had begun before and it
    /// does not say.
    async fn read_page(
        &self,
        subject: Subject,
        cursor: Seq,
        span: Span,
    ) -> Option<Result<Option<Vec<Frame>>, StoreError>> {
        let read = self.reading(subject, span);
        let (page, is_own) = self.reads.pages.join((subject, span.part), read).await?;
        Some(page.map(|page| frames_of(&page, cursor, is_own)))
    }

    /// The same where only a read that begins now can tell that nothing follows.
    async fn read_end(&self, subject: Subject, cursor: Seq) -> Option<Result<Option<Vec<Frame>>, StoreError>> {
        let span = Span { part: Part::Last, after: cursor, limit: PAGE };
        let page = self.reads.ends.ask((subject, cursor), self.reading(subject, span)).await?;
        Some(page.map(|page| frames_of(&page, cursor, true)))
    }

    /// Reads the store, and keeps what it finds if it is the last part. To be run in a task, which ends whether or not
    /// the reader goes on reading: a reader whose socket is full is not polled, and would hold its database connection
    /// for as long as it likes.
    fn reading(&self, subject: Subject, span: Span) -> impl Fn() -> BoxFuture<'static, Page> + Send + use<> {
        let (store, hub) = (self.store.clone(), self.hub.clone());
        move || read(store.clone(), hub.clone(), subject, span).boxed()
    }
}

async fn read(store: Arc<dyn Store>, hub: Hub, subject: Subject, Span { part, after, limit }: Span) -> Page {
    let reading = hub.begin_reading(subject);
    let events = store.events_after(subject, after, limit).await.inspect_err(|error| {
        tracing::warn!(%error, ?subject, after, "could not read events; trying again");
    })?;
    let at_end = events.len() < limit as usize;
    let frames: Vec<Frame> = events.iter().map(|event| render(event, subject)).collect();
    if part == Part::Last {
        reading.found(after, &frames, at_end);
    }
    Ok(Arc::new(Mutex::new(Stored { frames: Recent::found(after, &frames), at_end })))
}

/// What the page has after the cursor. Nothing, if it does not reach beyond it and may be older than the question.
fn frames_of(page: &Mutex<Stored>, cursor: Seq, is_new: bool) -> Option<Vec<Frame>> {
    let mut page = page.lock().unwrap_or_else(PoisonError::into_inner);
    if page.frames.spans(cursor) && cursor < page.frames.through() {
        let frames = page.frames.frames_after(cursor, PAGE as usize);
        meter::replayed(ReplayedFrom::Database, frames.len());
        return Some(frames);
    }
    (is_new && page.at_end).then(Vec::new)
}

impl Span {
    /// What to read for a cursor of which this is known. Only the last events are looked for; what is older is read as
    /// far as it can be kept, or for those who ask alone.
    fn of(look: Look, cursor: Seq) -> Span {
        let block = cursor / BLOCK * BLOCK;
        match look {
            Look::Before { after, room } if after - block <= Seq::try_from(room).unwrap_or(Seq::MAX) => {
                Span { part: Part::Last, after: block, limit: u32::try_from(after - block).unwrap_or(PAGE) }
            }
            Look::Before { .. } => Span { part: Part::After(block), after: block, limit: PAGE },
            Look::Behind => Span { part: Part::Last, after: cursor, limit: PAGE },
            // With the event at the cursor, which shows that there is one.
            _ => Span { part: Part::Last, after: (cursor - 1).max(0), limit: PAGE + 1 },
        }
    }
}
