//! A store that counts the reads that viewers cause, and does what another one does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use jobcast::event::{Event, Seq, Subject};
use jobcast::job::{Attempt, BrandId, JobId, JobType};
use jobcast::store::{
    BrandStream, Claim, Claimed, ClaimedWebhook, Committed, JobFilter, Notice, Part, Position, Queue, StepDuration,
    Store, StoreError, StoredJob, WebhookClaim, WebhookOutcome,
};
use jobcast::write::{Refusal, ResultTable, Write};
use serde_json::Value;
use uuid::Uuid;

pub struct CountingStore {
    store: Arc<dyn Store>,
    pages: AtomicU64,
    jobs: AtomicU64,
    brands: AtomicU64,
    commits: AtomicU64,
}

/// How often each was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// Pages of events.
    pub pages: u64,
    /// Jobs by their id.
    pub jobs: u64,
    /// Positions of brands.
    pub brands: u64,
    /// Batches of writes, which read the jobs that they are about.
    pub commits: u64,
}

impl CountingStore {
    pub fn over(store: Arc<dyn Store>) -> Arc<CountingStore> {
        let zero = AtomicU64::default;
        Arc::new(CountingStore { store, pages: zero(), jobs: zero(), brands: zero(), commits: zero() })
    }

    /// The reads since the last call.
    pub fn take_reads(&self) -> Reads {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let (pages, jobs) = (take(&self.pages), take(&self.jobs));
        Reads { pages, jobs, brands: take(&self.brands), commits: take(&self.commits) }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[async_trait]
impl Store for CountingStore {
    async fn commit(&self, batch: Uuid, writes: &[Write]) -> Result<Vec<Result<Committed, Refusal>>, StoreError> {
        count(&self.commits);
        self.store.commit(batch, writes).await
    }

    fn parts(&self, writes: &[Write], under_way: usize) -> Vec<Part> {
        self.store.parts(writes, under_way)
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
        self.store.claim(claim).await
    }

    async fn still_held(&self, held: &[(JobId, Attempt)]) -> Result<Vec<(JobId, Attempt)>, StoreError> {
        self.store.still_held(held).await
    }

    async fn heartbeat(&self, held: &[(JobId, Attempt)]) -> Result<Vec<(JobId, Attempt)>, StoreError> {
        self.store.heartbeat(held).await
    }

    async fn expired_leases(&self, limit: u32) -> Result<Vec<(JobId, Attempt)>, StoreError> {
        self.store.expired_leases(limit).await
    }

    async fn job(&self, id: JobId) -> Result<Option<StoredJob>, StoreError> {
        count(&self.jobs);
        self.store.job(id).await
    }

    async fn result_data(&self, id: JobId) -> Result<Option<Value>, StoreError> {
        self.store.result_data(id).await
    }

    async fn jobs(
        &self,
        filter: &JobFilter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<StoredJob>, StoreError> {
        self.store.jobs(filter, after, limit).await
    }

    async fn events_after(&self, subject: Subject, cursor: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        count(&self.pages);
        self.store.events_after(subject, cursor, limit).await
    }

    async fn news(&self, after: &[(Subject, Seq)], limit: u32) -> Result<Vec<(Subject, Vec<Event>)>, StoreError> {
        self.store.news(after, limit).await
    }

    async fn brand_stream(&self, brand_id: BrandId) -> Result<BrandStream, StoreError> {
        count(&self.brands);
        self.store.brand_stream(brand_id).await
    }

    async fn step_output(&self, id: JobId, name: &str) -> Result<Option<Value>, StoreError> {
        self.store.step_output(id, name).await
    }

    async fn recent_steps(&self, job_type: JobType, limit: u32) -> Result<Vec<StepDuration>, StoreError> {
        self.store.recent_steps(job_type, limit).await
    }

    async fn latest_rows(&self, table: ResultTable, brand_id: BrandId, limit: u32) -> Result<Vec<Value>, StoreError> {
        self.store.latest_rows(table, brand_id, limit).await
    }

    async fn brand(&self, brand_id: BrandId) -> Result<Option<Value>, StoreError> {
        self.store.brand(brand_id).await
    }

    async fn prune(&self, deltas_before: DateTime<Utc>, events_before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.store.prune(deltas_before, events_before).await
    }

    async fn claim_webhooks(&self, claim: &WebhookClaim) -> Result<Vec<ClaimedWebhook>, StoreError> {
        self.store.claim_webhooks(claim).await
    }

    async fn settle_webhook(&self, webhook: &ClaimedWebhook, outcome: &WebhookOutcome) -> Result<(), StoreError> {
        self.store.settle_webhook(webhook, outcome).await
    }

    async fn queue(&self) -> Result<Queue, StoreError> {
        self.store.queue().await
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    async fn announce(&self, changed: &[(BrandId, JobId)]) -> Result<(), StoreError> {
        self.store.announce(changed).await
    }

    fn notices(&self) -> BoxStream<'static, Notice> {
        self.store.notices()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
