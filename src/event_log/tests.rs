//! What the log does while its store does not answer.

use bytes::Bytes;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::event::{Seq, Subject};
use crate::job::JobId;
use crate::store::{self, StoreSettings};

const DEADLINE: Duration = Duration::from_secs(30);
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

fn frame(seq: Seq) -> Frame {
    Frame { seq, bytes: Bytes::from(vec![b'x'; 1_000]), terminal: false, lag: None }
}

#[tokio::test]
async fn who_waits_for_the_store_goes_on_with_what_is_published_and_not_before() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}", folder.path().join("jobcast.db").display());
    let settings = StoreSettings { lease: DEADLINE, max_queued_jobs: 9, alone: true };
    let (hub, subject) = (Hub::default(), Subject::Job(JobId::new()));
    let (log, _tasks) = EventLog::start(store::open(&url, &url, settings).await.unwrap(), hub.clone());
    let waiting = log.clone();
    let pause = AbortOnDropHandle::new(tokio::spawn(async move { waiting.pause(subject, 0, FOR_EVER).await }));
    while !hub.is_watched(subject) {
        tokio::task::yield_now().await;
    }
    // A doubt says nothing about the store: it may be that of a write that the store did not take.
    hub.publish_doubt(subject);
    tokio::task::yield_now().await;
    assert!(!pause.is_finished());
    hub.publish(subject, frame(1));
    timeout(DEADLINE, pause).await.expect("the pause ends").unwrap();
}
