//! What calls to Claude used up, in tokens.
//! It knows no prices.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// The tokens of one call, or of several added up. The four kinds do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaudeUsage {
    /// Tokens read, without those that came from the prompt cache or went into it.
    pub input_tokens: u64,
    /// Tokens written, thinking included.
    pub output_tokens: u64,
    /// Tokens read from the prompt cache.
    pub cache_read_input_tokens: u64,
    /// Tokens written to the prompt cache.
    pub cache_creation_input_tokens: u64,
}

impl ClaudeUsage {
    pub(super) fn count(&self) {
        for (kind, tokens) in [
            ("input", self.input_tokens),
            ("output", self.output_tokens),
            ("cache_read", self.cache_read_input_tokens),
            ("cache_creation", self.cache_creation_input_tokens),
        ] {
            metrics::counter!("jobcast_claude_tokens_total", "kind" => kind).increment(tokens);
        }
    }
}

/// Stays at the highest number rather than overflow.
impl AddAssign for ClaudeUsage {
    fn add_assign(&mut self, more: Self) {
        for (sum, tokens) in [
            (&mut self.input_tokens, more.input_tokens),
            (&mut self.output_tokens, more.output_tokens),
            (&mut self.cache_read_input_tokens, more.cache_read_input_tokens),
            (&mut self.cache_creation_input_tokens, more.cache_creation_input_tokens),
        ] {
            *sum = sum.saturating_add(tokens);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_adds_up_and_does_not_overflow() {
        let call = ClaudeUsage {
            input_tokens: 1,
            output_tokens: 20,
            cache_read_input_tokens: 300,
            cache_creation_input_tokens: 4000,
        };
        let mut sum = ClaudeUsage { output_tokens: u64::MAX - 1, ..call };
        sum += call;
        let expected = ClaudeUsage {
            input_tokens: 2,
            output_tokens: u64::MAX,
            cache_read_input_tokens: 600,
            cache_creation_input_tokens: 8000,
        };
        assert_eq!(sum, expected);
    }

    #[test]
    fn usage_is_stored_by_the_names_of_the_api() {
        let stored =
            r#"{"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":3,"cache_creation_input_tokens":4}"#;
        let usage: ClaudeUsage = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&usage).unwrap(), stored);
        assert_eq!(serde_json::from_str::<ClaudeUsage>("{}").unwrap(), ClaudeUsage::default());
    }
}
