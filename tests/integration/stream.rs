//! The stream's small print: cursors, the first frame, 204, keep-alive, status with its ETag.

use std::time::Duration;

use jobcast::app::AppOptions;
use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::write::Action;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{LogServer, Reader, Server, on_both_databases, open, soon};

on_both_databases!(
    the_cursor_decides_where_the_stream_begins,
    a_cursor_that_is_no_number_is_refused,
    a_finished_job_is_answered_with_204,
    silence_is_broken_by_comments,
    an_older_terminal_event_does_not_end_the_stream_of_a_retried_job,
    status_is_held_until_its_etag_changes,
    an_unknown_job_is_a_json_404_everywhere,
);

async fn the_cursor_decides_where_the_stream_begins(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let last = server.progress(job_id, "page 1").await;
    let client = server.client();
    let path = format!("/api/jobs/{job_id}/events");
    // Header, query, the id and verdict of the first frame, the id of the first event after it.
    for (header, query, id, resume, next) in [
        (None, "", 0, "start", 1),
        (None, "?last_event_id=", 0, "start", 1),
        (Some(0), "", 0, "start", 1),
        (Some(1), "", 1, "exact", 2),
        (None, "?last_event_id=2", 2, "exact", 3),
        (Some(1), "?last_event_id=2", 1, "exact", 2),
        (Some(last), "", last, "exact", last + 1),
        (None, "?last_event_id=tail", last, "exact", last + 1),
        (Some(last + 1), "", 0, "reset", 1),
        (None, "?last_event_id=99999999999999999999999", 0, "reset", 1),
    ] {
        let mut reader = Reader::open(&client.http, client.at(&format!("{path}{query}")), header).await;
        let sync = reader.sync().await;
        assert_eq!((sync.id, &sync.data["resume"], &sync.data["last_seq"]), (id, &json!(resume), &json!(last)));
        assert_eq!(sync.data["job"]["last_seq"], last);
        if next <= last {
            assert_eq!(reader.next().await.unwrap().id, next, "{header:?} {query}");
        }
    }
}

async fn a_cursor_that_is_no_number_is_refused(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let client = server.client();
    for cursor in ["abc", "-1", "1.5", "0x10", "1%202", "Tail"] {
        let (status, answer) = client.get(&format!("/api/jobs/{job_id}/events?last_event_id={cursor}")).await;
        assert_eq!((status.as_u16(), &answer["code"]), (400, &json!("malformed")), "{cursor}: {answer}");
        assert_eq!(answer["field"], "last_event_id");
    }
    let url = client.at(&format!("/api/jobs/{job_id}/events"));
    let refused = client.http.get(url).header("last-event-id", "tail").send().await.unwrap();
    assert_eq!(refused.status(), 400);
}

async fn a_finished_job_is_answered_with_204(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let last = server.fail(job_id).await;
    let client = server.client();
    assert_eq!(client.events(&job_id.to_string(), Some(last)).await.status, 204);
    let tail = client.at(&format!("/api/jobs/{job_id}/events?last_event_id=tail"));
    assert_eq!(Reader::open(&client.http, tail, None).await.status, 204);
    let mut one_before = client.events(&job_id.to_string(), Some(last - 1)).await;
    one_before.sync().await;
    let rest = one_before.rest().await;
    assert_eq!(rest.iter().map(|received| received.event.as_str()).collect::<Vec<_>>(), ["failed"]);
    let mut ahead = client.events(&job_id.to_string(), Some(last + 7)).await;
    assert_eq!(ahead.sync().await.data["resume"], "reset");
    assert_eq!(ahead.rest().await.len() as i64, last);
}

async fn silence_is_broken_by_comments(database: TestDatabase) {
    let stand_ins = StandIns::start().await.unwrap();
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 0, gate: Gate::new() });
    let options = AppOptions { keep_alive: Duration::from_millis(30), ..AppOptions::default() };
    let server = Server::with(&database.url, &stand_ins, &[], options).await;
    let client = server.client();
    let id = client.start("https://example.com").await;
    let mut reader = client.events(&id, None).await;
    reader.sync().await;
    reader.next_comment().await;
    reader.next_comment().await;
}

async fn an_older_terminal_event_does_not_end_the_stream_of_a_retried_job(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let failed = server.fail(job_id).await;
    server.append(job_id, Action::Retry).await;
    let client = server.client();
    let mut reader = client.events(&job_id.to_string(), None).await;
    reader.sync().await;
    let history = reader.until("failed").await;
    assert_eq!(history.last().unwrap().id, failed);
    let requeued = reader.next().await.expect("the stream goes on");
    assert_eq!((requeued.event.as_str(), requeued.id), ("queued", failed + 1));
    let mut resumed = client.events(&job_id.to_string(), Some(failed)).await;
    assert_eq!(resumed.sync().await.data["resume"], "exact");
    server.append(job_id, Action::Cancel).await;
    assert_eq!(reader.rest().await.last().unwrap().event, "cancelled");
}

async fn status_is_held_until_its_etag_changes(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let job_id = server.running_job().await;
    let client = server.client();
    let status = |query: &str| client.http.get(client.at(&format!("/api/jobs/{job_id}/status{query}")));

    let first = status("").send().await.unwrap();
    let etag = first.headers()["etag"].clone();
    let same = status("").header("if-none-match", &etag).send().await.unwrap();
    assert_eq!((same.status().as_u16(), &same.headers()["etag"]), (304, &etag));
    assert_eq!(same.text().await.unwrap(), "");
    let held_in_vain = status("?wait=1").header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(held_in_vain.status(), 304);
    // Without an ETag, or with another one, nothing is held.
    for request in [status("?wait=60"), status("?wait=60").header("if-none-match", "\"other\"")] {
        assert_eq!(soon("an answer at once", request.send()).await.unwrap().status(), 200);
    }

    let held = tokio::spawn(status("?wait=60").header("if-none-match", &etag).send());
    // Whether the request is held already or comes later, it must see the change.
    let last = server.progress(job_id, "page 1").await;
    let changed = soon("the held answer", held).await.unwrap().unwrap();
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()["etag"], etag);
    let answer: serde_json::Value = changed.json().await.unwrap();
    assert_eq!(answer["job"]["last_seq"], last);

    for wait in ["61", "-1", "soon", "1.5"] {
        let (status, answer) = client.get(&format!("/api/jobs/{job_id}/status?wait={wait}")).await;
        assert_eq!((status.as_u16(), &answer["field"]), (422, &json!("wait")), "{answer}");
    }
}

async fn an_unknown_job_is_a_json_404_everywhere(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    let client = server.client();
    let routes = [
        (Method::GET, "events"),
        (Method::GET, "status"),
        (Method::GET, "result"),
        (Method::POST, "cancel"),
        (Method::POST, "retry"),
    ];
    for id in [Uuid::new_v4().to_string(), "not-a-uuid".to_owned(), "%2e%2e".to_owned()] {
        for (method, route) in &routes {
            let response = client.send(method.clone(), &format!("/api/jobs/{id}/{route}")).await;
            let (status, answer) = (response.status(), response.json::<serde_json::Value>().await.unwrap());
            assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("not_found")), "{id} {route}: {answer}");
            assert_eq!(answer["success"], false);
        }
    }
}
