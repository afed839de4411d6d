//! Whether a client has what it asks for already, by what it says in `If-None-Match`.
//! Must not know how a tag is made.

use axum::http::{HeaderMap, header};

/// Whether the client has this state already (RFC 9110, section 13.1.2: weak comparison, a list, or `*`).
pub(super) fn is_known(headers: &HeaderMap, current: &str) -> bool {
    let sent = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    sent.flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == current)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn tags_are_compared_weakly_one_by_one() {
        for (sent, known) in [
            ("\"7\"", true),
            ("W/\"7\"", true),
            ("\"6\", W/\"7\"", true),
            ("*", true),
            ("\"77\"", false),
            ("7", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(sent))]);
            assert_eq!(is_known(&headers, "\"7\""), known, "{sent}");
        }
        assert!(!is_known(&HeaderMap::new(), "\"7\""));
    }
}
