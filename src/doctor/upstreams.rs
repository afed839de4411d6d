//! The upstreams: whether each answers, and whether it takes its key.
//! Must not ask for any work of theirs.

use url::Url;

use crate::config::Config;
use crate::upstream::{SignOfLife, sign_of_claude, sign_of_foreplay, sign_of_gtm};

use super::finding::Finding;

/// All at once; one whose key is missing is not asked.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let claude = async {
        let key = config.claude_key()?;
        let reach = sign_of_claude(&config.anthropic_base_url, &key, &config.anthropic_model).await;
        Some(told("claude", &config.anthropic_base_url, "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", reach))
    };
    let foreplay = async {
        let reach = sign_of_foreplay(&config.foreplay_base_url, &config.foreplay_key()?).await;
        Some(told("foreplay", &config.foreplay_base_url, "FOREPLAY_BASE_URL", "FOREPLAY_API_KEY", reach))
    };
    let gtm = async {
        let reach = sign_of_gtm(&config.gtm_base_url).await;
        Some(told("gtm", &config.gtm_base_url, "GTM_BASE_URL", "GTM_BASE_URL", reach))
    };
    let (gtm, foreplay, claude) = tokio::join!(gtm, foreplay, claude);
    [gtm, foreplay, claude].into_iter().flatten().collect()
}

fn told(check: &'static str, base_url: &Url, address: &str, key: &str, reach: SignOfLife) -> Finding {
    // Without a user and a password, which an address may hold.
    let place = base_url.origin().ascii_serialization();
    match reach {
        SignOfLife::Well(says) => Finding::ok(check, says),
        SignOfLife::Unclear(says) => Finding::warn(check, format!("{place} {says}"), format!("check {address}")),
        SignOfLife::KeyRefused(says) => Finding::fail(
            check,
            format!("{place}: {says}"),
            format!("check {key}: it may be revoked, or of another account"),
        ),
        SignOfLife::Troubled(says) => Finding::warn(
            check,
            format!("{place}: {says}"),
            "jobs that need it fail until that has passed or is settled",
        ),
        SignOfLife::Unreachable(says) => Finding::fail(
            check,
            format!("{place} cannot be reached: {says}"),
            format!("check {address}, and that this machine may connect to it (DNS, firewall, proxy)"),
        ),
    }
}
