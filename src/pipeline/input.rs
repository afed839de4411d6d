//! What a job type's `input_data` may hold, as a table that checks it and describes it to clients.
//! Must not look anything up: what it accepts is decided by the text alone.

use chrono::NaiveDate;
use serde_json::{Map, Value};

use crate::upstream::address::web_address;

/// One member of `input_data`.
#[derive(Debug)]
pub struct Input {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: InputKind,
}

/// What a member may be.
#[derive(Debug)]
pub enum InputKind {
    /// A required http or https address.
    RequiredUrl,
    /// A text that is not blank; null where it is optional and absent.
    Text {
        /// Whether it must be there.
        required: bool,
        /// The most characters it may have.
        longest: usize,
    },
    /// An optional day, `YYYY-MM-DD`.
    Date,
    /// Yes or no, with a default.
    Boolean {
        /// What it is when absent.
        default: bool,
    },
    /// A whole number, with a default.
    Integer {
        /// What it is when absent.
        default: i64,
        /// The least it may be.
        minimum: i64,
        /// The most it may be.
        maximum: i64,
    },
}

/// A value that cannot be accepted, in words that name what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidInput {
    /// The member, as a path from the top of the request body.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl InvalidInput {
    /// Says what is wrong with `field`; the message begins with the field's name.
    pub fn new(field: impl Into<String>, problem: impl AsRef<str>) -> InvalidInput {
        let field = field.into();
        let message = format!("{field} {}", problem.as_ref());
        InvalidInput { field, message }
    }
}

/// Checks `input_data` against the table; answers it with its defaults filled in.
///
/// # Errors
/// [`InvalidInput`] that names the first member that is unknown, missing or wrong.
pub fn validate(inputs: &[Input], input_data: Option<&Value>) -> Result<Value, InvalidInput> {
    let empty = Map::new();
    let given = match input_data {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(given)) => given,
        Some(_) => return Err(InvalidInput::new("input_data", "must be an object")),
    };
    if let Some(name) = given.keys().find(|name| inputs.iter().all(|input| input.name != name.as_str())) {
        let known = inputs.iter().map(|input| input.name).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none" } else { &known };
        let field = format!("input_data.{}", shortened(name));
        return Err(InvalidInput::new(field, format!("is not known for this job type; known are: {known}")));
    }
    let mut checked = Map::new();
    for input in inputs {
        let value = given.get(input.name).filter(|value| !value.is_null());
        checked.insert(input.name.to_owned(), input.check(value)?);
    }
    Ok(Value::Object(checked))
}

impl Input {
    fn check(&self, value: Option<&Value>) -> Result<Value, InvalidInput> {
        let invalid = |problem: &str| InvalidInput::new(format!("input_data.{}", self.name), problem);
        match (&self.kind, value) {
            (InputKind::RequiredUrl, None) => {
                Err(invalid("is required: the address of a site, such as https://example.com"))
            }
            (InputKind::RequiredUrl, Some(value)) => {
                let text = value.as_str().ok_or_else(|| invalid("must be a string"))?;
                web_address(text).map(|url| Value::String(url.into())).map_err(|problem| invalid(&problem))
            }
            (InputKind::Text { required: true, .. }, None) => Err(invalid("is required")),
            (InputKind::Text { required: false, .. } | InputKind::Date, None) => Ok(Value::Null),
            (InputKind::Text { required, longest }, Some(value)) => {
                let text = value.as_str().ok_or_else(|| invalid("must be a string"))?.trim();
                match text.chars().count() {
                    0 if *required => Err(invalid("must not be empty")),
                    0 => Ok(Value::Null),
                    length if length > *longest => {
                        Err(invalid(&format!("must not be longer than {longest} characters")))
                    }
                    _ => Ok(text.into()),
                }
            }
            (InputKind::Date, Some(value)) => {
                let problem = || invalid("must be a day, such as 2026-03-31");
                let text = value.as_str().ok_or_else(problem)?.trim();
                // Chrono also reads days without their leading zeros.
                let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| problem())?.to_string();
                if day == text { Ok(day.into()) } else { Err(problem()) }
            }
            (InputKind::Boolean { default }, None) => Ok((*default).into()),
            (InputKind::Boolean { .. }, Some(value)) => {
                value.as_bool().map(Value::Bool).ok_or_else(|| invalid("must be true or false"))
            }
            (InputKind::Integer { default, .. }, None) => Ok((*default).into()),
            (InputKind::Integer { minimum, maximum, .. }, Some(value)) => match whole_number(value) {
                Some(number) if (*minimum..=*maximum).contains(&number) => Ok(number.into()),
                _ => Err(invalid(&format!("must be a whole number from {minimum} to {maximum}"))),
            },
        }
    }
}

/// A whole number, also where it is written with a point (`20.0`), which to JSON Schema is the same.
fn whole_number(value: &Value) -> Option<i64> {
    let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() < (1_i64 << 53) as f64;
    value.as_i64().or_else(|| value.as_f64().filter(is_whole).map(|number| number as i64))
}

/// A name that a client sent, short enough to send back.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INPUTS: &[Input] = &[
        Input { name: "url", kind: InputKind::RequiredUrl },
        Input { name: "max_pages", kind: InputKind::Integer { default: 15, minimum: 1, maximum: 50 } },
    ];

    const SEARCH: &[Input] = &[
        Input { name: "name", kind: InputKind::Text { required: true, longest: 10 } },
        Input { name: "page", kind: InputKind::Text { required: false, longest: 10 } },
        Input { name: "since", kind: InputKind::Date },
        Input { name: "deep", kind: InputKind::Boolean { default: true } },
    ];

    #[test]
    fn fills_in_defaults() {
        let checked = validate(INPUTS, Some(&json!({"url": " https://Example.com "})));
        assert_eq!(checked, Ok(json!({"url": "https://example.com/", "max_pages": 15})));
        let checked = validate(INPUTS, Some(&json!({"url": "https://example.com/", "max_pages": 5.0})));
        assert_eq!(checked, Ok(json!({"url": "https://example.com/", "max_pages": 5})), "5.0 is a whole number, too");
        let checked = validate(SEARCH, Some(&json!({"name": " Acme ", "page": "  "})));
        assert_eq!(checked, Ok(json!({"name": "Acme", "page": null, "since": null, "deep": true})));
        let given = json!({"name": "Zoë Åkerman", "page": "acme", "since": "2026-02-28", "deep": false});
        assert_eq!(validate(SEARCH, Some(&given)).unwrap_err().field, "input_data.name", "11 characters");
        let given = json!({"name": "Zoë Åkerma", "page": "acme", "since": "2026-02-28", "deep": false});
        assert_eq!(validate(SEARCH, Some(&given)), Ok(given.clone()), "10 characters, 12 bytes");
    }

    #[test]
    fn texts_days_and_flags_are_checked() {
        for (input_data, field) in [
            (json!({}), "input_data.name"),
            (json!({"name": " "}), "input_data.name"),
            (json!({"name": 7}), "input_data.name"),
            (json!({"name": "a", "page": "more than ten"}), "input_data.page"),
            (json!({"name": "a", "since": "2026-02-30"}), "input_data.since"),
            (json!({"name": "a", "since": "2026-2-3"}), "input_data.since"),
            (json!({"name": "a", "since": 2026}), "input_data.since"),
            (json!({"name": "a", "deep": "yes"}), "input_data.deep"),
        ] {
            assert_eq!(validate(SEARCH, Some(&input_data)).expect_err("must be refused").field, field, "{input_data}");
        }
    }

    #[test]
    fn whatever_is_accepted_is_accepted_again_and_holds_no_credentials() {
        crate::corpus::withstands("input", 2000, |bytes| {
            let Ok(given) = serde_json::from_slice::<Value>(bytes) else { return };
            for table in [INPUTS, SEARCH] {
                match validate(table, Some(&given)) {
                    Ok(checked) => {
                        assert_eq!(validate(table, Some(&checked)).as_ref(), Ok(&checked), "{given}");
                        let url = checked.get("url").map(|url| url::Url::parse(url.as_str().unwrap()).unwrap());
                        let fine = |url: &url::Url| {
                            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.has_host()
                        };
                        assert!(url.as_ref().is_none_or(fine), "{given}");
                    }
                    Err(refused) => {
                        assert!(refused.message.starts_with(&refused.field), "{refused:?}");
                        assert!(refused.message.chars().count() <= 400, "{refused:?}");
                    }
                }
            }
        });
    }

    #[test]
    fn names_the_member_that_is_wrong() {
        for (input_data, field) in [
            (json!([]), "input_data"),
            (json!({}), "input_data.url"),
            (json!({"url": null}), "input_data.url"),
            (json!({"url": 7}), "input_data.url"),
            (json!({"url": "example.com"}), "input_data.url"),
            (json!({"url": "ftp://example.com"}), "input_data.url"),
            (json!({"url": "http://"}), "input_data.url"),
            (json!({"url": "file:///etc/passwd"}), "input_data.url"),
            (json!({"url": "https://me:secret@example.com"}), "input_data.url"),
            (json!({"url": format!("https://example.com/{}", "x".repeat(3000))}), "input_data.url"),
            (json!({"url": "https://example.com", "max_pages": 0}), "input_data.max_pages"),
            (json!({"url": "https://example.com", "max_pages": 51}), "input_data.max_pages"),
            (json!({"url": "https://example.com", "max_pages": 1.5}), "input_data.max_pages"),
            (json!({"url": "https://example.com", "max_pages": "3"}), "input_data.max_pages"),
            (json!({"url": "https://example.com", "pages": 3}), "input_data.pages"),
        ] {
            let refused = validate(INPUTS, Some(&input_data)).expect_err("must be refused");
            assert_eq!(refused.field, field, "{input_data}");
            assert!(refused.message.starts_with(field), "{}", refused.message);
        }
    }
}
