//! One thing that was looked at, how it is, and what to do about it.
//! Must not hold a secret: it is printed, and pasted into reports.

use std::fmt;

use serde::Serialize;

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// The server runs; something is missing or will be.
    Warn,
    /// It does not work.
    Fail,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub check: &'static str,
    pub level: Level,
    /// How it is.
    pub says: String,
    /// What to do; none where nothing need be done.
    pub advice: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, says: impl Into<String>) -> Finding {
        Finding { check, level: Level::Ok, says: says.into(), advice: None }
    }

    pub fn warn(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { check, level: Level::Warn, says: says.into(), advice: Some(advice.into()) }
    }

    pub fn fail(check: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { check, level: Level::Fail, says: says.into(), advice: Some(advice.into()) }
    }
}

impl fmt::Display for Finding {
    /// One line, whatever a database or an upstream may have said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        let one_line = |text: &str| text.split(char::is_control).collect::<Vec<_>>().join(" ");
        write!(f, "{level:<4}  {:<15}  {}", self.check, one_line(&self.says))?;
        self.advice.iter().try_for_each(|advice| write!(f, " → {}", one_line(advice)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        let finding = Finding::warn("database", "it said:\nno\r", "ask\nagain");
        assert_eq!(finding.to_string(), "warn  database         it said: no  → ask again");
        assert_eq!(Finding::ok("x", "well").to_string(), "ok    x                well");
    }
}
