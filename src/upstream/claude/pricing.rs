//! What a call to Claude costs, by Anthropic's public prices.
//! It guesses nothing: a model that is not in the table has no price.

use super::usage::ClaudeUsage;

/// Dollars for a million tokens.
#[derive(Clone, Copy)]
struct Price {
    input: f64,
    output: f64,
}

/// A prompt of more tokens than this is a long one for models whose price depends on it.
const LONG_PROMPT: u64 = 100_000;

/// Reading from the prompt cache costs a tenth of the input (Anthropic's pricing page).
const CACHE_READ: f64 = 0.1;

/// Writing to the prompt cache for five minutes costs a quarter more than the input (Anthropic's pricing page).
const CACHE_CREATION: f64 = 1.25;

/// What one call cost, in US dollars; none where the model's price is not known.
///
/// `model` is the id in the request or in the answer: a date behind it (`-20260901`) does not change the price, nor does
/// the ` (simulated)` of the demo's answers. The price of `claude-haiku-5-5` depends on the length of the prompt, so
/// that several calls are to be priced one by one and not by the sum of their tokens.
pub fn cost_usd(model: &str, usage: &ClaudeUsage) -> Option<f64> {
    let read = usage
        .input_tokens
        .saturating_add(usage.cache_read_input_tokens)
        .saturating_add(usage.cache_creation_input_tokens);
    let price = price(base(model), read > LONG_PROMPT)?;
    let input = usage.input_tokens as f64
        + usage.cache_read_input_tokens as f64 * CACHE_READ
        + usage.cache_creation_input_tokens as f64 * CACHE_CREATION;
    Some((input * price.input + usage.output_tokens as f64 * price.output) / 1e6)
}

/// The table of UPSTREAMS §3.2.
fn price(model: &str, long_prompt: bool) -> Option<Price> {
    let (input, output) = match model {
        "claude-fable-5-1" => (10.0, 50.0),
        "claude-opus-5" => (5.0, 25.0),
        "claude-opus-5-5" => (4.0, 20.0),
        "claude-sonnet-5" | "claude-sonnet-5-5" => (2.0, 10.0),
        "claude-haiku-5-5" if long_prompt => (0.5, 2.5),
        "claude-haiku-5-5" => (0.1, 0.5),
        _ => return None,
    };
    Some(Price { input, output })
}

/// The model's id without a date and without the demo's remark.
fn base(model: &str) -> &str {
    let model = model.trim();
    let id = model.strip_suffix("(simulated)").map_or(model, str::trim_end);
    match id.rsplit_once('-') {
        Some((base, date)) if date.len() == 8 && date.bytes().all(|digit| digit.is_ascii_digit()) => base,
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLION: u64 = 1_000_000;

    #[track_caller]
    fn assert_cost(model: &str, usage: ClaudeUsage, dollars: f64) {
        let cost = cost_usd(model, &usage).unwrap();
        assert!((cost - dollars).abs() < 1e-9, "{model}: {cost}");
    }

    #[test]
    fn each_model_has_its_price() {
        for (model, input, output) in [
            ("claude-sonnet-5-5", 2.0, 10.0),
            ("claude-opus-5-5", 4.0, 20.0),
            ("claude-fable-5-1", 10.0, 50.0),
            ("claude-sonnet-5", 2.0, 10.0),
            ("claude-opus-5", 5.0, 25.0),
            ("claude-haiku-5-5", 0.5, 2.5),
        ] {
            assert_cost(model, ClaudeUsage { input_tokens: MILLION, ..ClaudeUsage::default() }, input);
            let written = ClaudeUsage { input_tokens: MILLION, output_tokens: MILLION, ..ClaudeUsage::default() };
            assert_cost(model, written, input + output);
        }
    }

    #[test]
    fn the_cache_has_prices_of_its_own() {
        let cached = ClaudeUsage { cache_read_input_tokens: MILLION, ..ClaudeUsage::default() };
        assert_cost("claude-sonnet-5-5", cached, 0.2);
        let caching = ClaudeUsage { cache_creation_input_tokens: MILLION, ..ClaudeUsage::default() };
        assert_cost("claude-sonnet-5-5", caching, 2.5);
    }

    #[test]
    fn a_long_prompt_has_another_price_for_haiku() {
        let prompt = |input_tokens, cached| ClaudeUsage {
            input_tokens,
            cache_read_input_tokens: cached,
            output_tokens: 1000,
            ..ClaudeUsage::default()
        };
        assert_cost("claude-haiku-5-5", prompt(100_000, 0), 0.0105);
        assert_cost("claude-haiku-5-5", prompt(100_001, 0), 0.0500005 + 0.0025);
        assert_cost("claude-haiku-5-5", prompt(1, 100_000), 0.0000005 + 0.005 + 0.0025);
    }

    #[test]
    fn a_date_or_the_demos_remark_does_not_change_the_price() {
        let usage = ClaudeUsage { input_tokens: MILLION, ..ClaudeUsage::default() };
        for model in [
            "claude-opus-5-20251101",
            "claude-opus-5 (simulated)",
            "claude-opus-5-20251101 (simulated)",
            " claude-opus-5 ",
        ] {
            assert_cost(model, usage, 5.0);
        }
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        let usage = ClaudeUsage { input_tokens: 1, ..ClaudeUsage::default() };
        for model in ["", "claude-opus-5-6", "claude-opus-5-2025110", "claude-3-5-sonnet-20241022", "gpt", "-20251101"]
        {
            assert_eq!(cost_usd(model, &usage), None, "{model}");
        }
    }
}
