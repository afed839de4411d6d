//! What each job type does: one file per type, which reads as a list of steps, and the registry of those that can run.
//! Must not know how attempts are scheduled, or write to a job except through its context.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::job::JobType;
use crate::upstream::{Retry, UpstreamError};
use crate::write::{Failure, JobResult};

mod answer;
mod brand_context;
mod brand_extraction;
mod brand_intelligence;
mod campaigns;
mod competitor_analysis;
mod context;
mod generation;
mod input;
mod page_discovery;
mod products_services;
mod prompt;
mod question;
mod schema;
mod target_audiences;
mod usage;

pub use crate::upstream::address::LONGEST as LONGEST_URL;
pub use brand_extraction::BrandExtraction;
pub use brand_intelligence::BrandIntelligence;
pub use campaigns::Campaigns;
pub use competitor_analysis::CompetitorAnalysis;
pub use context::Context;
pub use input::{Input, InputKind, InvalidInput, validate};
pub use page_discovery::PageDiscovery;
pub use products_services::ProductsServices;
pub use target_audiences::TargetAudiences;

/// The work of one job type.
#[async_trait]
pub trait Pipeline: Send + Sync + 'static {
    /// What does not change.
    fn definition(&self) -> &'static Definition;

    /// Checks what a table of single members cannot say: pairs of members of the checked input.
    ///
    /// # Errors
    /// [`InvalidInput`] that names one of the members.
    fn check(&self, _input_data: &Value) -> Result<(), InvalidInput> {
        Ok(())
    }

    /// The environment variable of a key that the type needs and that is not set.
    fn missing_key(&self) -> Option<&'static str>;

    /// Does the work of one attempt. Dropping the future stops it and closes its upstream connection.
    async fn run(&self, context: &Context, input_data: Value) -> Result<JobResult, AttemptError>;
}

/// What is fixed about a job type.
#[derive(Debug)]
pub struct Definition {
    /// The type.
    pub job_type: JobType,
    /// The members that `input_data` may have.
    pub inputs: &'static [Input],
    /// The steps that a person sees, in their order; never empty.
    pub steps: &'static [Step],
    /// How long one attempt may take at the most; then it counts as failed.
    pub time_limit: Duration,
}

impl Definition {
    /// That of a type, whether it can run in this process or not.
    pub fn of(job_type: JobType) -> &'static Definition {
        match job_type {
            JobType::BrandIntelligence => &brand_intelligence::DEFINITION,
            JobType::CompetitorAnalysis => &competitor_analysis::DEFINITION,
            JobType::TargetAudiences => &target_audiences::DEFINITION,
            JobType::ProductsServices => &products_services::DEFINITION,
            JobType::Campaigns => &campaigns::DEFINITION,
            JobType::BrandExtraction => &brand_extraction::DEFINITION,
            JobType::PageDiscovery => &page_discovery::DEFINITION,
        }
    }
}

/// A named part of a job.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The name under which its output is stored; further outputs of the step have names that begin with it.
    pub name: &'static str,
    /// What a person reads while it runs.
    pub title: &'static str,
    /// How long it takes, as long as none has been measured.
    pub typical: Duration,
}

/// The job types that this process can run.
#[derive(Clone)]
pub struct Registry {
    pipelines: Arc<[Arc<dyn Pipeline>]>,
}

impl Registry {
    /// A registry of these pipelines, in the order in which they are shown.
    pub fn new(pipelines: Vec<Arc<dyn Pipeline>>) -> Registry {
        Registry { pipelines: pipelines.into() }
    }

    /// The pipeline of a type.
    pub fn get(&self, job_type: JobType) -> Option<&Arc<dyn Pipeline>> {
        self.pipelines.iter().find(|pipeline| pipeline.definition().job_type == job_type)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Pipeline>> {
        self.pipelines.iter()
    }
}

/// Why an attempt did not produce a result.
#[derive(Debug)]
pub enum AttemptError {
    /// Another attempt would fail as well.
    Fatal(Failure),
    /// Another attempt may succeed, after the delay where the upstream named one.
    Retryable(Failure, Option<Duration>),
    /// The attempt no longer holds its job; there is nothing to report.
    Superseded,
    /// The database stayed away; the lease runs out by itself.
    StoreUnavailable,
}

impl AttemptError {
    /// An error that another attempt would meet as well; `code` is its stable word, the message is for a person.
    pub fn fatal(code: &str, message: impl Into<String>) -> AttemptError {
        AttemptError::Fatal(Failure { message: message.into(), code: code.to_owned() })
    }

    /// An error that another attempt may not meet.
    pub fn retryable(code: &str, message: impl Into<String>) -> AttemptError {
        AttemptError::Retryable(Failure { message: message.into(), code: code.to_owned() }, None)
    }

    /// The same, with the delay of the next attempt.
    pub fn retryable_after(delay: Duration, code: &str, message: impl Into<String>) -> AttemptError {
        AttemptError::Retryable(Failure { message: message.into(), code: code.to_owned() }, Some(delay))
    }
}

/// Reads what was stored by this version or another.
///
/// # Errors
/// Fatal: what is stored does not change.
fn read<T: serde::de::DeserializeOwned>(stored: Value, problem: &str) -> Result<T, AttemptError> {
    serde_json::from_value(stored).map_err(|error| AttemptError::fatal("unreadable", format!("{problem}: {error}")))
}

/// The job's input, which was checked when it was started.
fn read_input<T: serde::de::DeserializeOwned>(input_data: Value) -> Result<T, AttemptError> {
    read(input_data, "The stored input of the job cannot be read")
}

/// The members of the first object and then those of the second.
fn merged(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut first), Value::Object(second)) => {
            first.extend(second);
            Value::Object(first)
        }
        (first, _) => first,
    }
}

impl From<UpstreamError> for AttemptError {
    fn from(error: UpstreamError) -> AttemptError {
        let request = error.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
        let failure = Failure { message: format!("{}{request}", error.message), code: error.code };
        match error.retry {
            Retry::Never => AttemptError::Fatal(failure),
            Retry::Backoff => AttemptError::Retryable(failure, None),
            Retry::After(delay) => AttemptError::Retryable(failure, Some(delay)),
        }
    }
}
