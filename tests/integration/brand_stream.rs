//! One connection for all jobs of a brand: its own numbers, exact resume, the same promises as a job's stream.

use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::event::{Event, Subject};
use jobcast::job::BrandId;
use jobcast::store::Store;
use serde_json::json;

use crate::databases::TestDatabase;
use crate::harness::{Client, Reader, Received, Server, Site, eventually, on_both_databases, open, soon};

on_both_databases!(
    all_jobs_of_the_brand_come_over_one_stream_in_one_order,
    every_cursor_resumes_exactly,
    a_reader_that_was_away_while_jobs_ran_misses_nothing,
    an_unknown_cursor_is_reset_and_a_brand_without_jobs_waits,
    retention_is_told_as_a_reset,
);

async fn stream(client: &Client, cursor: Option<i64>) -> Reader {
    Reader::open(&client.http, client.at(&format!("/api/brands/{}/events", client.brand_id)), cursor).await
}

/// Reads until this many jobs have completed.
async fn until_completed(reader: &mut Reader, jobs: usize) -> Vec<Received> {
    let mut history = Vec::new();
    for _ in 0..jobs {
        history.extend(reader.until("completed").await);
    }
    history
}

async fn stored(store: &dyn Store, client: &Client) -> Vec<Event> {
    let subject = Subject::Brand(BrandId(client.brand_id));
    let events = store.events_after(subject, 0, 100_000).await.expect("the store answers");
    let positions: Vec<i64> = events.iter().map(|event| event.brand_seq).collect();
    assert_eq!(positions, (1..=events.len() as i64).collect::<Vec<_>>(), "the store holds exactly 1..n");
    events
}

/// Nothing lost, nothing twice, in order; neighbouring deltas may have arrived merged into the last of them.
fn assert_complete(received: &[Received], stored: &[Event]) {
    let ids: Vec<i64> = received.iter().map(|received| received.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "out of order or twice: {ids:?}");
    for event in stored.iter().filter(|event| event.name.as_str() != "delta") {
        let shown = received.iter().find(|received| received.id == event.brand_seq);
        let shown = shown.unwrap_or_else(|| panic!("{} {} is missing from {ids:?}", event.brand_seq, event.name));
        assert_eq!(shown.event, event.name.as_str());
        assert_eq!(shown.data, serde_json::from_str::<serde_json::Value>(&event.data).unwrap());
    }
    let text = |job: &str, texts: &mut dyn Iterator<Item = (String, String)>| {
        texts.filter(|(of, _)| of == job).map(|(_, text)| text).collect::<String>()
    };
    let jobs: std::collections::BTreeSet<String> = stored.iter().map(|event| event.job_id.to_string()).collect();
    for job in jobs {
        let mut shown = received.iter().filter(|received| received.event == "delta").map(|received| {
            (received.data["job_id"].as_str().unwrap().to_owned(), received.data["text"].as_str().unwrap().to_owned())
        });
        let mut kept = stored.iter().filter(|event| event.name.as_str() == "delta").map(|event| {
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
            (event.job_id.to_string(), data["text"].as_str().unwrap().to_owned())
        });
        assert_eq!(text(&job, &mut shown), text(&job, &mut kept), "the text of {job} is whole");
    }
}

async fn all_jobs_of_the_brand_come_over_one_stream_in_one_order(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let (client, other) = (server.client(), server.client());
    let mut reader = stream(&client, None).await;
    assert_eq!((reader.status, &reader.headers["content-type"]), (200, &"text/event-stream".parse().unwrap()));
    let sync = reader.sync().await;
    assert_eq!((sync.id, &sync.data["resume"], &sync.data["jobs"]), (0, &json!("start"), &json!([])));
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(client.start(&site.url).await);
        other.start(&site.url).await;
    }
    let history = until_completed(&mut reader, 4).await;
    assert_complete(&history, &stored(open(&database).await.as_ref(), &client).await);
    let shown: std::collections::BTreeSet<&str> =
        history.iter().map(|received| received.data["job_id"].as_str().unwrap()).collect();
    assert_eq!(shown, ids.iter().map(String::as_str).collect(), "the other brand's jobs are not shown");
    // Each job's own numbers are whole, too.
    for id in &ids {
        let seqs: Vec<i64> = history
            .iter()
            .filter(|received| received.data["job_id"] == id.as_str() && received.event != "delta")
            .map(|received| received.data["seq"].as_i64().unwrap())
            .collect();
        assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    }
    let mut later = stream(&client, Some(history.last().unwrap().id)).await;
    let sync = later.sync().await;
    assert_eq!((&sync.data["resume"], sync.data["jobs"].as_array().unwrap().len()), (&json!("exact"), 4));
    assert!(sync.data["jobs"].as_array().unwrap().iter().all(|job| job["status"] == "completed"));
}

async fn every_cursor_resumes_exactly(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    for _ in 0..2 {
        client.start(&site.url).await;
    }
    let mut reader = stream(&client, None).await;
    reader.sync().await;
    until_completed(&mut reader, 2).await;
    let events = stored(open(&database).await.as_ref(), &client).await;
    for cursor in 0..events.len() as i64 {
        let mut reader = stream(&client, Some(cursor)).await;
        let sync = reader.sync().await;
        assert_eq!((sync.id, &sync.data["last_seq"]), (cursor, &json!(events.len())));
        let mut history = Vec::new();
        while history.last().is_none_or(|last: &Received| last.id < events.len() as i64) {
            history.push(reader.next().await.expect("the stream does not end"));
        }
        assert_complete(&history, &events[cursor as usize..]);
    }
}

async fn a_reader_that_was_away_while_jobs_ran_misses_nothing(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    client.start(&site.url).await;
    let mut reader = stream(&client, None).await;
    reader.sync().await;
    soon("the model writes", gate.reached()).await;
    let mut history = reader.until("delta").await;
    drop(reader);
    client.start(&site.url).await;
    gate.open();
    eventually("both jobs complete", || async {
        let (_, list) = client.get(&format!("/api/jobs?brand_id={}&status=completed", client.brand_id)).await;
        (list["jobs"].as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    let mut reader = stream(&client, history.last().map(|last| last.id)).await;
    assert_eq!(reader.sync().await.data["resume"], "exact");
    history.extend(until_completed(&mut reader, 2).await);
    assert_complete(&history, &stored(open(&database).await.as_ref(), &client).await);
}

async fn an_unknown_cursor_is_reset_and_a_brand_without_jobs_waits(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let mut reader = stream(&client, Some(7)).await;
    let sync = reader.sync().await;
    assert_eq!((sync.id, &sync.data["resume"], &sync.data["last_seq"]), (0, &json!("reset"), &json!(0)));
    client.start(&site.url).await;
    assert_eq!(reader.next().await.unwrap().id, 1, "it was waiting for the first job");
    let tail = client.at(&format!("/api/brands/{}/events?last_event_id=tail", client.brand_id));
    reader.until("completed").await;
    let mut tail = Reader::open(&client.http, tail, None).await;
    let last_seq = tail.sync().await.id;
    client.start(&site.url).await;
    assert_eq!(tail.next().await.unwrap().id, last_seq + 1);
    for (path, status, code) in [
        ("/api/brands/nobody/events".to_owned(), 422, "invalid_input"),
        (format!("/api/brands/{}/events?last_event_id=x", client.brand_id), 400, "malformed"),
    ] {
        let (answered, answer) = client.get(&path).await;
        assert_eq!((answered.as_u16(), &answer["code"]), (status, &json!(code)), "{path}: {answer}");
    }
}

async fn retention_is_told_as_a_reset(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let old = client.start(&site.url).await;
    client.until(&old, "completed").await;
    let store = open(&database).await;
    let later = chrono::Utc::now() + chrono::Duration::days(1);
    while store.prune(later, later).await.unwrap() > 0 {}
    let new = client.start(&site.url).await;
    client.until(&new, "completed").await;
    let mut reader = stream(&client, Some(3)).await;
    let sync = reader.sync().await;
    assert_eq!((sync.id, &sync.data["resume"]), (0, &json!("reset")), "what followed 3 is gone");
    let history = until_completed(&mut reader, 2).await;
    assert_eq!(history[0].data["job_id"], old.as_str(), "the old job's last event is kept");
    assert_eq!(history.iter().filter(|received| received.data["job_id"] == old.as_str()).count(), 1);
    let whole = stream(&client, Some(sync.data["last_seq"].as_i64().unwrap())).await.sync().await;
    assert_eq!(whole.data["resume"], "exact");
}
