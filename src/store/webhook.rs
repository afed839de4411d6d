//! Deliveries to the webhooks of jobs, in the store's words: what is due, what became of it, what readers see.
//! Must not touch a database or send anything.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::plan::CANDIDATES_PER_CLAIM;
use crate::event::Seq;
use crate::job::{BrandId, JobId};

/// How the delivery of a job's end stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookStatus {
    /// The job is not over, or it could not be told of yet.
    Pending,
    /// The receiver has confirmed it.
    Delivered,
    /// It was given up.
    Failed,
}

impl WebhookStatus {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            WebhookStatus::Pending => "pending",
            WebhookStatus::Delivered => "delivered",
            WebhookStatus::Failed => "failed",
        }
    }

    /// What a later version may write beside these reads as pending.
    fn read(name: &str) -> WebhookStatus {
        match name {
            "delivered" => WebhookStatus::Delivered,
            "failed" => WebhookStatus::Failed,
            _ => WebhookStatus::Pending,
        }
    }
}

/// The delivery of a job's latest end, as readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookState {
    /// Where it is sent.
    pub url: String,
    /// How it stands.
    pub status: WebhookStatus,
    /// Tries that were begun.
    pub attempts: u32,
    /// What the last failed try met.
    pub last_error: Option<String>,
    /// When the next try may begin; while one is under way, when it is taken for lost.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When the receiver confirmed it.
    pub delivered_at: Option<DateTime<Utc>>,
}

impl WebhookState {
    /// That of a job which is not over.
    pub(super) fn before_the_end(url: String) -> WebhookState {
        let status = WebhookStatus::Pending;
        WebhookState { url, status, attempts: 0, last_error: None, next_attempt_at: None, delivered_at: None }
    }
}

/// The delivery of one event, as a row of the database has it.
pub(super) struct DeliveryRow {
    pub job_id: JobId,
    pub status: String,
    pub attempts: u32,
    pub last_error: Option<String>,
    pub due_at: DateTime<Utc>,
    pub delivered_at: Option<DateTime<Utc>>,
}

impl DeliveryRow {
    pub(super) fn state(self, url: String) -> WebhookState {
        let status = WebhookStatus::read(&self.status);
        WebhookState {
            url,
            status,
            attempts: self.attempts,
            last_error: self.last_error,
            next_attempt_at: (status == WebhookStatus::Pending).then_some(self.due_at),
            delivered_at: self.delivered_at,
        }
    }
}

/// What a sender asks for.
#[derive(Debug, Clone)]
pub struct WebhookClaim {
    /// How many deliveries at the most.
    pub limit: u32,
    /// How many of one brand may be under way at once with this sender: one slow receiver must not hold up all others.
    pub per_brand: u32,
    /// How many of each brand are.
    pub under_way: HashMap<BrandId, u32>,
    /// After this time without a word another sender may try.
    pub lease: Duration,
}

impl WebhookClaim {
    /// How many due deliveries to look at.
    pub(super) fn candidates(&self) -> i64 {
        i64::from(self.limit) * i64::from(CANDIDATES_PER_CLAIM)
    }

    /// Brands that have no room left.
    pub(super) fn full_brands(&self) -> impl Iterator<Item = BrandId> {
        self.under_way.iter().filter(|(_, count)| **count >= self.per_brand).map(|(brand_id, _)| *brand_id)
    }

    /// The first of the candidates for which there is room, with one try more.
    pub(super) fn pick(&self, candidates: Vec<ClaimedWebhook>) -> Vec<ClaimedWebhook> {
        let mut under_way = self.under_way.clone();
        let mut picked = Vec::new();
        for mut candidate in candidates {
            let count = under_way.entry(candidate.brand_id).or_default();
            if picked.len() < self.limit as usize && *count < self.per_brand {
                *count += 1;
                candidate.attempt += 1;
                picked.push(candidate);
            }
        }
        picked
    }
}

/// A delivery that this sender is to try now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedWebhook {
    /// The job that is over.
    pub job_id: JobId,
    /// Its terminal event.
    pub seq: Seq,
    /// Its brand.
    pub brand_id: BrandId,
    /// Where to send it.
    pub url: String,
    /// What to send.
    pub body: String,
    /// The number of the try, from 1. What is written of it is dropped once another has begun.
    pub attempt: u32,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// The receiver has confirmed it.
    Delivered,
    /// It is to be tried again after this time.
    Again {
        /// What the try met.
        error: String,
        /// From now.
        after: Duration,
    },
    /// It is given up.
    GivenUp {
        /// What the try met.
        error: String,
    },
}

impl WebhookOutcome {
    pub(super) fn status(&self) -> WebhookStatus {
        match self {
            WebhookOutcome::Delivered => WebhookStatus::Delivered,
            WebhookOutcome::Again { .. } => WebhookStatus::Pending,
            WebhookOutcome::GivenUp { .. } => WebhookStatus::Failed,
        }
    }

    pub(super) fn error(&self) -> Option<&str> {
        match self {
            WebhookOutcome::Delivered => None,
            WebhookOutcome::Again { error, .. } | WebhookOutcome::GivenUp { error } => Some(error),
        }
    }

    pub(super) fn after(&self) -> Duration {
        match self {
            WebhookOutcome::Again { after, .. } => *after,
            WebhookOutcome::Delivered | WebhookOutcome::GivenUp { .. } => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_brand_with_many_deliveries_leaves_room_for_others() {
        let (busy, other, full) = (BrandId(Uuid::new_v4()), BrandId(Uuid::new_v4()), BrandId(Uuid::new_v4()));
        let due = |brand_id| ClaimedWebhook {
            job_id: JobId::new(),
            seq: 3,
            brand_id,
            url: String::new(),
            body: String::new(),
            attempt: 1,
        };
        let under_way = HashMap::from([(full, 2)]);
        let claim = WebhookClaim { limit: 4, per_brand: 2, under_way, lease: Duration::ZERO };
        let picked = claim.pick([busy, busy, busy, full, other, other, other].map(due).to_vec());
        let brands: Vec<BrandId> = picked.iter().map(|picked| picked.brand_id).collect();
        assert_eq!(brands, [busy, busy, other, other]);
        assert!(picked.iter().all(|picked| picked.attempt == 2));
        assert_eq!(claim.full_brands().collect::<Vec<_>>(), [full]);
    }
}
