//! Cancel and retry on any instance: they reach the attempt wherever it runs, and a race with its end has one outcome.

use std::time::Duration;

use serde_json::json;

use super::*;

/// The promise is one second; it is a deadline here, not a measurement.
const WITHIN_A_SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_on_one_instance_stops_the_attempt_on_another() {
    let database = TestDatabase::postgres().await;
    let pair = Pair::start(&database).await;
    let mut reader = pair.runs.client().events(&pair.id, None).await;
    let (status, answer) = pair.serves.client().post(&format!("/api/jobs/{}/cancel", pair.id)).await;
    assert_eq!((status.as_u16(), &answer["job"]["status"]), (200, &json!("cancelled")), "{answer}");
    let closed = pair.stand_ins.claude.wait_until(|counts| counts.open == 0, WITHIN_A_SECOND).await;
    assert!(closed, "the upstream connection is still open");
    let history = reader.rest().await;
    assert_eq!(history.last().unwrap().event, "cancelled", "the viewer on the other instance is told");
    pair.assert_complete(&database, &history).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_on_another_instance_goes_on_from_the_stored_steps() {
    let database = TestDatabase::postgres().await;
    let pair = Pair::start(&database).await;
    let client = pair.serves.client();
    client.post(&format!("/api/jobs/{}/cancel", pair.id)).await;
    let mut reader = pair.runs.client().events(&pair.id, None).await;
    let (status, answer) = client.post(&format!("/api/jobs/{}/retry", pair.id)).await;
    assert_eq!(status.as_u16(), 202, "{answer}");
    client.until(&pair.id, "completed").await;
    assert_eq!((pair.stand_ins.gtm.calls(), pair.stand_ins.claude.calls()), (1, 2));
    let mut history = reader.rest().await;
    if history.last().unwrap().event == "cancelled" {
        // It was opened before the retry and had ended by then; it comes back, as an EventSource does.
        let mut again = pair.runs.client().events(&pair.id, history.last().map(|last| last.id)).await;
        history.extend(again.rest().await);
    }
    pair.assert_complete(&database, &history).await;
}

/// Whoever takes the job's row first wins: the job is completed and the cancel refused, or cancelled and nothing follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_races_the_end_has_one_outcome() {
    let database = TestDatabase::postgres().await;
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let runs = Server::start(&database.url, &stand_ins).await;
    let cancels = Server::with(&database.url, &stand_ins, &["--max-concurrent-jobs", "1"], AppOptions::default()).await;
    let store = open(&database).await;
    let mut outcomes = std::collections::BTreeMap::new();
    for round in 0..24 {
        let id = runs.client().start(&site.url).await;
        let mut reader = runs.client().events(&id, None).await;
        // Later and later in the job's life.
        for _ in 0..=round {
            if reader.next().await.is_none() {
                break;
            }
        }
        let (status, answer) = cancels.client().post(&format!("/api/jobs/{id}/cancel")).await;
        let job = runs.client().until(&id, if status == 200 { "cancelled" } else { "completed" }).await;
        let events = stored(store.as_ref(), JobId(id.parse().unwrap())).await;
        let terminal: Vec<&str> = events
            .iter()
            .map(|event| event.name.as_str())
            .filter(|name| ["completed", "cancelled"].contains(name))
            .collect();
        assert_eq!(terminal, [job["status"].as_str().unwrap()], "{answer}");
        assert_eq!(events.last().unwrap().name.as_str(), terminal[0], "nothing follows the end");
        *outcomes.entry(terminal[0].to_owned()).or_insert(0) += 1;
    }
    assert_eq!(outcomes.values().sum::<i32>(), 24, "{outcomes:?}");
}
