//! The answer of the brand extraction: the look of one page and its style sheets (UPSTREAMS.md §1.4).
//! It must not fetch or weigh; `crawl`, `palette`, `typography` and `logo` do.

use super::crawl::Site;
use super::css::{Declaration, declarations};
use super::logo::{Logo, LogoKind};
use super::page::Page;
use super::palette::Palette;
use super::screenshot::screenshot;
use super::typography::Typography;
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

/// Pictures listed beside the logo, and icons.
const MAX_LISTED: usize = 8;

/// The whole answer for a site whose first page has been read.
pub(super) fn extract(site: &Site, with_screenshot: bool, seconds: f64) -> Value {
    let declarations: Vec<Declaration> = site.styles.iter().flat_map(|style| declarations(style)).collect();
    let palette = Palette::of(&declarations);
    let typography = Typography::of(&declarations, &site.pages);
    let first = site.pages.first();
    let mut brand = json!({
        "url": first.map(|page| page.url.as_str()),
        "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
        "colors": palette.to_json(),
        "typography": typography.to_json(),
        "logos": logos(&site.pages),
        "metadata": {"extractionTime": format!("{seconds:.1}s"), "success": true, "simulated": true},
    });
    if let Some(page) = first.filter(|_| with_screenshot) {
        brand["screenshot"] = screenshot(page, &palette);
    }
    json!({"success": true, "simulated": true, "brand": brand, "summary": summary(&palette, &typography)})
}

fn summary(palette: &Palette, typography: &Typography) -> Value {
    let primary = palette.with_role("primary");
    let faces = [typography.display(), typography.body()];
    let [display, body] =
        faces.map(|face| face.map(|face| json!({"family": face.family, "confidence": face.confidence()})));
    let known: Vec<u64> = primary
        .map(super::palette::Swatch::confidence)
        .into_iter()
        .chain(faces.into_iter().flatten().map(super::typography::Face::confidence))
        .collect();
    json!({
        "primaryColor": primary.map(|swatch| json!({"hex": swatch.hex, "confidence": swatch.confidence()})),
        "displayFont": display,
        "bodyFont": body,
        // What was not found counts as nothing.
        "confidence": known.iter().sum::<u64>() / 3,
    })
}

/// The picture that is most likely the logo, others that may be, and the icons.
fn logos(pages: &[Page]) -> Value {
    let mut found: Vec<&Logo> = Vec::new();
    for logo in pages.iter().flat_map(|page| &page.logos) {
        if !found.iter().any(|known| known.src == logo.src) {
            found.push(logo);
        }
    }
    found.sort_by_key(|logo| logo.kind);
    let (icons, mut pictures): (Vec<&Logo>, Vec<&Logo>) = found.into_iter().partition(|logo| logo.kind.is_icon());
    if pictures.iter().all(|logo| logo.kind == LogoKind::ShareImage) {
        // An icon says more about the brand than the picture for shared links.
        pictures.splice(0..0, icons.first().copied());
    }
    let mut pictures = pictures.into_iter().map(described);
    json!({
        "primary": pictures.next(),
        "alternates": pictures.take(MAX_LISTED).collect::<Vec<_>>(),
        "favicons": icons.into_iter().take(MAX_LISTED).map(described).collect::<Vec<_>>(),
        // Colours inside pictures are not looked at.
        "logoColors": [],
    })
}

fn described(logo: &Logo) -> Value {
    let (width, height) = logo.size.unzip();
    json!({"src": logo.src.as_str(), "alt": logo.alt, "width": width, "height": height, "score": logo.kind.score()})
}
