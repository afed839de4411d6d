//! The secrets of access control: what signs tokens, and tokens themselves; both print as dots.
//! Must not put either into an error.

use std::fmt;

/// The fewest bytes of a secret: as many as the hash of HS256 has (RFC 7518, section 3.2).
const SHORTEST: usize = 32;

/// What signs and checks tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthSecret(String);

/// A token, which opens what it says to whoever holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// A secret that must not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It could be guessed.
    #[error("has {0} bytes and needs at least {SHORTEST}; `openssl rand -base64 48` makes a good one")]
    TooShort(usize),
    /// The other side, which signs with the same secret, may have it without.
    #[error("begins or ends with white space, which is hardly meant; take it away")]
    WhiteSpace,
}

impl AuthSecret {
    /// A secret as it is, to the byte.
    pub fn new(text: &str) -> AuthSecret {
        AuthSecret(text.to_owned())
    }

    /// Whether there is nothing in it, as where a variable is set to nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is good enough.
    ///
    /// # Errors
    /// [`SecretError`], in words that follow the name of its variable.
    pub fn check(&self) -> Result<(), SecretError> {
        if self.0.trim() != self.0 {
            return Err(SecretError::WhiteSpace);
        }
        if self.0.len() < SHORTEST {
            return Err(SecretError::TooShort(self.0.len()));
        }
        Ok(())
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Token {
    /// A token, which is not checked.
    pub fn new(text: &str) -> Token {
        Token(text.trim().to_owned())
    }

    /// The token, for the one who is to have it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AuthSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AuthSecret(••••)")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(••••)")
    }
}
