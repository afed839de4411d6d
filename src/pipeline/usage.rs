//! What a job used of paid upstreams, as its result and its terminal event show it.
//! Must not be taken for a bill: prices are list prices, and calls that broke off are not known.

use serde::{Deserialize, Serialize};

use crate::upstream::{ClaudeAnswer, ClaudeUsage, cost_usd};

/// Calls to the model, their tokens, and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Usage {
    /// Answers that came to their end.
    pub calls: u32,
    /// Their tokens.
    #[serde(flatten)]
    pub tokens: ClaudeUsage,
    /// What they cost by the price list, in US dollars; nothing where the price of a model is not known.
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// Of one answer.
    pub(super) fn of_call(answer: &ClaudeAnswer) -> Usage {
        Usage { calls: 1, tokens: answer.usage, cost_usd: cost_usd(&answer.model, &answer.usage).map(rounded) }
    }

    /// With what another answer took.
    pub(super) fn and(mut self, other: &Usage) -> Usage {
        self.calls += other.calls;
        self.tokens += other.tokens;
        self.cost_usd = self.cost_usd.zip(other.cost_usd).map(|(one, other)| rounded(one + other));
        self
    }
}

/// To a millionth of a dollar: one token of the cheapest model costs a tenth of that.
fn rounded(dollars: f64) -> f64 {
    (dollars * 1e6).round() / 1e6
}
