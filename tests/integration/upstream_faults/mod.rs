//! Upstreams that misbehave, seen through the whole product: what is retried, what is not, and what a viewer reads.
//! Every byte of their streams is tested beside the clients.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use jobcast::app::AppOptions;
use jobcast::demo::{Behaviour, Ending, StandIns};
use jobcast::job::JobId;
use jobcast::store::Store;
use serde_json::{Value, json};

use crate::databases::TestDatabase;
use crate::harness::{Client, Received, Server, Site, assert_complete, open, stored};

mod claude;
mod gtm;

/// A server whose retries come at once.
struct Bench {
    stand_ins: StandIns,
    site: Site,
    server: Server,
    store: Arc<dyn Store>,
}

/// How a job went.
struct Course {
    /// What a viewer received, which is all that is stored.
    history: Vec<Received>,
    job: Value,
    /// Requests to gtm and to Claude for this job.
    calls: (usize, usize),
    result: Value,
}

impl Bench {
    async fn start(database: &TestDatabase) -> Bench {
        let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
        let options = AppOptions { first_retry_delay: Duration::from_millis(2), ..AppOptions::default() };
        let server = Server::with(&database.url, &stand_ins, &[], options).await;
        Bench { stand_ins, site, server, store: open(database).await }
    }

    /// Runs one job to its end with this script for its first calls to gtm.
    async fn with_gtm(&self, script: impl IntoIterator<Item = Behaviour>) -> Course {
        script.into_iter().for_each(|behaviour| self.stand_ins.gtm.script(behaviour));
        self.run().await
    }

    /// Runs one job to its end with this script for its first calls to Claude.
    async fn with_claude(&self, script: impl IntoIterator<Item = Behaviour>) -> Course {
        script.into_iter().for_each(|behaviour| self.stand_ins.claude.script(behaviour));
        self.run().await
    }

    async fn run(&self) -> Course {
        let calls_before = self.calls();
        let client: Client = self.server.client();
        let id = client.start(&self.site.url).await;
        let mut reader = client.events(&id, None).await;
        reader.sync().await;
        let history = reader.rest().await;
        assert_complete(&history, &stored(self.store.as_ref(), JobId(id.parse().unwrap())).await);
        let (_, result) = client.get(&format!("/api/jobs/{id}/result")).await;
        let calls = self.calls();
        Course {
            history,
            job: client.job(&id).await,
            calls: (calls.0 - calls_before.0, calls.1 - calls_before.1),
            result,
        }
    }

    fn calls(&self) -> (usize, usize) {
        (self.stand_ins.gtm.calls(), self.stand_ins.claude.calls())
    }
}

impl Course {
    fn count(&self, name: &str) -> usize {
        self.history.iter().filter(|received| received.event == name).count()
    }

    fn last(&self) -> &Received {
        self.history.last().expect("a job has events")
    }

    /// The code of the failure that the job ended with, and its words.
    #[track_caller]
    fn failure(&self) -> (&str, &str) {
        let last = self.last();
        assert_eq!((last.event.as_str(), &self.job["status"]), ("failed", &json!("failed")), "{last:?}");
        assert_eq!(self.job["error_message"], last.data["error_message"]);
        (last.data["code"].as_str().unwrap(), last.data["error_message"].as_str().unwrap())
    }

    /// The job completed, in as many attempts as told, one call of the faulty upstream each.
    #[track_caller]
    fn assert_completed(&self, case: &str, attempts: usize, calls: (usize, usize)) {
        assert_eq!(self.last().event, "completed", "{case}: {:?}", self.history);
        assert_eq!((self.count("started"), self.count("retrying")), (attempts, attempts - 1), "{case}");
        assert_eq!(self.job["retry_count"], attempts as u64 - 1, "{case}");
        assert_eq!(self.job["error_message"], Value::Null, "{case}");
        assert_eq!(self.calls, calls, "{case}");
    }
}

/// An event stream of this text in one piece.
fn stream(text: impl Into<Bytes>, ending: Ending) -> Behaviour {
    Behaviour::event_stream(vec![text.into()], ending)
}

fn page(status: u16) -> Behaviour {
    let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    let body = Bytes::from_static(b"<!doctype html><title>Just a moment</title>");
    Behaviour::Status { status, headers, body }
}
