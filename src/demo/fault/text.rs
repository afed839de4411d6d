//! Takes the texts that ask for faults out of other texts.
//! It must not find out what they ask for; `asked` does.

/// What stands before a fault that a person asked for by text.
const MARK: &str = "fault=";

/// The text without the faults of these APIs: one asked for in a name would otherwise be taken for a part of that name.
pub(in crate::demo) fn without_faults(text: &str, of: impl Fn(&str) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(MARK) {
        let length = fault_length(after, &of);
        kept.push_str(if length == 0 { before } else { before.trim_end_matches([' ', '?', '&']) });
        if length == 0 {
            kept.push_str(MARK);
        }
        rest = &after[length..];
    }
    kept + rest
}

/// How much of the text behind the mark is `api:name*N`; 0 when it is nothing of the kind.
fn fault_length(text: &str, of: impl Fn(&str) -> bool) -> usize {
    let run = |text: &str, fits: fn(char) -> bool| text.find(|character| !fits(character)).unwrap_or(text.len());
    let api = run(text, |character| character.is_ascii_lowercase());
    let Some(rest) = text[api..].strip_prefix(':').filter(|_| api > 0 && of(&text[..api])) else { return 0 };
    let name = run(rest, |character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-');
    let times = rest[name..].strip_prefix('*').map_or(0, |rest| 1 + run(rest, |character| character.is_ascii_digit()));
    if name == 0 { 0 } else { api + 1 + name + times }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_taken_out_and_nothing_else() {
        for (text, kept) in [
            ("Acme fault=foreplay:rate-limited*1 shoes", "Acme shoes"),
            (r#"{"url":"https://a.example/?fault=gtm:silence"}"#, r#"{"url":"https://a.example/"}"#),
            ("default=1 fault=none fault=: x", "default=1 fault=none fault=: x"),
            ("fault=claude:html", ""),
        ] {
            assert_eq!(without_faults(text, |_| true), kept);
        }
        let both = "Acme fault=gtm:html fault=foreplay:html";
        assert_eq!(without_faults(both, |api| api == "foreplay"), "Acme fault=gtm:html");
    }
}
