//! Reads style rules: declarations with their selectors, the colours and the font families in them.
//! It must not count or judge; `brand` does.

use std::collections::HashMap;

/// A longer value, in bytes, is an embedded file and passed over.
const MAX_VALUE: usize = 2_048;
/// How often a variable may lead to another before it is given up.
const MAX_INDIRECTION: usize = 8;

/// One `property: value` under its selector.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declaration {
    pub(super) selector: String,
    /// In lower case.
    pub(super) property: String,
    pub(super) value: String,
}

/// The declarations of a style sheet, in order. What does not parse is passed over, as browsers do.
pub(super) fn declarations(css: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut selectors: Vec<String> = Vec::new();
    let mut piece = String::new();
    let mut characters = css.chars().peekable();
    let mut depth = 0usize;
    while let Some(character) = characters.next() {
        match character {
            '/' if characters.peek() == Some(&'*') => skip_comment(&mut characters),
            '"' | '\'' => copy_string(character, &mut characters, &mut piece),
            '(' | ')' => {
                depth = if character == '(' { depth + 1 } else { depth.saturating_sub(1) };
                piece.push(character);
            }
            '{' if depth == 0 => selectors.push(one_line(&std::mem::take(&mut piece))),
            ';' | '}' if depth == 0 => {
                found.extend(declaration(&std::mem::take(&mut piece), selectors.last()));
                if character == '}' {
                    selectors.pop();
                }
            }
            _ => piece.push(character),
        }
    }
    found.extend(declaration(&piece, selectors.last()));
    found
}

/// The values of the custom properties; where one is set more than once, the first holds.
pub(super) fn variables(declarations: &[Declaration]) -> HashMap<&str, &str> {
    let mut variables = HashMap::new();
    for declaration in declarations.iter().filter(|declaration| declaration.property.starts_with("--")) {
        variables.entry(declaration.property.as_str()).or_insert(declaration.value.as_str());
    }
    variables
}

/// The value with each `var(--name, fallback)` replaced.
pub(super) fn resolved(value: &str, variables: &HashMap<&str, &str>) -> String {
    let mut value = value.to_owned();
    for _ in 0..MAX_INDIRECTION {
        let Some(start) = value.find("var(") else { break };
        let inner_start = start + "var(".len();
        let Some(length) = closing(&value[inner_start..]) else { break };
        let inner = &value[inner_start..inner_start + length];
        let (name, fallback) = inner.split_once(',').unwrap_or((inner, ""));
        let replacement = variables.get(name.trim().to_ascii_lowercase().as_str()).copied().unwrap_or(fallback.trim());
        value = format!("{}{}{}", &value[..start], replacement, &value[inner_start + length + 1..]);
    }
    value
}

/// The opaque colours in a value, as `#RRGGBB`.
pub(super) fn colours(value: &str) -> Vec<String> {
    let value = without_addresses(&value.to_ascii_lowercase());
    let mut found = Vec::new();
    for (at, _) in value.match_indices('#') {
        let digits: String = value[at + 1..].chars().take_while(char::is_ascii_alphanumeric).collect();
        found.extend(hexadecimal(&digits));
    }
    for (at, name) in value.match_indices("rgb") {
        let rest = value[at + name.len()..].trim_start_matches('a');
        if let Some(arguments) = rest.strip_prefix('(').and_then(|rest| rest.get(..closing(rest)?)) {
            found.extend(functional(arguments));
        }
    }
    found
}

/// The families named in a `font-family` or `font` value, without the generic ones.
pub(super) fn families(declaration: &Declaration, value: &str) -> Vec<String> {
    let value = value.replace("!important", "");
    let list = match declaration.property.as_str() {
        "font-family" => value,
        "font" => after_size(&value),
        _ => return Vec::new(),
    };
    let names = list.split(',').map(|name| one_line(name.trim().trim_matches(['"', '\''])));
    names.filter(|name| is_family(name)).collect()
}

fn declaration(piece: &str, selector: Option<&String>) -> Option<Declaration> {
    let (property, value) = piece.split_once(':')?;
    let (property, value) = (property.trim().to_ascii_lowercase(), one_line(value));
    let named = !property.is_empty() && property.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    (named && !value.is_empty() && value.len() <= MAX_VALUE).then(|| Declaration {
        selector: selector.cloned().unwrap_or_default(),
        property,
        value,
    })
}

fn skip_comment(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    characters.next();
    let mut star = false;
    for character in characters.by_ref() {
        if star && character == '/' {
            return;
        }
        star = character == '*';
    }
}

fn copy_string(quote: char, characters: &mut std::iter::Peekable<std::str::Chars<'_>>, piece: &mut String) {
    piece.push(quote);
    while let Some(character) = characters.next() {
        // A string ends at its line's end at the latest.
        if character == quote || character == '\n' {
            break;
        }
        piece.push(character);
        if character == '\\' {
            piece.extend(characters.next());
        }
    }
    piece.push(quote);
}

/// Where the parenthesis that is open before `text` closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Without `url(…)`: its fragments look like colours.
fn without_addresses(value: &str) -> String {
    let mut kept = String::new();
    let mut rest = value;
    while let Some(start) = rest.find("url(") {
        kept.push_str(&rest[..start]);
        let inner = &rest[start + "url(".len()..];
        let Some(end) = closing(inner) else { return kept };
        rest = &inner[end + 1..];
    }
    kept + rest
}

fn hexadecimal(digits: &str) -> Option<String> {
    if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let (six, alpha) = match digits.len() {
        3 | 4 => {
            let doubled: String = digits.chars().flat_map(|digit| [digit, digit]).collect();
            (doubled[..6].to_owned(), doubled[6..].to_owned())
        }
        6 | 8 => (digits[..6].to_owned(), digits[6..].to_owned()),
        _ => return None,
    };
    (alpha != "00").then(|| format!("#{}", six.to_ascii_uppercase()))
}

/// `30, 64, 175`, `30 64 175 / 50%` and the like.
fn functional(arguments: &str) -> Option<String> {
    let numbers = arguments.split([',', ' ', '/']).filter(|number| !number.is_empty());
    let numbers: Vec<f64> = numbers.map(number).collect::<Option<_>>()?;
    let [red, green, blue, ref alpha @ ..] = numbers[..] else { return None };
    if alpha.first().is_some_and(|alpha| *alpha <= 0.0) {
        return None;
    }
    let byte = |part: f64| part.clamp(0.0, 255.0).round() as u8;
    Some(format!("#{:02X}{:02X}{:02X}", byte(red), byte(green), byte(blue)))
}

fn number(text: &str) -> Option<f64> {
    match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok().map(|percent| percent * 2.55),
        None => text.parse().ok(),
    }
}

/// What follows the size in the `font` shorthand: `700 1rem/1.5 "Inter", serif` names the families last.
fn after_size(value: &str) -> String {
    let words: Vec<&str> = value.split_whitespace().collect();
    let is_size =
        |word: &&str| word.starts_with(|c: char| c.is_ascii_digit() || c == '.') && word.parse::<u16>().is_err();
    let size = words.iter().rposition(is_size);
    size.map(|size| words[size + 1..].join(" ")).unwrap_or_default()
}

fn is_family(name: &str) -> bool {
    const GENERIC: &[&str] = &[
        "",
        "inherit",
        "initial",
        "unset",
        "revert",
        "serif",
        "sans-serif",
        "monospace",
        "cursive",
        "fantasy",
        "system-ui",
        "ui-sans-serif",
        "ui-serif",
        "ui-monospace",
        "ui-rounded",
        "emoji",
        "math",
        "-apple-system",
        "blinkmacsystemfont",
    ];
    let lower = name.to_lowercase();
    let pictures = ["icon", "awesome", "emoji", "symbol", "glyph"].iter().any(|word| lower.contains(word));
    !pictures && !GENERIC.contains(&lower.as_str()) && !lower.contains(['(', ')']) && name.len() <= 60
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(css: &str) -> Vec<(String, String, String)> {
        declarations(css).into_iter().map(|d| (d.selector, d.property, d.value)).collect()
    }

    fn owned(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        rows.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
    }

    #[test]
    fn declarations_keep_their_selector_through_nesting_strings_and_comments() {
        let css = r#"/* a{b:c} */ #add:hover { Color : #fff ; background: url(data:x;y}) }
                     @media (min-width: 1px) { h1, h2 { font: 1px "a;}b" } p { margin: 0 } }"#;
        assert_eq!(
            read(css),
            owned(&[
                ("#add:hover", "color", "#fff"),
                ("#add:hover", "background", "url(data:x;y})"),
                ("h1, h2", "font", "1px \"a;}b\""),
                ("p", "margin", "0"),
            ])
        );
    }

    #[test]
    fn broken_css_ends_without_harm() {
        for css in ["a{color:red", "}}}", "a{color", "\"", "/*", "a{b:url(", "a{:;:}", "\\"] {
            declarations(css);
        }
        assert_eq!(read("a{color:red"), owned(&[("a", "color", "red")]));
    }

    #[test]
    fn colours_are_normalised_and_transparent_ones_left_out() {
        assert_eq!(colours("1px solid #abc, #A1B2C3"), ["#AABBCC", "#A1B2C3"]);
        assert_eq!(colours("#12345 #ggg #0000 #11223300 #11223380"), ["#112233"]);
        assert_eq!(colours("rgb(30, 64, 175)"), ["#1E40AF"]);
        assert_eq!(colours("rgba(30 64 175 / 50%) rgb(100% 0% 0%) rgba(1,2,3,0)"), ["#1E40AF", "#FF0000"]);
        assert_eq!(colours("url(#abc) url(x.svg#fff)"), Vec::<String>::new());
    }

    #[test]
    fn variables_are_followed_and_cycles_end() {
        let all = declarations(":root{--Brand:#123456;--main:var(--brand);--loop:var(--loop)}");
        let variables = variables(&all);
        assert_eq!(resolved("solid var(--main)", &variables), "solid #123456");
        assert_eq!(resolved("var(--none, rgb(1, 2, 3)) x", &variables), "rgb(1, 2, 3) x");
        assert_eq!(resolved("var(--loop)", &variables), "var(--loop)");
    }

    #[test]
    fn families_leave_generic_names_and_icon_fonts_out() {
        let families = |css: &str| {
            let all = declarations(&format!("p{{{css}}}"));
            families(&all[0], &all[0].value)
        };
        assert_eq!(
            families("font-family: \"Inter Tight\", Georgia, system-ui, sans-serif !important"),
            ["Inter Tight", "Georgia"]
        );
        assert_eq!(families("font: italic 700 1.2rem/1.5 'Fira Sans', serif"), ["Fira Sans"]);
        assert_eq!(families("font-family: 'Font Awesome 6', inherit"), Vec::<String>::new());
        assert_eq!(families("color: red"), Vec::<String>::new());
    }
}
