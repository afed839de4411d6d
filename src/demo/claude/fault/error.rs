//! The errors that the API answers with before any text (UPSTREAMS.md §3.6).
//! It must not decide when; a fault that is asked for does.

use crate::demo::behaviour::Behaviour;
use serde_json::{Value, json};

/// An error with its status and headers.
#[derive(Clone, Copy)]
pub(in crate::demo::claude) struct ErrorAnswer {
    status: u16,
    kind: &'static str,
    message: &'static str,
    header: Option<(&'static str, &'static str)>,
    /// `error.details.error_code`.
    code: Option<&'static str>,
}

impl ErrorAnswer {
    const fn new(status: u16, kind: &'static str, message: &'static str) -> ErrorAnswer {
        ErrorAnswer { status, kind, message, header: None, code: None }
    }

    const fn with_header(mut self, name: &'static str, value: &'static str) -> ErrorAnswer {
        self.header = Some((name, value));
        self
    }

    /// The answer to one request.
    pub(in crate::demo::claude) fn behaviour(self, request_id: &str) -> Behaviour {
        let mut error = json!({"type": self.kind, "message": self.message});
        if let Some(code) = self.code {
            error["details"] = json!({"error_code": code});
        }
        let body: Value = json!({"type": "error", "error": error, "request_id": request_id});
        let headers = [Some(("request-id", request_id)), self.header].into_iter().flatten();
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Behaviour::Status { status: self.status, headers, body: body.to_string().into() }
    }
}

pub(super) const BAD_REQUEST: ErrorAnswer =
    ErrorAnswer::new(400, "invalid_request_error", "Simulated: the request is not valid");
pub(super) const BAD_KEY: ErrorAnswer = ErrorAnswer::new(401, "authentication_error", "Simulated: invalid x-api-key");
pub(super) const RETIRED_MODEL: ErrorAnswer =
    ErrorAnswer::new(404, "not_found_error", "Simulated: the model is retired");
pub(super) const RATE_LIMITED_SILENT: ErrorAnswer =
    ErrorAnswer::new(429, "rate_limit_error", "Simulated: too many requests");
pub(super) const RATE_LIMITED: ErrorAnswer = RATE_LIMITED_SILENT.with_header("retry-after", "1");
pub(super) const SPEND_LIMIT: ErrorAnswer = ErrorAnswer {
    code: Some("enforced_spend_limit_reached"),
    ..ErrorAnswer::new(429, "rate_limit_error", "Simulated: the monthly spend limit is reached")
};
pub(super) const OVERLOADED: ErrorAnswer = ErrorAnswer::new(529, "overloaded_error", "Simulated: Overloaded");
pub(super) const SERVER_ERROR: ErrorAnswer = ErrorAnswer::new(500, "api_error", "Simulated: internal server error");
pub(super) const SHOULD_NOT_RETRY: ErrorAnswer = SERVER_ERROR.with_header("x-should-retry", "false");
