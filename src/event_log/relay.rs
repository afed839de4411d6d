//! Brings the commits of other instances to the viewers of this one: hears which jobs changed, reads the events of those
//! that somebody watches here, once for all viewers, and publishes them.
//! Must not be relied on for what is lost on the way: a slow poll of what is watched finds it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, MissedTickBehavior};

use super::PAGE;
use super::writer::render;
use crate::event::{Seq, Subject};
use crate::hub::Hub;
use crate::meter::{self, LearntBy};
use crate::store::{Notice, Store};

/// How often everything that is watched is looked at, while announcements are heard and while they are not.
const POLL: Duration = Duration::from_secs(10);
const POLL_WHILE_DEAF: Duration = Duration::from_millis(500);

/// How many notices are taken together, and how many subjects are read with one statement.
const NOTICES: usize = 256;
const SUBJECTS: usize = 256;

/// The pause after a read that failed.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Relay {
    store: Arc<dyn Store>,
    hub: Hub,
    /// Whether announcements are heard.
    hears: bool,
}

impl Relay {
    pub(super) fn new(store: Arc<dyn Store>, hub: Hub) -> Relay {
        Relay { store, hub, hears: false }
    }

    /// Relays until it is dropped.
    pub(super) async fn run(mut self) {
        meter::hears_others(false);
        let mut notices = self.store.notices().ready_chunks(NOTICES);
        let mut poll = tokio::time::interval(POLL_WHILE_DEAF);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut polled = Instant::now();
        loop {
            tokio::select! {
                heard = notices.next() => match heard {
                    Some(notices) => self.take(notices).await,
                    // The stream of notices does not end by itself; without it the poll serves.
                    None => std::future::pending().await,
                },
                _ = poll.tick() => {
                    if !self.hears || polled.elapsed() >= POLL {
                        self.refresh(self.hub.watched(), LearntBy::Poll).await;
                        polled = Instant::now();
                    }
                }
            }
        }
    }

    async fn take(&mut self, notices: Vec<Notice>) {
        let mut changed = BTreeSet::new();
        for notice in notices {
            match notice {
                Notice::Changed { brand_id, job_ids } => {
                    changed.insert(Subject::Brand(brand_id));
                    changed.extend(job_ids.into_iter().map(Subject::Job));
                }
                // What was announced before it began to listen is not heard.
                Notice::Listening => {
                    self.hears_now(true);
                    changed.extend(self.hub.watched());
                }
                Notice::Deaf => self.hears_now(false),
            }
        }
        let watched = changed.into_iter().filter(|subject| self.hub.is_watched(*subject)).collect();
        self.refresh(watched, LearntBy::Notice).await;
    }

    fn hears_now(&mut self, hears: bool) {
        if hears == self.hears {
            return;
        }
        self.hears = hears;
        meter::hears_others(hears);
        if hears {
            tracing::info!("hearing the commits of other instances");
        } else {
            tracing::warn!(
                every_ms = POLL_WHILE_DEAF.as_millis() as u64,
                "not hearing the commits of other instances; polling what is watched"
            );
        }
    }

    /// Publishes what the store has of these subjects beyond what was shown here.
    async fn refresh(&self, subjects: Vec<Subject>, learnt_by: LearntBy) {
        for subjects in subjects.chunks(SUBJECTS) {
            let after: Vec<(Subject, Seq)> =
                subjects.iter().filter_map(|subject| Some((*subject, self.hub.reached(*subject)?))).collect();
            if after.is_empty() {
                continue;
            }
            match self.store.news(&after, PAGE).await {
                Ok(news) => news.into_iter().for_each(|(subject, events)| {
                    meter::relayed(learnt_by, events.len());
                    if events.len() >= PAGE as usize {
                        // More than a channel holds: its readers fetch it, each at its own pace.
                        return self.hub.publish_doubt(subject);
                    }
                    for event in events {
                        self.hub.publish(subject, render(&event, subject));
                    }
                }),
                Err(error) => {
                    tracing::warn!(%error, subjects = after.len(), "could not read what other instances committed");
                    // Not known what was missed: each reader looks for itself.
                    after.iter().for_each(|(subject, _)| self.hub.publish_doubt(*subject));
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
