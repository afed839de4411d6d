//! The job and the words that describe it: ids, type, status and its legal transitions.
//! Must not do I/O, know about storage or about HTTP.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::event::Seq;

/// One request for work, as a reader sees it. Its input and its result are read separately, because they can be large.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The job's id.
    pub id: JobId,
    /// The brand that the job was started for.
    pub brand_id: BrandId,
    /// What kind of work it is.
    pub job_type: JobType,
    /// Where the job is in its life.
    pub status: JobStatus,
    /// Percent done, 0 to 100; never goes down within an attempt.
    pub progress: u8,
    /// What is going on, for a person: `Step 1/3: Analyzing the site`.
    pub current_step: String,
    /// The number of the current step, from 1; 0 before the first.
    pub step: u32,
    /// How many steps the job has.
    pub total_steps: u32,
    /// When the current step began; nothing before the first attempt.
    pub step_started_at: Option<DateTime<Utc>>,
    /// How many attempts failed and were followed by another since the job was last queued by a user.
    pub retry_count: u32,
    /// How many such attempts there may be.
    pub max_retries: u32,
    /// The number of the latest attempt; 0 before the first. It fences every write of an attempt.
    pub attempt: Attempt,
    /// The seq of the job's latest event.
    pub last_seq: Seq,
    /// History up to and including this seq was removed by retention.
    pub pruned_through: Seq,
    /// When the job was created.
    pub created_at: DateTime<Utc>,
    /// How long it was expected to take when it was created, in seconds.
    pub estimated_duration: u32,
    /// When its first attempt since it was queued began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it reached a terminal status.
    pub completed_at: Option<DateTime<Utc>>,
    /// The row that a completed job created.
    pub result_id: Option<Uuid>,
    /// Why it failed, or why its last attempt did.
    pub error_message: Option<String>,
    /// A stable word for that reason.
    pub error_code: Option<String>,
    /// What is called when the job is over.
    pub webhook_url: Option<String>,
}

/// A job that is about to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// The brand that the job is for.
    pub brand_id: BrandId,
    /// What kind of work it is.
    pub job_type: JobType,
    /// The validated input of that type.
    pub input_data: serde_json::Value,
    /// What the client calls this start: another start of the brand under the same key is the same job.
    pub idempotency_key: Option<String>,
    /// What is to be called when the job is over; checked.
    pub webhook_url: Option<String>,
    /// How long the job will probably take, in seconds.
    pub estimated_duration: u32,
    /// How many steps the job will have.
    pub total_steps: u32,
    /// How many attempts may fail and be followed by another.
    pub max_retries: u32,
}

#[cfg(test)]
impl NewJob {
    /// A job without anything special, for unit tests.
    pub(crate) fn of(brand_id: BrandId) -> NewJob {
        NewJob {
            brand_id,
            job_type: JobType::BrandIntelligence,
            input_data: serde_json::json!({}),
            idempotency_key: None,
            webhook_url: None,
            estimated_duration: 90,
            total_steps: 3,
            max_retries: 3,
        }
    }
}

/// The number of an execution of a job, from 1.
pub type Attempt = u32;

/// The id of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl JobId {
    /// A new id; ids made later sort later.
    pub fn new() -> JobId {
        JobId(Uuid::now_v7())
    }
}

impl Default for JobId {
    fn default() -> JobId {
        JobId::new()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BrandId(pub Uuid);

impl fmt::Display for BrandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobType {
    /// Analyse a site, extract what the brand stands for, save it.
    BrandIntelligence,
    /// Search a competitor's ads, analyse them, save the analysis.
    CompetitorAnalysis,
    /// Generate personas from what is known of the brand.
    TargetAudiences,
    /// Generate products and services from what is known of the brand.
    ProductsServices,
    /// Generate campaigns from what is known of the brand.
    Campaigns,
    /// Extract a site's colours, fonts and logos.
    BrandExtraction,
    /// Find the pages of a site that speak about its brand.
    PageDiscovery,
}

impl JobType {
    /// All of them, in the order in which they are shown.
    pub const ALL: [JobType; 7] = [
        JobType::BrandIntelligence,
        JobType::CompetitorAnalysis,
        JobType::TargetAudiences,
        JobType::ProductsServices,
        JobType::Campaigns,
        JobType::BrandExtraction,
        JobType::PageDiscovery,
    ];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            JobType::BrandIntelligence => "brand_intelligence",
            JobType::CompetitorAnalysis => "competitor_analysis",
            JobType::TargetAudiences => "target_audiences",
            JobType::ProductsServices => "products_services",
            JobType::Campaigns => "campaigns",
            JobType::BrandExtraction => "brand_extraction",
            JobType::PageDiscovery => "page_discovery",
        }
    }
}

impl FromStr for JobType {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<JobType, UnknownName> {
        JobType::ALL.into_iter().find(|job_type| job_type.as_str() == name).ok_or_else(|| UnknownName(name.to_owned()))
    }
}

impl fmt::Display for JobType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for a worker.
    Pending,
    /// An attempt is under way.
    Processing,
    /// Done; there is a result.
    Completed,
    /// Given up; there is a reason.
    Failed,
    /// Stopped by a user.
    Cancelled,
}

impl JobStatus {
    /// All of them, in the order of a job's life.
    pub const ALL: [JobStatus; 5] =
        [JobStatus::Pending, JobStatus::Processing, JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Pending => "pending",
            JobStatus::Processing => "processing",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens to the job unless a user retries it.
    pub fn is_terminal(self) -> bool {
        matches!(self, JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled)
    }

    /// Whether a job of this status may become `next`.
    ///
    /// A failed or cancelled job goes back to `pending` by a user's retry alone; a completed one stays completed.
    pub fn may_become(self, next: JobStatus) -> bool {
        use JobStatus::*;
        matches!(
            (self, next),
            (Pending, Processing | Cancelled)
                | (Processing, Pending | Completed | Failed | Cancelled)
                | (Failed | Cancelled, Pending)
        )
    }
}

impl FromStr for JobStatus {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<JobStatus, UnknownName> {
        JobStatus::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| UnknownName(name.to_owned()))
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is not one of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a known name")]
pub struct UnknownName(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_round_trip() {
        for status in JobStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for job_type in JobType::ALL {
            assert_eq!(job_type.as_str().parse(), Ok(job_type));
            assert_eq!(serde_json::to_value(job_type).unwrap(), job_type.as_str());
        }
        assert!("done".parse::<JobStatus>().is_err());
    }

    #[test]
    fn only_a_users_retry_leaves_a_terminal_status() {
        for status in JobStatus::ALL.into_iter().filter(|status| status.is_terminal()) {
            for next in JobStatus::ALL {
                let is_retry = next == JobStatus::Pending && status != JobStatus::Completed;
                assert_eq!(status.may_become(next), is_retry, "{status} → {next}");
            }
        }
    }
}
