//! What is wrong with the settings, in words that say what to change.
//! Must not repeat a secret, nor a part of one.

use std::net::IpAddr;

use crate::access::SecretError;

/// Settings that do not fit each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Anybody could use the server.
    #[error(
        "HOST is {0}, which others can reach, and AUTH_SECRET is not set: set it, so that nobody gets in without a token, \
         listen on 127.0.0.1, or set ALLOW_ANONYMOUS=true if the network keeps strangers out"
    )]
    Exposed(IpAddr),
    /// A secret that must not be used.
    #[error("{variable} {problem}")]
    Secret {
        /// Its environment variable.
        variable: &'static str,
        /// What is wrong with it.
        problem: SecretError,
    },
    /// The old secret alone would leave the server open.
    #[error("AUTH_SECRET_PREVIOUS is set and AUTH_SECRET is not; the new secret belongs there")]
    PreviousSecretAlone,
    /// There is no secret to sign a token with.
    #[error("AUTH_SECRET is not set; a token is signed with the secret that the server has")]
    NothingToSignWith,
    /// Calls to webhooks could not be signed.
    #[error("WEBHOOK_SECRET {0}; make one with: echo whsec_$(openssl rand -base64 32)")]
    WebhookSecret(&'static str),
    /// A pooler makes no sense in front of a file.
    #[error("DIRECT_DATABASE_URL goes with a DATABASE_URL of PostgreSQL; both must begin with postgres://")]
    DirectUrlOfAnotherKind,
}
