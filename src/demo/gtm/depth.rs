//! Cuts a document off where its elements are nested absurdly deep.
//! It must not parse: it counts tags, and only has to be right about documents that would harm.

/// Elements open at once. An HTML parser's time grows with the square of it; real pages stay below a hundred.
const MAX_DEPTH: usize = 2_000;

/// Elements that nothing stands in, or that the next of their kind ends.
const NOT_NESTING: &[&str] = &[
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option", "p",
    "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
];

/// The document up to the tag that is nested too deep.
pub(super) fn cut_where_too_deep(html: &str) -> &str {
    let mut depth = 0usize;
    for (at, _) in html.match_indices('<') {
        let tag = &html[at + 1..];
        if let Some(ended) = tag.strip_prefix('/') {
            depth = depth.saturating_sub(usize::from(nests(ended)));
        } else if nests(tag) {
            depth += 1;
        }
        if depth > MAX_DEPTH {
            return &html[..at];
        }
    }
    html
}

fn nests(tag: &str) -> bool {
    let end = tag.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(tag.len());
    let name = &tag[..end];
    name.starts_with(|character: char| character.is_ascii_alphabetic())
        && !NOT_NESTING.iter().any(|other| other.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absurd_depth_is_cut() {
        let flat = "<!doctype html><ul><li>x<li>y</ul><P>z<br><img><div>w</DIV> 1 < 2".repeat(10_000);
        assert_eq!(cut_where_too_deep(&flat).len(), flat.len());
        let deep = format!("<p>before{}after", "<div>".repeat(MAX_DEPTH + 1));
        assert_eq!(cut_where_too_deep(&deep), format!("<p>before{}", "<div>".repeat(MAX_DEPTH)));
    }
}
