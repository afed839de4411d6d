//! The settings: whether they fit each other, who may use the server, and whether the keys are there.
//! Must not show a key or a secret, nor a part of one.

use crate::config::Config;
use crate::upstream::WebhookSecret;

use super::finding::Finding;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    vec![consistency(config), access(config), proxy(config), claude_key(config), foreplay_key(config), webhooks(config)]
}

fn consistency(config: &Config) -> Finding {
    match config.check() {
        Ok(()) => Finding::ok("settings", "fit each other"),
        Err(error) => Finding::fail("settings", error.to_string(), "the server does not start before this is mended"),
    }
}

fn access(config: &Config) -> Finding {
    let make_one = "make one with: openssl rand -base64 48";
    match config.keys() {
        Err(error) => Finding::fail("access", error.to_string(), make_one),
        Ok(Some(_)) => Finding::ok("access", "every request about jobs needs a token (AUTH_SECRET)"),
        Ok(None) if config.host.is_loopback() => {
            Finding::ok("access", "no token is asked for; only this machine can reach the server")
        }
        Ok(None) if config.allow_anonymous => Finding::warn(
            "access",
            "whoever reaches the port can start jobs and read every result (ALLOW_ANONYMOUS)",
            format!("set AUTH_SECRET ({make_one}), or make sure that the network keeps strangers out"),
        ),
        Ok(None) => Finding::fail(
            "access",
            "others can reach HOST, and AUTH_SECRET is not set",
            format!("set AUTH_SECRET; {make_one}"),
        ),
    }
}

fn proxy(config: &Config) -> Finding {
    match (config.is_on_fly(), config.trust_proxy) {
        (true, false) => Finding::warn(
            "proxy",
            "all clients share the address of Fly's proxy, and MAX_STREAMS_PER_ADDRESS with it",
            "set TRUST_PROXY=true",
        ),
        (_, true) => Finding::ok("proxy", "the one in front tells each client's address (TRUST_PROXY)"),
        (false, false) => Finding::ok("proxy", "none: a client's address is that of its connection"),
    }
}

fn webhooks(config: &Config) -> Finding {
    match config.webhook_secret().map(WebhookSecret::check) {
        None => Finding::ok(
            "webhooks",
            "off (WEBHOOK_SECRET is not set): a start with a webhook_url is refused, and calls that were stored wait",
        ),
        Some(Ok(())) => Finding::ok("webhooks", "on, signed with WEBHOOK_SECRET"),
        Some(Err(problem)) => Finding::fail(
            "webhooks",
            format!("WEBHOOK_SECRET {problem}"),
            "make one with: echo whsec_$(openssl rand -base64 32)",
        ),
    }
}

fn claude_key(config: &Config) -> Finding {
    let is_set = |name| std::env::var(name).is_ok_and(|key| !key.trim().is_empty());
    let own = config.anthropic_api_key.as_ref().is_some_and(|key| !key.is_empty());
    match config.claude_key() {
        None => Finding::fail(
            "claude key",
            "is not set: all job types but brand_extraction and page_discovery are refused with 503",
            "set ANTHROPIC_API_KEY",
        ),
        Some(_) if !own && !is_set("CLAUDE_API_KEY") => Finding::warn(
            "claude key",
            "comes from VITE_CLAUDE_API_KEY, a name whose value a front end's bundler may publish",
            "set it as ANTHROPIC_API_KEY",
        ),
        Some(_) => Finding::ok("claude key", "is set"),
    }
}

fn foreplay_key(config: &Config) -> Finding {
    match config.foreplay_key() {
        None => Finding::warn(
            "foreplay key",
            "is not set: competitor_analysis is refused with 503",
            "set FOREPLAY_API_KEY if that job type is wanted",
        ),
        Some(_) => Finding::ok("foreplay key", "is set"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::finding::Level;
    use super::*;
    use crate::config::Cli;

    #[test]
    fn access_is_judged_by_who_can_reach_the_server() {
        let long = "s".repeat(32);
        for (secret, previous, flags, level) in [
            ("", "", &[][..], Level::Ok),
            ("", "", &["--host", "0.0.0.0", "--allow-anonymous"], Level::Warn),
            ("", "", &["--host", "0.0.0.0"], Level::Fail),
            ("short", "", &[], Level::Fail),
            (&long[1..], "", &["--host", "0.0.0.0", "--allow-anonymous"], Level::Fail),
            (&long, "", &["--host", "0.0.0.0"], Level::Ok),
            (&long, &long, &[], Level::Ok),
            (&long, "short", &[], Level::Fail),
            ("", &long, &[], Level::Fail),
        ] {
            let secrets = ["jobcast", "--auth-secret", secret, "--auth-secret-previous", previous];
            let finding = access(&Cli::parse_from([&secrets, flags].concat()).config);
            assert_eq!(finding.level, level, "{finding}");
            assert!(secret.is_empty() || !finding.to_string().contains(secret), "{finding}");
        }
    }
}
