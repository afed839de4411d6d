//! Makes text that an upstream wrote fit to be stored, logged and shown.
//! It does not translate or interpret it.

/// The characters of an upstream's text that a person is shown at most.
pub(super) const SHOWN_CHARACTERS: usize = 500;

/// The text with control characters (NUL among them, which PostgreSQL cannot store) as spaces, trimmed, and cut to
/// `most` characters.
pub(super) fn clean(text: &str, most: usize) -> String {
    let mut kept = String::new();
    for (count, character) in text.trim_matches(|end: char| end.is_whitespace() || end.is_control()).chars().enumerate()
    {
        if count == most {
            kept.pop();
            kept.push('…');
            break;
        }
        kept.push(if character.is_control() { ' ' } else { character });
    }
    kept
}

/// An upstream's own name for an error as one of our codes: `RATE_LIMIT_EXCEEDED` → `rate_limit_exceeded`.
/// Nothing when there is nothing left of it.
pub(super) fn code(name: &str) -> Option<String> {
    let code: String = name
        .trim()
        .chars()
        .take(64)
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' })
        .collect();
    code.chars().any(|character| character != '_').then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_spaces_and_long_text_is_cut() {
        assert_eq!(clean(" a\0b\u{1b}[31m\nc\u{85}d \0", 500), "a b [31m c d");
        assert_eq!(clean("äöüäöü", 6), "äöüäöü");
        assert_eq!(clean("äöüäöüä", 6), "äöüäö…");
    }

    #[test]
    fn codes_are_snake_case() {
        assert_eq!(code("RATE_LIMIT_EXCEEDED").as_deref(), Some("rate_limit_exceeded"));
        assert_eq!(code("bad\0thing!").as_deref(), Some("bad_thing_"));
        assert_eq!(code(" -- "), None);
        assert_eq!(code(&"x".repeat(70)).map(|code| code.len()), Some(64));
    }
}
