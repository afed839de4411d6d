//! Reads query parameters; an empty one counts as absent.
//! Must not know which route asks.

use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;

use super::error::ApiError;

/// The query of a request.
pub(super) struct Parameters(HashMap<String, String>);

impl Parameters {
    /// Refuses parameters that the route does not know: a mistyped filter would show everything.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let name: String = name.chars().take(64).collect();
                Err(ApiError::invalid(
                    &name,
                    &format!("is not a parameter of this list; known are: {}", known.join(", ")),
                ))
            }
            None => Ok(()),
        }
    }

    /// The text of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A parameter that must parse; `expected` says as what.
    pub(super) fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| ApiError::invalid(name, expected))
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, name: &str, minimum: u32, maximum: u32) -> Result<Option<u32>, ApiError> {
        let expected = format!("must be a whole number from {minimum} to {maximum}");
        match self.parsed::<u32>(name, &expected)? {
            Some(number) if !(minimum..=maximum).contains(&number) => Err(ApiError::invalid(name, &expected)),
            number => Ok(number),
        }
    }
}

impl Parameters {
    fn of_uri(uri: &Uri) -> Result<Parameters, ApiError> {
        Query::<HashMap<String, String>>::try_from_uri(uri)
            .map(|Query(parameters)| Parameters(parameters))
            .map_err(|error| ApiError::malformed(format!("the query cannot be read: {}", error.body_text())))
    }

    /// Those of a query as it stands in an address, where one can.
    #[cfg(test)]
    pub(super) fn of_query(query: &str) -> Result<Parameters, ApiError> {
        let uri = format!("/?{query}").parse().map_err(|_| ApiError::malformed("no query"))?;
        Parameters::of_uri(&uri)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Parameters, ApiError> {
        Parameters::of_uri(&parts.uri)
    }
}
