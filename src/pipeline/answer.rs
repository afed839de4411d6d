//! What a schema cannot say of the model's answer: counts, lengths, ranges, dates in order.
//! Must not know any job type. Each problem is a phrase that the model is shown and a person may read.

use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The answer as a type; the problem names the member that is wrong.
pub(super) fn read<T: DeserializeOwned>(content: &Value) -> Result<T, String> {
    T::deserialize(content).map_err(|error| format!("it does not have the form asked for: {error}"))
}

/// A text that says something.
pub(super) fn filled(name: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err(format!("{name} is empty")) } else { Ok(()) }
}

/// A text that says something, or none at all.
pub(super) fn filled_or_null(name: &str, text: Option<&str>) -> Result<(), String> {
    match text {
        Some(text) => filled(name, text).map_err(|problem| format!("{problem} instead of null")),
        None => Ok(()),
    }
}

/// A list in which at least one text says something.
pub(super) fn any_filled(name: &str, texts: &[String]) -> Result<(), String> {
    let says_something = texts.iter().any(|text| !text.trim().is_empty());
    if says_something { Ok(()) } else { Err(format!("{name} says nothing")) }
}

/// A list of so many items.
pub(super) fn count<T>(name: &str, items: &[T], wanted: RangeInclusive<usize>) -> Result<(), String> {
    if wanted.contains(&items.len()) {
        return Ok(());
    }
    let (least, most) = wanted.into_inner();
    let wanted = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    Err(format!("{name} has {} items instead of {wanted}", items.len()))
}

/// How sure the model is, 0 to 1.
pub(super) fn confidence(confidence: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&confidence) {
        Ok(())
    } else {
        Err(format!("confidence is {confidence}, not between 0 and 1"))
    }
}

/// Two days in their order.
pub(super) fn days_in_order(name: &str, start: &str, end: &str) -> Result<(), String> {
    let (start, end) = (day(name, "start_date", start)?, day(name, "end_date", end)?);
    if start < end { Ok(()) } else { Err(format!("{name} ends on {end}, which is not after its start on {start}")) }
}

/// A day from the first of `days` to the last.
pub(super) fn day_within(name: &str, member: &str, text: &str, days: RangeInclusive<NaiveDate>) -> Result<(), String> {
    let day = day(name, member, text)?;
    if days.contains(&day) {
        return Ok(());
    }
    Err(format!("{name} has {member} {day}, which is not from {} to {}", days.start(), days.end()))
}

/// A day with all its digits; chrono also reads days without their leading zeros.
fn day(name: &str, member: &str, text: &str) -> Result<NaiveDate, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|day| day.to_string() == text);
    day.ok_or_else(|| format!("{name} has {member} {text:?}, which is no day such as 2026-03-31"))
}

/// No name twice.
pub(super) fn distinct<'a>(name: &str, texts: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = std::collections::HashSet::new();
    for text in texts {
        if !seen.insert(text.trim().to_lowercase()) {
            return Err(format!("{name} has {text:?} twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_name_what_is_wrong() {
        assert_eq!(confidence(1.0), Ok(()));
        assert_eq!(confidence(7.0).unwrap_err(), "confidence is 7, not between 0 and 1");
        assert!(confidence(f64::NAN).is_err());
        assert_eq!(count("audiences", &[1, 2], 3..=3).unwrap_err(), "audiences has 2 items instead of 3");
        assert_eq!(count("campaigns", &[1, 2], 3..=5).unwrap_err(), "campaigns has 2 items instead of 3 to 5");
        assert_eq!(filled("name", " ").unwrap_err(), "name is empty");
        assert_eq!(filled_or_null("price", None), Ok(()));
        assert_eq!(filled_or_null("price", Some("9 €")), Ok(()));
        assert_eq!(filled_or_null("price", Some("")).unwrap_err(), "price is empty instead of null");
        assert_eq!(any_filled("channels", &["".to_owned(), "Email".to_owned()]), Ok(()));
        assert_eq!(any_filled("channels", &[" ".to_owned()]).unwrap_err(), "channels says nothing");
        assert_eq!(distinct("names", ["a", "b"].into_iter()), Ok(()));
        assert_eq!(distinct("names", ["Runners", "runners "].into_iter()).unwrap_err(), "names has \"runners \" twice");
    }

    #[test]
    fn days_are_days_and_in_order() {
        assert_eq!(days_in_order("campaign 1", "2026-03-01", "2026-03-31"), Ok(()));
        for (start, end) in [("2026-03-31", "2026-03-01"), ("2026-03-01", "2026-03-01"), ("March", "2026-03-01")] {
            assert!(days_in_order("campaign 1", start, end).unwrap_err().starts_with("campaign 1 "));
        }
    }

    #[test]
    fn days_have_all_their_digits_and_lie_within_bounds() {
        let first = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        let within = |text: &str| day_within("campaign 1", "start_date", text, first..=first);
        assert_eq!(within("2026-03-01"), Ok(()));
        for outside in ["2026-02-28", "2026-03-02"] {
            let problem = format!("campaign 1 has start_date {outside}, which is not from 2026-03-01 to 2026-03-01");
            assert_eq!(within(outside), Err(problem));
        }
        for no_day in ["2026-3-1", "+2026-03-01", " 2026-03-01", "2026-02-30", ""] {
            assert!(within(no_day).unwrap_err().ends_with("which is no day such as 2026-03-31"), "{no_day:?}");
        }
    }
}
