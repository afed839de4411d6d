//! Deliveries to webhooks: written with the event, claimed by one sender at a time, settled by the latest try alone.

use std::collections::{HashMap, HashSet};

use jobcast::job::NewJob;
use jobcast::store::{ClaimedWebhook, WebhookClaim, WebhookOutcome, WebhookState, WebhookStatus};

use super::*;
use crate::databases::TestDatabase;
use crate::harness::on_both_databases;

on_both_databases!(
    a_delivery_is_there_with_its_event_and_goes_with_its_job,
    senders_that_claim_at_once_get_different_deliveries,
    a_claim_that_ran_out_is_claimed_again_and_settled_by_the_second_alone,
    a_delivery_that_waits_is_not_due_and_one_that_is_over_never_is,
);

const URL: &str = "https://example.com/hook";

fn claim(limit: u32, lease: Duration) -> WebhookClaim {
    WebhookClaim { limit, per_brand: limit, under_way: HashMap::new(), lease }
}

async fn claimed(store: &dyn Store, limit: u32, lease: Duration) -> Vec<ClaimedWebhook> {
    store.claim_webhooks(&claim(limit, lease)).await.expect("the claim is answered")
}

/// A job with a webhook that was cancelled before anybody ran it.
async fn over(store: &dyn Store) -> Job {
    let (job_id, new) = (JobId::new(), NewJob { webhook_url: Some(URL.to_owned()), ..new_job(brand()) });
    commit_one(store, Write { job_id, action: Action::Create(new) }).await.unwrap();
    commit_one(store, Write { job_id, action: Action::Cancel }).await.unwrap().job
}

async fn state(store: &dyn Store, id: JobId) -> WebhookState {
    store.job(id).await.unwrap().unwrap().webhook.expect("the job has a webhook")
}

async fn a_delivery_is_there_with_its_event_and_goes_with_its_job(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (job_id, new) = (JobId::new(), NewJob { webhook_url: Some(URL.to_owned()), ..new_job(brand()) });
    commit_one(&*store, Write { job_id, action: Action::Create(new) }).await.unwrap();
    assert!(claimed(&*store, 10, HOUR).await.is_empty(), "a job that is not over has nothing to tell");
    assert_eq!(state(&*store, job_id).await.status, WebhookStatus::Pending);
    let batch = Uuid::new_v4();
    let cancel = [Write { job_id, action: Action::Cancel }];
    store.commit(batch, &cancel).await.unwrap();
    store.commit(batch, &cancel).await.unwrap();
    commit_one(&*store, cancel[0].clone()).await.unwrap();
    let deliveries = claimed(&*store, 10, HOUR).await;
    assert_eq!(deliveries.len(), 1, "one end, however often it is said");
    let delivery = &deliveries[0];
    assert_eq!((delivery.job_id, delivery.seq, delivery.attempt, delivery.url.as_str()), (job_id, 2, 1, URL));
    assert!(delivery.body.contains("job.cancelled"), "{}", delivery.body);
    let listed = store.jobs(&Default::default(), None, 10).await.unwrap();
    assert_eq!(listed[0].webhook.as_ref().map(|webhook| webhook.attempts), Some(1));
    database.execute("DELETE FROM ai_jobs").await;
    assert_eq!(database.number("SELECT count(*) FROM webhook_deliveries").await, 0);
}

async fn senders_that_claim_at_once_get_different_deliveries(database: TestDatabase) {
    let (one, other) = (database.store(among_others()).await, database.store(among_others()).await);
    for _ in 0..20 {
        over(&*one).await;
    }
    let mut seen = HashSet::new();
    while seen.len() < 20 {
        let (first, second) = tokio::join!(claimed(&*one, 3, HOUR), claimed(&*other, 3, HOUR));
        let both: Vec<_> = first.into_iter().chain(second).collect();
        assert!(!both.is_empty(), "there are more: {}", seen.len());
        for delivery in both {
            assert!(seen.insert(delivery.job_id), "claimed twice");
        }
    }
    assert!(claimed(&*one, 3, HOUR).await.is_empty());
}

async fn a_claim_that_ran_out_is_claimed_again_and_settled_by_the_second_alone(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = over(&*store).await;
    let first = claimed(&*store, 1, Duration::ZERO).await.remove(0);
    let second = eventually("the second claim", async || claimed(&*store, 1, HOUR).await.pop()).await;
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!((first.seq, &first.body), (second.seq, &second.body));
    store.settle_webhook(&first, &WebhookOutcome::GivenUp { error: "late".to_owned() }).await.unwrap();
    let waiting = state(&*store, job.id).await;
    assert_eq!((waiting.status, waiting.attempts, waiting.last_error), (WebhookStatus::Pending, 2, None));
    store.settle_webhook(&second, &WebhookOutcome::Delivered).await.unwrap();
    let delivered = state(&*store, job.id).await;
    assert_eq!((delivered.status, delivered.next_attempt_at), (WebhookStatus::Delivered, None));
    assert!(delivered.delivered_at.is_some_and(|at| at <= Utc::now() + Duration::from_secs(60)));
}

async fn a_delivery_that_waits_is_not_due_and_one_that_is_over_never_is(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = over(&*store).await;
    let delivery = claimed(&*store, 1, HOUR).await.remove(0);
    store.settle_webhook(&delivery, &again(HOUR)).await.unwrap();
    let waiting = state(&*store, job.id).await;
    assert_eq!((waiting.status, waiting.last_error.as_deref()), (WebhookStatus::Pending, Some("busy")));
    assert!(waiting.next_attempt_at.is_some_and(|at| at > Utc::now() + HOUR / 2), "{waiting:?}");
    assert!(claimed(&*store, 10, HOUR).await.is_empty());

    let job = over(&*store).await;
    let delivery = claimed(&*store, 1, HOUR).await.remove(0);
    store.settle_webhook(&delivery, &again(Duration::ZERO)).await.unwrap();
    let delivery = eventually("the next try", async || claimed(&*store, 1, HOUR).await.pop()).await;
    assert_eq!((delivery.job_id, delivery.attempt), (job.id, 2));
    store.settle_webhook(&delivery, &WebhookOutcome::GivenUp { error: "gone".to_owned() }).await.unwrap();
    let failed = state(&*store, job.id).await;
    assert_eq!((failed.status, failed.last_error.as_deref()), (WebhookStatus::Failed, Some("gone")));
    assert_eq!((failed.next_attempt_at, failed.delivered_at), (None, None));
    assert!(claimed(&*store, 10, HOUR).await.is_empty());
}

fn again(after: Duration) -> WebhookOutcome {
    WebhookOutcome::Again { error: "busy".to_owned(), after }
}
