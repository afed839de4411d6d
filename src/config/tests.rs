//! What fits and what does not.

use super::*;
use crate::access::SecretError;

fn parse(arguments: &[&str]) -> Config {
    Cli::try_parse_from([&["jobcast"], arguments].concat()).expect("the arguments are right").config
}

#[test]
fn the_command_line_is_consistent() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn a_public_address_needs_a_word() {
    assert_eq!(parse(&[]).check(), Ok(()));
    assert!(matches!(parse(&["--host", "0.0.0.0"]).check(), Err(ConfigError::Exposed(_))));
    assert_eq!(parse(&["--host", "0.0.0.0", "--allow-anonymous"]).check(), Ok(()));
    assert_eq!(parse(&["--host", "0.0.0.0", "--allow-anonymous", "true"]).check(), Ok(()));
}

#[test]
fn a_secret_lets_any_address_be_listened_on_and_is_checked() {
    let secret = "hunter2 hunter2 hunter2 hunter2!";
    assert_eq!(parse(&["--host", "0.0.0.0", "--auth-secret", secret]).check(), Ok(()));
    let both = ["--auth-secret", secret, "--auth-secret-previous", secret];
    assert_eq!(parse(&both).check(), Ok(()));
    let short = |variable| Err(ConfigError::Secret { variable, problem: SecretError::TooShort(7) });
    assert_eq!(parse(&["--auth-secret", "hunter2"]).check(), short("AUTH_SECRET"));
    let previous = ["--auth-secret", secret, "--auth-secret-previous", "hunter2"];
    assert_eq!(parse(&previous).check(), short("AUTH_SECRET_PREVIOUS"));
    assert_eq!(parse(&["--auth-secret-previous", secret]).check(), Err(ConfigError::PreviousSecretAlone));
    assert!(parse(&["--auth-secret", ""]).keys().unwrap().is_none(), "set to nothing is not set");
}

#[test]
fn a_lifetime_has_a_unit_and_an_end() {
    for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000)] {
        assert_eq!(lifetime(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "h", "1", "1w", "0h", "-1h", "1.5h", "1hh", "é", "99999999999999999999d", "36500d"] {
        assert!(lifetime(text).is_err(), "{text}");
    }
}

#[test]
fn secrets_print_as_dots() {
    let config = parse(&[
        "--auth-secret",
        "hunter2",
        "--auth-secret-previous",
        "hunter2",
        "--database-url",
        "postgres://me:hunter2@db/x",
        "--anthropic-api-key",
        "sk-ant-hunter2",
        "--foreplay-api-key",
        "hunter2",
        "--webhook-secret",
        "hunter2 hunter2 hunter2",
    ]);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_webhook_secret_that_cannot_sign_is_named_and_not_repeated() {
    for (secret, refused) in [("whsec_%%%", true), ("hunter2", true), ("", false), ("a secret of 24 characters", false)]
    {
        let checked = parse(&["--webhook-secret", secret]).check();
        assert_eq!(checked.is_err(), refused, "{secret:?}");
        if let Err(error) = checked {
            let words = error.to_string();
            assert!(words.starts_with("WEBHOOK_SECRET") && !words.contains(secret), "{words}");
        }
    }
}

#[test]
fn a_direct_url_goes_with_postgres() {
    let config = parse(&["--direct-database-url", "postgres://db/x"]);
    assert_eq!(config.check(), Err(ConfigError::DirectUrlOfAnotherKind));
}
