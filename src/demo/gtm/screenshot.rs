//! A picture that stands where the service would put its screenshot: the stand-in cannot render pages.
//! It must not look like a real screenshot: it says that it is simulated.

use super::page::Page;
use super::palette::Palette;
use super::reader::clipped;
use serde_json::{Value, json};

/// The longest title drawn, in characters.
const MAX_TITLE: usize = 44;
/// Swatches drawn.
const MAX_DRAWN: usize = 6;

/// The `screenshot` member: an SVG with the page's title and colours, as base64.
pub(super) fn screenshot(page: &Page, palette: &Palette) -> Value {
    let picture = drawn(page, palette);
    json!({
        "url": null, "data": base64(picture.as_bytes()), "type": "image/svg+xml", "size": picture.len(),
        "strategy": "simulated", "simulated": true, "width": 640, "height": 400,
    })
}

fn drawn(page: &Page, palette: &Palette) -> String {
    let colour = |role: &str, other: &'static str| palette.with_role(role).map_or(other, |swatch| swatch.hex.as_str());
    let (ground, bar) = (colour("background", "#FFFFFF"), colour("primary", "#475569"));
    let text = colour("text", "#111827");
    let title = escaped(&clipped(if page.title.is_empty() { page.url.as_str() } else { &page.title }, MAX_TITLE));
    let swatches: String = palette
        .swatches
        .iter()
        .take(MAX_DRAWN)
        .enumerate()
        .map(|(place, swatch)| {
            let x = 40 + place * 96;
            format!(r##"<rect x="{x}" y="250" width="80" height="80" rx="8" fill="{}" stroke="#888"/>"##, swatch.hex)
        })
        .collect();
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="640" height="400" viewBox="0 0 640 400" font-family="sans-serif"><rect width="640" height="400" fill="{ground}"/><rect width="640" height="64" fill="{bar}"/><text x="40" y="130" font-size="26" fill="{text}">{title}</text><rect x="36" y="164" width="380" height="40" fill="#FFF" stroke="#888"/><text x="48" y="190" font-size="18" fill="#111">Simulated – not a real screenshot</text>{swatches}</svg>"##
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    #[test]
    fn base64_is_the_one_of_the_standard() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xFB, 0xFF]), "+/8=");
    }

    #[test]
    fn the_picture_says_what_it_is_and_its_size_is_right() {
        let page = Page::read(Url::parse("https://a.example/").unwrap(), "<title>Tom & <b>Jerry</title>");
        let picture = drawn(&page, &Palette::default());
        assert!(picture.contains("Simulated") && picture.contains("Tom &amp; &lt;b&gt;Jerry"), "{picture}");
        let screenshot = screenshot(&page, &Palette::default());
        assert_eq!((&screenshot["type"], &screenshot["size"]), (&json!("image/svg+xml"), &json!(picture.len())));
        assert_eq!(screenshot["data"].as_str().unwrap().len(), picture.len().div_ceil(3) * 4);
    }
}
