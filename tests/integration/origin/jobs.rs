//! Jobs on the origin application's database: its own are left alone, and its brands are the only ones.

use std::time::Duration;

use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::job::BrandId;
use jobcast::store::StoreSettings;
use serde_json::json;
use uuid::Uuid;

use super::snapshot::Snapshot;
use super::{NORTHWIND, SOREN, Vintage, on_every_vintage};
use crate::harness::{Server, Site, soon};
use crate::store::{claim_all, commit_one, create};

on_every_vintage!(
    what_the_application_has_queued_is_its_own,
    a_server_takes_starts_for_brands_that_exist_and_leaves_the_rest_alone,
);

async fn what_the_application_has_queued_is_its_own(vintage: &Vintage) {
    let database = vintage.database().await;
    let before = Snapshot::of(&database).await;
    let settings = StoreSettings { lease: Duration::ZERO, max_queued_jobs: 1, alone: false };
    let store = database.store(settings).await;
    assert_eq!(claim_all(&*store).await, []);
    // More of them wait than may wait here.
    let ours = commit_one(&*store, create(NORTHWIND)).await.unwrap().job;
    assert!(commit_one(&*store, create(SOREN)).await.is_err(), "our own are counted");
    let claimed = claim_all(&*store).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.job.id).collect::<Vec<_>>(), [ours.id]);
    let expired = store.expired_leases(100).await.unwrap();
    assert!(expired.iter().all(|(id, _)| *id == ours.id), "{expired:?}");
    assert_eq!(store.prune(chrono::Utc::now(), chrono::Utc::now()).await.unwrap(), 0);
    let unmarked = "SELECT count(*) FROM ai_jobs WHERE last_seq = 0 AND pruned <> 'history'";
    assert_eq!(database.number(unmarked).await, 0, "retention passes them over");
    before.assert_kept(&database).await;
}

async fn a_server_takes_starts_for_brands_that_exist_and_leaves_the_rest_alone(vintage: &Vintage) {
    let database = vintage.database().await;
    let before = Snapshot::of(&database).await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let body = |brand_id: BrandId| json!({"brand_id": brand_id, "job_type": "brand_intelligence", "input_data": {"url": site.url}});
    // Together, so that the database refuses whole batches.
    let bodies: Vec<_> = (0..12)
        .map(|n| match n % 3 {
            0 => (422, body(BrandId(Uuid::new_v4()))),
            1 => (202, body(NORTHWIND)),
            _ => (202, body(SOREN)),
        })
        .collect();
    let answers = futures_util::future::join_all(bodies.iter().map(|(_, body)| client.start_with(body))).await;
    let mut started = Vec::new();
    for ((expected, _), (status, answer)) in bodies.iter().zip(answers) {
        assert_eq!(status, *expected, "{answer}");
        match answer["job_id"].as_str() {
            Some(id) => started.push(id.to_owned()),
            None => assert_eq!((&answer["code"], &answer["field"]), (&json!("unknown_brand"), &json!("brand_id"))),
        }
    }
    soon("the jobs run", gate.reached_times(8)).await;
    gate.open();
    for id in &started {
        client.until(id, "completed").await;
    }
    assert_eq!(stand_ins.gtm.calls(), 8, "nothing was paid for brands that do not exist");
    before.assert_kept(&database).await;
}
