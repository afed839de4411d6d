//! Calls the webhooks of jobs that are over: claims due calls from the database, makes them, and writes what came of them.
//! Must not hold a transaction while a call is under way, nor count on anything that is not stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, Shared, answer_within};
use crate::job::BrandId;
use crate::meter::{self, WebhookCall};
use crate::pipeline::InvalidInput;
use crate::store::{ClaimedWebhook, WebhookClaim, WebhookOutcome};
use crate::upstream::{WebhookAnswer, WebhookClient};

/// Calls under way at once in this process, and of one brand.
const MOST_CALLS: u32 = 32;
const MOST_CALLS_OF_A_BRAND: u32 = 4;

/// The pause between looks when nothing wakes the sender.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long calls may still take when the process stops; another one makes those that are cut.
const LAST_CALLS: Duration = Duration::from_millis(300);

/// The delays between the tries, at the least: after the last of them a call is given up, in all about seven hours later.
pub const DELAYS: &[Duration] = &[
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(6 * 3600),
];

/// What webhooks are called with.
#[derive(Clone)]
pub struct Webhooks {
    /// Makes the calls.
    pub client: WebhookClient,
    /// The delays between the tries, each up to a fifth longer; [`DELAYS`] but in tests.
    pub delays: &'static [Duration],
}

/// The address that a job is to call, if jobs may call any.
pub(super) fn accept(webhooks: Option<&Webhooks>, text: &str) -> Result<String, InvalidInput> {
    let invalid = |problem: &str| InvalidInput::new("webhook_url", problem);
    let webhooks = webhooks.ok_or_else(|| invalid("cannot be called: WEBHOOK_SECRET is not set on this server"))?;
    webhooks.client.accept(text).map(Into::into).map_err(|problem| invalid(&problem))
}

/// Makes due calls until the process stops.
pub(super) async fn deliver(shared: Arc<Shared>, webhooks: Webhooks, stop: CancellationToken) {
    let mut calls = JoinSet::new();
    let mut brands: HashMap<Id, BrandId> = HashMap::new();
    while !stop.is_cancelled() {
        let claimed = claim(&shared, &webhooks, &brands).await;
        let found = !claimed.is_empty();
        for webhook in claimed {
            let brand_id = webhook.brand_id;
            let call = calls.spawn(call(shared.clone(), webhooks.clone(), webhook));
            brands.insert(call.id(), brand_id);
        }
        if found {
            continue;
        }
        tokio::select! {
            Some(ended) = calls.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                brands.remove(&id);
            }
            () = shared.webhook_due.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
    let last = async { while calls.join_next().await.is_some() {} };
    // The lease of those that are cut runs out, and they are made again.
    let _ = tokio::time::timeout(LAST_CALLS, last).await;
}

async fn claim(shared: &Shared, webhooks: &Webhooks, brands: &HashMap<Id, BrandId>) -> Vec<ClaimedWebhook> {
    let limit = MOST_CALLS.saturating_sub(u32::try_from(brands.len()).unwrap_or(u32::MAX));
    if limit == 0 {
        return Vec::new();
    }
    let mut under_way = HashMap::new();
    for brand_id in brands.values() {
        *under_way.entry(*brand_id).or_default() += 1;
    }
    // Longer than a call and the writing of its outcome take.
    let lease = webhooks.client.patience() + 2 * PATIENCE;
    let claim = WebhookClaim { limit, per_brand: MOST_CALLS_OF_A_BRAND, under_way, lease };
    match shared.store.claim_webhooks(&claim).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::warn!(%error, "could not look for webhooks to call");
            Vec::new()
        }
    }
}

/// Makes one call. If what came of it cannot be written, it is made again: at least once is what is promised.
async fn call(shared: Arc<Shared>, webhooks: Webhooks, webhook: ClaimedWebhook) {
    let ClaimedWebhook { job_id, seq, attempt, .. } = webhook;
    let answer = webhooks.client.call(&webhook.url, &format!("{job_id}.{seq}"), &webhook.body).await;
    let (call, outcome) = outcome(answer, attempt, webhooks.delays);
    tracing::info!(%job_id, seq, attempt, outcome = call.as_str(), "called a webhook");
    meter::webhook_called(call);
    if let Err(error) = answer_within(PATIENCE, || shared.store.settle_webhook(&webhook, &outcome)).await {
        tracing::warn!(%error, %job_id, seq, "could not write what came of a webhook; it is called again");
    }
}

fn outcome(answer: WebhookAnswer, attempt: u32, delays: &[Duration]) -> (WebhookCall, WebhookOutcome) {
    let delay = usize::try_from(attempt).ok().and_then(|attempt| delays.get(attempt.saturating_sub(1)));
    match (answer, delay) {
        (WebhookAnswer::Accepted, _) => (WebhookCall::Delivered, WebhookOutcome::Delivered),
        (WebhookAnswer::Gone, _) => {
            let error = "it answered with status 410: it wants no more calls".to_owned();
            (WebhookCall::Gone, WebhookOutcome::GivenUp { error })
        }
        (WebhookAnswer::Failed(error), Some(delay)) => {
            // So that calls that failed together do not come back together.
            let after = delay.mul_f64(rand::rng().random_range(1.0..=1.2));
            (WebhookCall::Retried, WebhookOutcome::Again { error, after })
        }
        (WebhookAnswer::Failed(error), None) => (WebhookCall::GivenUp, WebhookOutcome::GivenUp { error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_tried_seven_times_with_growing_delays() {
        for (attempt, delay) in (1..).zip(DELAYS) {
            let (call, outcome) = outcome(WebhookAnswer::Failed("no".to_owned()), attempt, DELAYS);
            let WebhookOutcome::Again { after, .. } = outcome else { panic!("{outcome:?}") };
            assert!(
                call == WebhookCall::Retried && after >= *delay && after <= delay.mul_f64(1.21),
                "{attempt}: {after:?}"
            );
        }
        let (call, last) = outcome(WebhookAnswer::Failed("no".to_owned()), 7, DELAYS);
        assert_eq!((call, last), (WebhookCall::GivenUp, WebhookOutcome::GivenUp { error: "no".to_owned() }));
    }

    #[test]
    fn a_receiver_that_is_gone_is_not_called_again() {
        assert_eq!(outcome(WebhookAnswer::Gone, 1, DELAYS).0, WebhookCall::Gone);
        assert_eq!(outcome(WebhookAnswer::Accepted, 7, DELAYS), (WebhookCall::Delivered, WebhookOutcome::Delivered));
    }
}
