//! Reads JSON that an upstream wrote into values that both databases can store.
//! It does not judge what the values mean.

use serde_json::{Map, Value};

/// Parses `text`; every NUL in a string or a key is replaced by U+FFFD, since PostgreSQL's JSONB cannot hold it.
///
/// JavaScript writes half of a surrogate pair where a program cut a string in the middle of a character (well-formed
/// `JSON.stringify`, ECMA-262 §25.5.2.3). `serde_json` refuses such text as a whole; here the half becomes U+FFFD.
pub(super) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::from_str(text).or_else(|error| match mend_surrogates(text) {
        Some(mended) => serde_json::from_str(&mended),
        None => Err(error),
    })?;
    replace_nul(&mut value);
    Ok(value)
}

/// As [`parse`], of a whole body: a leading byte order mark is dropped, and bytes that are not UTF-8 become U+FFFD.
pub(super) fn parse_body(body: &[u8]) -> Result<Value, serde_json::Error> {
    let text = String::from_utf8_lossy(body);
    parse(text.strip_prefix('\u{feff}').unwrap_or(&text))
}

/// Replaces every NUL in the strings and keys of `value` by U+FFFD.
fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(items) => items.iter_mut().for_each(replace_nul),
        Value::Object(members) => {
            if members.keys().any(|key| key.contains('\0')) {
                let named = std::mem::replace(members, Map::new());
                members.extend(named.into_iter().map(|(key, value)| (key.replace('\0', "\u{fffd}"), value)));
            }
            members.values_mut().for_each(replace_nul);
        }
        _ => {}
    }
}

/// The text with each unpaired surrogate escape as `\ufffd`; nothing when there is none.
fn mend_surrogates(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len());
    let mut found = false;
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let length = match code_unit(escape) {
            Some(0xD800..=0xDBFF) if matches!(escape.get(6..).and_then(code_unit), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                found = true;
                mended.push_str("\\ufffd");
                rest = &escape[6..];
                continue;
            }
            _ => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&escape[..length]);
        rest = &escape[length..];
    }
    mended.push_str(rest);
    found.then_some(mended)
}

/// The UTF-16 code unit of a `\uXXXX` at the start of `escape`.
fn code_unit(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nul_is_replaced_in_strings_and_keys() {
        let value = parse(r#"{"a\u0000b":[{"c":"\u0000"}]}"#).unwrap();
        assert_eq!(value, json!({"a\u{fffd}b": [{"c": "\u{fffd}"}]}));
    }

    #[test]
    fn a_body_may_begin_with_a_mark_and_hold_bytes_that_are_no_text() {
        assert_eq!(parse_body(b"\xEF\xBB\xBF[\"a\xFFb\"]").unwrap(), json!(["a\u{fffd}b"]));
        assert!(parse_body(b"").is_err());
    }

    #[test]
    fn halves_of_surrogate_pairs_are_replaced_and_pairs_are_kept() {
        let value =
            parse(r#"{"cut":"a\ud83d","low":"\uDE00ä","pair":"\ud83d\ude00","two":"\ud83d\ud83d\ude00"}"#).unwrap();
        assert_eq!(value, json!({"cut": "a\u{fffd}", "low": "\u{fffd}ä", "pair": "😀", "two": "\u{fffd}😀"}));
    }

    #[test]
    fn an_escaped_backslash_is_no_escape_of_a_surrogate() {
        assert_eq!(parse(r#"["\\ud83d","\ud83d"]"#).unwrap(), json!(["\\ud83d", "\u{fffd}"]));
    }

    #[test]
    fn what_is_not_json_stays_an_error() {
        for text in ["analyzing pages", "{\"a\":\"\\ud83d\"", "\\", "{\\u", "\\uä123"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
