//! The key of an upstream's API: a secret that can be sent in a header and nothing else.
//! It cannot be displayed, and its debug form shows dots.

use std::fmt;

use reqwest::header::HeaderValue;

use super::error::{Retry, UpstreamError};

/// A key for the API of Claude or of Foreplay.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Spaces and line ends around the key, as files and shells leave them, are dropped.
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(key.as_ref().trim().to_owned())
    }

    /// Whether there is nothing in it, as where a variable is set to nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key as a header value that no log prints; `invalid_key` when it is empty or holds what a header cannot.
    ///
    /// `speaker` is the upstream's name in a sentence, `setting` the key's environment variable.
    pub(super) fn header(
        &self,
        upstream: &'static str,
        speaker: &str,
        setting: &str,
    ) -> Result<HeaderValue, UpstreamError> {
        let mut value = HeaderValue::from_str(&self.0).ok().filter(|value| !value.is_empty()).ok_or_else(|| {
            let words = format!("The key for {speaker} is empty or holds characters no key has; check {setting}");
            UpstreamError::new(upstream, "invalid_key", words, Retry::Never)
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The text without the key, should an upstream have repeated it.
    pub(super) fn strike_from(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "••••") }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(••••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(key: &ApiKey) -> Result<HeaderValue, UpstreamError> {
        key.header("foreplay", "Foreplay", "FOREPLAY_API_KEY")
    }

    #[test]
    fn a_key_is_trimmed_and_never_printed() {
        let key = ApiKey::new(" sk-test-1\n");
        assert_eq!(header(&key).unwrap(), "sk-test-1");
        assert!(header(&key).unwrap().is_sensitive());
        assert_eq!(format!("{key:?}"), "ApiKey(••••)");
        assert_eq!(key.strike_from("invalid key sk-test-1!"), "invalid key ••••!");
    }

    #[test]
    fn a_key_that_no_header_can_hold_is_refused() {
        for key in ["", " ", "sk\nx", "sk\0"] {
            let error = header(&ApiKey::new(key)).unwrap_err();
            assert_eq!((error.upstream, error.code.as_str(), error.retry), ("foreplay", "invalid_key", Retry::Never));
            let words = "The key for Foreplay is empty or holds characters no key has; check FOREPLAY_API_KEY";
            assert_eq!(error.message, words, "{key:?}");
        }
    }
}
