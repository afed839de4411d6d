//! Attempts that go wrong inside this process: a pipeline that panics, one that hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jobcast::job::{JobId, JobType};
use jobcast::pipeline::{AttemptError, Context, Definition, Pipeline, Step};
use jobcast::write::JobResult;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{LogServer, assert_complete, on_both_databases, open, stored};

on_both_databases!(
    a_panic_fails_its_job_and_nothing_else,
    a_pipeline_that_hangs_is_ended_by_its_time_limit_and_tried_again,
);

/// What the pipeline does in its first run; later runs complete.
#[derive(Clone, Copy)]
enum FirstRun {
    Panics,
    Hangs,
}

struct Trouble {
    first_run: FirstRun,
    runs: Arc<AtomicUsize>,
}

const fn within(time_limit: Duration) -> Definition {
    const STEPS: &[Step] = &[Step { name: "work", title: "Working", typical: Duration::from_secs(1) }];
    Definition { job_type: JobType::BrandIntelligence, inputs: &[], steps: STEPS, time_limit }
}

#[async_trait]
impl Pipeline for Trouble {
    fn definition(&self) -> &'static Definition {
        static SHORT: Definition = within(Duration::from_secs(1));
        static LONG: Definition = within(Duration::from_secs(600));
        if self.runs.load(Ordering::SeqCst) == 0 { &SHORT } else { &LONG }
    }

    fn missing_key(&self) -> Option<&'static str> {
        None
    }

    async fn run(&self, context: &Context, _: Value) -> Result<JobResult, AttemptError> {
        context.progress(1, 10, "Working").await?;
        match (self.runs.fetch_add(1, Ordering::SeqCst), self.first_run) {
            // The stack of the panic is in the test's output; it belongs there.
            (0, FirstRun::Panics) => panic!("a secret of the pipeline"),
            (0, FirstRun::Hangs) => std::future::pending().await,
            _ => Ok(JobResult {
                result_id: Uuid::new_v4(),
                result_data: json!({"done": true}),
                usage: None,
                rows: Vec::new(),
            }),
        }
    }
}

async fn server(database: &TestDatabase, first_run: FirstRun) -> (LogServer, Arc<AtomicUsize>) {
    let runs = Arc::<AtomicUsize>::default();
    let pipeline = Trouble { first_run, runs: runs.clone() };
    (LogServer::running(open(database).await, vec![Arc::new(pipeline)]).await, runs)
}

async fn a_panic_fails_its_job_and_nothing_else(database: TestDatabase) {
    let (server, runs) = server(&database, FirstRun::Panics).await;
    let client = server.client();
    let body = json!({"brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {}});
    let (status, answer) = client.start_with(&body).await;
    assert_eq!(status, 202, "{answer}");
    let id = answer["job_id"].as_str().unwrap();
    let mut reader = client.events(id, None).await;
    reader.sync().await;
    let history = reader.rest().await;
    assert_complete(&history, &stored(open(&database).await.as_ref(), JobId(id.parse().unwrap())).await);
    let last = history.last().unwrap();
    assert_eq!((last.event.as_str(), &last.data["code"]), ("failed", &json!("internal")), "{last:?}");
    assert!(!last.data.to_string().contains("secret"), "internal causes stay inside: {last:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1, "a panic would come again");

    let (_, answer) = client.start_with(&body).await;
    client.until(answer["job_id"].as_str().unwrap(), "completed").await;
    // A person may try the failed one again.
    assert_eq!(client.post(&format!("/api/jobs/{id}/retry")).await.0, 202);
    client.until(id, "completed").await;
}

async fn a_pipeline_that_hangs_is_ended_by_its_time_limit_and_tried_again(database: TestDatabase) {
    let (server, runs) = server(&database, FirstRun::Hangs).await;
    let client = server.client();
    let body = json!({"brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {}});
    let (_, answer) = client.start_with(&body).await;
    let mut reader = client.events(answer["job_id"].as_str().unwrap(), None).await;
    reader.sync().await;
    let history = reader.rest().await;
    let names: Vec<&str> = history.iter().map(|received| received.event.as_str()).collect();
    assert_eq!(names, ["queued", "started", "progress", "retrying", "started", "progress", "completed"]);
    assert_eq!(history[3].data["error"], "The attempt took longer than 1 seconds");
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}
