//! The colours of a site with what they are used for, as the brand extraction lists them (UPSTREAMS.md §1.4).
//! It must not read style sheets; `css` does.

use super::brand::is_vivid;
use super::css::{Declaration, colours, resolved, variables};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Swatches listed.
const MAX_SWATCHES: usize = 16;
/// Places of use named for each.
const MAX_PLACES: usize = 4;
/// The longest selector that is named, in characters.
const MAX_SELECTOR: usize = 60;
/// No confidence is higher, in percent: it is a rule of thumb.
const MOST_CONFIDENT: f64 = 96.0;

/// One colour of the palette.
#[derive(Debug)]
pub(super) struct Swatch {
    pub(super) hex: String,
    uses: usize,
    /// Such as `background` and `text`, in the order in which they were met.
    types: Vec<&'static str>,
    selectors: Vec<String>,
    role: &'static str,
}

/// The colours of a site, the most used first.
#[derive(Debug, Default)]
pub(super) struct Palette {
    pub(super) swatches: Vec<Swatch>,
    /// Different colours met, and how many of them are not listed.
    met: usize,
    uses: usize,
}

impl Palette {
    pub(super) fn of(declarations: &[Declaration]) -> Palette {
        let variables = variables(declarations);
        let mut swatches: Vec<Swatch> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for declaration in declarations {
            for hex in colours(&resolved(&declaration.value, &variables)) {
                let place = *places.entry(hex.clone()).or_insert_with(|| {
                    swatches.push(Swatch { hex, uses: 0, types: Vec::new(), selectors: Vec::new(), role: "neutral" });
                    swatches.len() - 1
                });
                swatches[place].used_in(declaration);
            }
        }
        swatches.sort_by_key(|swatch| std::cmp::Reverse(swatch.uses));
        let (met, uses) = (swatches.len(), swatches.iter().map(|swatch| swatch.uses).sum());
        assign_roles(&mut swatches);
        keep_roles_within(&mut swatches, MAX_SWATCHES);
        Palette { swatches, met, uses }
    }

    /// The colour with this role.
    pub(super) fn with_role(&self, role: &str) -> Option<&Swatch> {
        self.swatches.iter().find(|swatch| swatch.role == role)
    }

    /// The `colors` member.
    pub(super) fn to_json(&self) -> Value {
        let palette: Vec<Value> = self.swatches.iter().map(|swatch| swatch.to_json(self.uses)).collect();
        let filtered = self.met - self.swatches.len();
        json!({"palette": palette, "analysis": {"meta": {"clustered": self.met, "filtered": filtered}}})
    }
}

impl Swatch {
    /// In percent: grows with the number of uses.
    pub(super) fn confidence(&self) -> u64 {
        (50.0 + 12.0 * (self.uses as f64).log2()).min(MOST_CONFIDENT).round() as u64
    }

    fn used_in(&mut self, declaration: &Declaration) {
        self.uses += 1;
        let kind = kind_of(&declaration.property);
        if !self.types.contains(&kind) {
            self.types.push(kind);
        }
        let selector: String = declaration.selector.chars().take(MAX_SELECTOR).collect();
        if self.selectors.len() < MAX_PLACES && !selector.is_empty() && !self.selectors.contains(&selector) {
            self.selectors.push(selector);
        }
    }

    fn to_json(&self, all_uses: usize) -> Value {
        let [red, green, blue] = parts(&self.hex);
        let (white, black) = contrasts(&self.hex);
        json!({
            "hex": self.hex,
            "rgb": {"r": red, "g": green, "b": blue},
            "role": self.role,
            "frequency": self.uses,
            "coverage": format!("{}%", (self.uses * 100).div_ceil(all_uses.max(1))),
            "confidence": self.confidence(),
            "usedIn": self.selectors,
            "types": self.types,
            "wcagContrast": {"vs-white": white, "vs-black": black},
        })
    }
}

/// The page's ground and its text are shades of grey as a rule; the brand's own colours are not.
fn assign_roles(swatches: &mut [Swatch]) {
    for (role, kind) in [("background", "background"), ("text", "text")] {
        let plain = |swatch: &&mut Swatch| swatch.role == "neutral" && !is_vivid(&swatch.hex);
        if let Some(swatch) = swatches.iter_mut().filter(plain).find(|swatch| swatch.types.contains(&kind)) {
            swatch.role = role;
        }
    }
    let roles = ["primary", "secondary"].into_iter().chain(std::iter::repeat("accent"));
    swatches.iter_mut().filter(|swatch| is_vivid(&swatch.hex)).zip(roles).for_each(|(swatch, role)| swatch.role = role);
    if !swatches.iter().any(|swatch| swatch.role == "primary")
        && let Some(first) = swatches.first_mut()
    {
        first.role = "primary";
    }
}

/// The most used ones, and those with a role that stands for the site.
fn keep_roles_within(swatches: &mut Vec<Swatch>, most: usize) {
    let mut place = 0;
    swatches.retain(|swatch| {
        place += 1;
        place <= most || matches!(swatch.role, "primary" | "secondary" | "background" | "text")
    });
}

fn kind_of(property: &str) -> &'static str {
    match property {
        "color" => "text",
        property if property.starts_with("background") => "background",
        property if property.starts_with("border") || property.starts_with("outline") => "border",
        property if property.starts_with("--") => "variable",
        "fill" | "stroke" => "vector",
        property if property.ends_with("shadow") => "shadow",
        _ => "other",
    }
}

fn parts(hex: &str) -> [u8; 3] {
    [1, 3, 5].map(|at| hex.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0))
}

/// The contrast ratios of WCAG 2 against white and against black, two decimals.
fn contrasts(hex: &str) -> (f64, f64) {
    let linear = parts(hex).map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    let rounded = |ratio: f64| (ratio * 100.0).round() / 100.0;
    (rounded(1.05 / (luminance + 0.05)), rounded((luminance + 0.05) / 0.05))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::gtm::css::declarations;

    #[test]
    fn colours_get_roles_from_their_use() {
        let css = "body{background:#fff;color:#111} .card{background:#fff} a{color:#1e40af} button{background:#1e40af}
                   em{color:#10b981} hr{border-color:#ccc}";
        let palette = Palette::of(&declarations(css));
        let role = |role: &str| palette.with_role(role).unwrap().hex.as_str();
        assert_eq!((role("background"), role("text")), ("#FFFFFF", "#111111"));
        assert_eq!((role("primary"), role("secondary")), ("#1E40AF", "#10B981"));
        let json = palette.to_json();
        let primary = json["palette"].as_array().unwrap().iter().find(|swatch| swatch["role"] == "primary").unwrap();
        assert_eq!(primary["rgb"], json!({"r": 30, "g": 64, "b": 175}));
        assert_eq!((&primary["usedIn"], &primary["types"]), (&json!(["a", "button"]), &json!(["text", "background"])));
        assert_eq!(primary["wcagContrast"], json!({"vs-white": 8.72, "vs-black": 2.41}), "as in UPSTREAMS.md §1.4");
        assert_eq!((&primary["frequency"], &primary["coverage"]), (&json!(2), &json!("29%")));
    }

    #[test]
    fn a_palette_is_bounded_and_may_be_empty() {
        let css: String = (0..60).map(|number| format!("a{{color:#0000{number:02}}}")).collect();
        let palette = Palette::of(&declarations(&css));
        assert!(palette.swatches.len() <= MAX_SWATCHES + 2, "{}", palette.swatches.len());
        assert_eq!(palette.to_json()["analysis"]["meta"]["clustered"], 60);
        assert_eq!(Palette::of(&[]).to_json()["palette"], json!([]));
    }
}
