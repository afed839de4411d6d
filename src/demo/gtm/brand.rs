//! Weighs the colours, fonts and pictures of all pages into the brand's look.
//! It must not parse; `css` and `page` do.

use super::crawl::Site;
use super::css::{Declaration, colours, declarations, families, resolved, variables};
use super::logo::LogoKind;
use super::page::Page;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Entries of the list of all colours.
const MAX_COLOURS: usize = 24;
/// Entries of the lists of primary colours and of fonts.
const MAX_CHOSEN: usize = 3;
/// Logo candidates besides the first.
const MAX_VARIATIONS: usize = 8;
/// No confidence is higher, in percent: it is a rule of thumb.
const MOST_CONFIDENT: f64 = 95.0;

/// The `brand` member of the result.
pub(super) fn describe(site: &Site) -> Value {
    let declarations: Vec<Declaration> = site.styles.iter().flat_map(|style| declarations(style)).collect();
    json!({
        "colors": describe_colours(&declarations),
        "fonts": describe_fonts(&declarations),
        "logos": describe_logos(&site.pages),
    })
}

fn describe_colours(declarations: &[Declaration]) -> Value {
    let variables = variables(declarations);
    let mut counted = Counted::default();
    for declaration in declarations {
        for colour in colours(&resolved(&declaration.value, &variables)) {
            counted.add(colour);
        }
    }
    let ranked = counted.ranked();
    let mut primary: Vec<&str> = ranked.iter().map(|(hex, _)| hex.as_str()).filter(|hex| is_vivid(hex)).collect();
    if primary.is_empty() {
        primary = ranked.iter().map(|(hex, _)| hex.as_str()).take(1).collect();
    }
    primary.truncate(MAX_CHOSEN);
    let all: Vec<Value> = ranked.iter().map(|(hex, uses)| json!({"hex": hex, "frequency": uses})).collect();
    json!({"all": all[..all.len().min(MAX_COLOURS)], "primary": primary, "confidence": confidence(&ranked)})
}

fn describe_fonts(declarations: &[Declaration]) -> Value {
    let variables = variables(declarations);
    let (mut headings, mut body) = (Counted::default(), Counted::default());
    for declaration in declarations.iter().filter(|declaration| !is_beside_the_text(&declaration.selector)) {
        let named = families(declaration, &resolved(&declaration.value, &variables));
        if let Some(first) = named.into_iter().next() {
            if is_for_headings(&declaration.selector) { headings.add(first) } else { body.add(first) }
        }
    }
    let (mut headings, body) = (headings.ranked(), body.ranked());
    if headings.is_empty() {
        headings.clone_from(&body);
    }
    let names = |ranked: &[(String, usize)]| ranked.iter().take(MAX_CHOSEN).map(|(n, _)| n.clone()).collect::<Vec<_>>();
    json!({"headings": names(&headings), "body": names(&body), "confidence": confidence(&body)})
}

fn describe_logos(pages: &[Page]) -> Value {
    let mut candidates: Vec<(LogoKind, String, String, usize)> = Vec::new();
    for logo in pages.iter().flat_map(|page| &page.logos) {
        match candidates.iter_mut().find(|(_, src, ..)| src == logo.src.as_str()) {
            Some((kind, _, _, frequency)) => {
                *kind = logo.kind.min(*kind);
                *frequency += 1;
            }
            None => candidates.push((logo.kind, logo.src.to_string(), logo.alt.clone(), 1)),
        }
    }
    candidates.sort_by_key(|(kind, _, _, frequency)| (*kind, std::cmp::Reverse(*frequency)));
    let mut described =
        candidates.iter().map(|(_, src, alt, frequency)| json!({"src": src, "alt": alt, "frequency": frequency}));
    json!({"primary": described.next(), "variations": described.take(MAX_VARIATIONS).collect::<Vec<_>>()})
}

pub(super) fn is_for_headings(selector: &str) -> bool {
    let selector = selector.to_lowercase();
    ["h1", "h2", "h3", "heading", "title", "display", "hero", "headline"].iter().any(|word| selector.contains(word))
}

/// A face that is offered is not a face that is used, and the face of code is not the brand's.
pub(super) fn is_beside_the_text(selector: &str) -> bool {
    let selector = selector.to_lowercase();
    ["@font-face", "code", "pre", "kbd", "samp", "mono", "hljs"].iter().any(|word| selector.contains(word))
}

/// Whether a colour is more than a shade of grey.
pub(super) fn is_vivid(hex: &str) -> bool {
    let part = |at: usize| hex.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0);
    let parts = [part(1), part(3), part(5)];
    let (most, least) = parts.iter().fold((0, 255), |(most, least), part| (most.max(*part), least.min(*part)));
    most - least > 40 && most > 50
}

/// In percent: grows with the number of uses.
fn confidence(ranked: &[(String, usize)]) -> u64 {
    let uses: usize = ranked.iter().map(|(_, uses)| uses).sum();
    if uses == 0 {
        return 0;
    }
    (40.0 + 10.0 * (uses as f64).log2()).min(MOST_CONFIDENT).round() as u64
}

/// Counts names and remembers in which order they came.
#[derive(Default)]
pub(super) struct Counted {
    counts: HashMap<String, (usize, usize)>,
}

impl Counted {
    pub(super) fn add(&mut self, name: String) {
        let order = self.counts.len();
        self.counts.entry(name).or_insert((0, order)).0 += 1;
    }

    /// The most frequent first; of equals, the one that came first.
    pub(super) fn ranked(self) -> Vec<(String, usize)> {
        let mut all: Vec<(String, (usize, usize))> = self.counts.into_iter().collect();
        all.sort_by_key(|(_, (uses, order))| (std::cmp::Reverse(*uses), *order));
        all.into_iter().map(|(name, (uses, _))| (name, uses)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn site(html: &[&str], styles: &[&str]) -> Site {
        let url = Url::parse("https://site.example/").unwrap();
        Site {
            pages: html.iter().map(|html| Page::read(url.clone(), html)).collect(),
            styles: styles.iter().map(|style| (*style).to_owned()).collect(),
            known: html.len(),
        }
    }

    #[test]
    fn colours_are_counted_through_variables_and_greys_are_not_primary() {
        let css = ":root{--brand:#1e40af} a{color:var(--brand)} b{color:var(--brand);background:#fff}
                   i{color:#fff;border:1px solid #fff;outline:#fff} u{color:rgb(16,185,129)}";
        let brand = describe(&site(&["<p>"], &[css]));
        assert_eq!(brand["colors"]["all"][0], json!({"hex": "#FFFFFF", "frequency": 4}));
        assert_eq!(brand["colors"]["all"][1], json!({"hex": "#1E40AF", "frequency": 3}));
        assert_eq!(brand["colors"]["primary"], json!(["#1E40AF", "#10B981"]));
    }

    #[test]
    fn fonts_are_told_apart_by_selector() {
        let css = "@font-face{font-family:Unused} body{font-family:Inter,sans-serif}
                   code{font-family:Fira} pre{font-family:Fira} .hero h1{font-family:'Playfair'}";
        let brand = describe(&site(&["<p>"], &[css]));
        assert_eq!(brand["fonts"]["headings"], json!(["Playfair"]));
        assert_eq!(brand["fonts"]["body"], json!(["Inter"]));
    }

    #[test]
    fn the_logo_of_the_header_comes_first() {
        let html = "<link rel=icon href=/favicon.png><header><img src=/logo.svg alt=Acme></header><img src=/logo2.svg>";
        let brand = describe(&site(&[html, html], &[]));
        let logos = &brand["logos"];
        assert_eq!(logos["primary"], json!({"src": "https://site.example/logo.svg", "alt": "Acme", "frequency": 2}));
        assert_eq!(logos["variations"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_site_without_style_has_no_confidence() {
        let brand = describe(&site(&["<p>text</p>"], &[]));
        assert_eq!(brand["colors"], json!({"all": [], "primary": [], "confidence": 0}));
        assert_eq!(brand["logos"], json!({"primary": null, "variations": []}));
    }
}
