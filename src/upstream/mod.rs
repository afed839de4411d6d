//! Typed clients for the services that jobs are made of, each of whose errors says whether another try may help.
//! This module imports nothing from the rest of the crate and repeats no request by itself.
//!
//! A call here is one request: whether to try again is a decision that belongs to the job and is recorded with it.
//! `reqwest` is used in this module alone (and by the demo's stand-ins).

mod call;
mod deadline;
mod error;
mod http;
mod json;
mod key;
mod sign_of_life;
mod text;

pub mod address;
pub mod claude;
pub mod foreplay;
pub mod gtm;
pub mod sse;
pub mod webhook;

#[cfg(test)]
mod metrics_text;
#[cfg(test)]
mod raw_server;

pub use address::{Reach, Unreachable};
pub use claude::{
    AnswerContent, ClaudeAnswer, ClaudeClient, ClaudeEvent, ClaudeLimits, ClaudePrompt, ClaudeUsage, Revision, cost_usd,
};
pub use error::{Retry, UpstreamError};
pub use foreplay::{AdPage, AdSearch, ForeplayClient, ForeplayLimits};
pub use gtm::{AnalyzeBrand, DiscoverPages, DocumentLimits, ExtractBrand, GtmClient, GtmEvent, GtmLimits, GtmProgress};
pub use key::ApiKey;
pub use sign_of_life::{SignOfLife, sign_of_claude, sign_of_foreplay, sign_of_gtm};
pub use sse::{SseDecoder, SseEvent, SseLimitExceeded, SseLimits};
pub use webhook::{WebhookAnswer, WebhookClient, WebhookSecret};
