//! The typefaces of a site with their sizes and weights, as the brand extraction lists them (UPSTREAMS.md §1.4).
//! It must not read style sheets; `css` does.

use super::brand::{Counted, is_beside_the_text, is_for_headings};
use super::css::{Declaration, families, resolved, variables};
use super::page::Page;
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};
use url::Url;

/// Headings quoted as examples.
const MAX_EXAMPLES: usize = 3;
/// The size that `rem` and `em` multiply, in pixels.
const ROOT_SIZE: f64 = 16.0;
/// No confidence is higher, in percent: it is a rule of thumb.
const MOST_CONFIDENT: f64 = 95.0;

/// What is set in one kind of place, such as headings.
#[derive(Default)]
struct Setting {
    families: Counted,
    /// In hundreds, as in CSS.
    weights: BTreeSet<u16>,
    /// In pixels.
    sizes: Vec<f64>,
    uses: usize,
}

/// The typefaces of a site.
pub(super) struct Typography {
    display: Option<Face>,
    body: Option<Face>,
    headings: Map<String, Value>,
    links: Map<String, Value>,
}

/// A typeface in use.
pub(super) struct Face {
    pub(super) family: String,
    weights: Vec<String>,
    average_size: Option<f64>,
    coverage: usize,
    uses: usize,
    examples: Vec<String>,
}

impl Typography {
    pub(super) fn of(declarations: &[Declaration], pages: &[Page]) -> Typography {
        let variables = variables(declarations);
        let (mut display, mut body) = (Setting::default(), Setting::default());
        let mut levels: [Setting; 3] = Default::default();
        for declaration in declarations.iter().filter(|declaration| !is_beside_the_text(&declaration.selector)) {
            if is_for_headings(&declaration.selector) { &mut display } else { &mut body }.take(declaration, &variables);
            for (level, setting) in levels.iter_mut().enumerate() {
                if speaks_of(&declaration.selector, &format!("h{}", level + 1)) {
                    setting.take(declaration, &variables);
                }
            }
        }
        let all_uses = display.uses + body.uses;
        let body = body.face(all_uses, Vec::new());
        let examples = pages.iter().flat_map(|page| page.headings.iter().cloned()).take(MAX_EXAMPLES).collect();
        let inherited = body.as_ref().map(|face| face.family.clone());
        let display = display.face_or(inherited.as_deref(), all_uses, examples);
        let headings = levels.into_iter().enumerate().filter_map(|(level, setting)| {
            Some((format!("h{}", level + 1), setting.level(display.as_ref().map(|face| face.family.as_str()))?))
        });
        Typography { headings: headings.collect(), links: links(pages), display, body }
    }

    /// The face of the headings.
    pub(super) fn display(&self) -> Option<&Face> {
        self.display.as_ref()
    }

    /// The face of the running text.
    pub(super) fn body(&self) -> Option<&Face> {
        self.body.as_ref()
    }

    /// The `typography` member; a face that no style rule names is null.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "display": self.display.as_ref().map(Face::to_json),
            "body": self.body.as_ref().map(Face::to_json),
            "headings": self.headings,
            "fontLinks": self.links,
        })
    }
}

impl Face {
    /// In percent: grows with the number of rules that name the face.
    pub(super) fn confidence(&self) -> u64 {
        (55.0 + 12.0 * (self.uses.max(1) as f64).log2()).min(MOST_CONFIDENT).round() as u64
    }

    fn to_json(&self) -> Value {
        json!({
            "family": self.family,
            "weights": self.weights,
            "avgSize": self.average_size,
            "coverage": format!("{}%", self.coverage),
            "confidence": self.confidence(),
            "source": "stylesheet",
            "examples": self.examples,
            "counts": self.uses,
        })
    }
}

impl Setting {
    fn take(&mut self, declaration: &Declaration, variables: &HashMap<&str, &str>) {
        let value = resolved(&declaration.value, variables);
        if let Some(first) = families(declaration, &value).into_iter().next() {
            self.families.add(first);
            self.uses += 1;
        }
        match declaration.property.as_str() {
            "font-weight" => self.weights.extend(weight(&value)),
            "font-size" => self.sizes.extend(pixels(&value)),
            "font" => {
                self.weights.extend(value.split_whitespace().find_map(weight));
                self.sizes.extend(value.split_whitespace().find_map(|word| pixels(word.split('/').next()?)));
            }
            _ => {}
        }
    }

    fn face(self, all_uses: usize, examples: Vec<String>) -> Option<Face> {
        self.face_or(None, all_uses, examples)
    }

    /// The face set here; headings that name none have the one of the text.
    fn face_or(self, inherited: Option<&str>, all_uses: usize, examples: Vec<String>) -> Option<Face> {
        let average_size = (!self.sizes.is_empty())
            .then(|| (self.sizes.iter().sum::<f64>() / self.sizes.len() as f64 * 10.0).round() / 10.0);
        let own = self.families.ranked().into_iter().next().map(|(name, _)| name);
        Some(Face {
            family: own.or(inherited.map(str::to_owned))?,
            weights: self.weights.iter().map(u16::to_string).collect(),
            average_size,
            coverage: self.uses * 100 / all_uses.max(1),
            uses: self.uses,
            examples,
        })
    }

    /// One heading level, if a rule says anything about it.
    fn level(self, inherited: Option<&str>) -> Option<Value> {
        let (size, weight) = (self.sizes.first().copied(), self.weights.iter().next_back().map(u16::to_string));
        let own = self.families.ranked().into_iter().next().map(|(name, _)| name);
        if own.is_none() && size.is_none() && weight.is_none() {
            return None;
        }
        let family = own.or(inherited.map(str::to_owned));
        Some(json!({"family": family, "weight": weight, "size": size}))
    }
}

/// Whether a selector names this element.
fn speaks_of(selector: &str, element: &str) -> bool {
    selector
        .split(|character: char| !character.is_ascii_alphanumeric() && !"-_".contains(character))
        .any(|w| w == element)
}

fn weight(value: &str) -> Option<u16> {
    match value.trim() {
        "normal" => Some(400),
        "bold" => Some(700),
        value => value.parse().ok().filter(|weight| (100..=1000).contains(weight)),
    }
}

fn pixels(value: &str) -> Option<f64> {
    let value = value.trim();
    let (number, unit) = value.split_at(value.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let number: f64 = number.parse().ok()?;
    match unit {
        "px" => Some(number),
        "rem" | "em" => Some(number * ROOT_SIZE),
        _ => None,
    }
}

/// The fonts that pages load from a service, by family.
fn links(pages: &[Page]) -> Map<String, Value> {
    let sheets = pages.iter().flat_map(|page| &page.stylesheets);
    let named = sheets.filter_map(|url| Some((url, provider(url)?))).flat_map(|(url, provider)| {
        let wanted = url.query_pairs().filter(|(name, _)| name == "family");
        let families = wanted.flat_map(|(_, value)| {
            value.split('|').map(|family| family.split(':').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        });
        families.map(move |family| (family, json!({"url": url.as_str(), "provider": provider}))).collect::<Vec<_>>()
    });
    named.filter(|(family, _)| !family.is_empty()).collect()
}

fn provider(url: &Url) -> Option<&'static str> {
    match url.host_str()? {
        "fonts.googleapis.com" => Some("google"),
        "fonts.bunny.net" => Some("bunny"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::gtm::css::declarations;

    fn typography(css: &str, html: &str) -> Value {
        let page = Page::read(Url::parse("https://site.example/").unwrap(), html);
        Typography::of(&declarations(css), &[page]).to_json()
    }

    #[test]
    fn faces_have_sizes_weights_and_levels() {
        let css =
            "body{font:400 16px/1.5 Inter} p{font-size:1rem} h1{font-family:'Playfair';font-size:3rem;font-weight:bold}
                   h2{font-size:32px} code{font-family:Fira}";
        let html = "<link rel=stylesheet href='https://fonts.googleapis.com/css2?family=Playfair:wght@700&family=Inter'><h1>Hello</h1>";
        let found = typography(css, html);
        assert_eq!((&found["display"]["family"], &found["body"]["family"]), (&json!("Playfair"), &json!("Inter")));
        assert_eq!((&found["display"]["weights"], &found["display"]["avgSize"]), (&json!(["700"]), &json!(40.0)));
        assert_eq!((&found["display"]["examples"], &found["body"]["avgSize"]), (&json!(["Hello"]), &json!(16.0)));
        assert_eq!(found["headings"]["h1"], json!({"family": "Playfair", "weight": "700", "size": 48.0}));
        assert_eq!(found["headings"]["h2"], json!({"family": "Playfair", "weight": null, "size": 32.0}));
        assert_eq!(found["headings"]["h3"], Value::Null);
        assert_eq!(found["fontLinks"]["Playfair"]["provider"], "google");
        assert!(found["fontLinks"]["Inter"]["url"].as_str().unwrap().contains("family=Inter"));
    }

    #[test]
    fn headings_without_a_face_have_the_one_of_the_text_and_no_rule_means_none() {
        let found = typography("body{font-family:Inter} h1{font-size:40px}", "<p>x");
        assert_eq!(found["display"]["family"], "Inter");
        assert_eq!(typography("p{margin:0}", "<p>x")["body"], Value::Null);
    }
}
