//! What makes a picture a candidate for the brand's logo.
//! It must not choose between candidates; `brand` does.

use scraper::ElementRef;
use url::Url;

/// A picture that may be the brand's logo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Logo {
    pub(super) src: Url,
    pub(super) alt: String,
    pub(super) kind: LogoKind,
    /// Width and height in pixels, where the page states them.
    pub(super) size: Option<(u32, u32)>,
}

/// What speaks for a picture being the logo, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LogoKind {
    HeaderPicture,
    Picture,
    VectorIcon,
    TouchIcon,
    ShareImage,
    Icon,
}

impl LogoKind {
    /// Whether it is meant for the browser rather than for the page.
    pub(super) fn is_icon(self) -> bool {
        matches!(self, LogoKind::VectorIcon | LogoKind::TouchIcon | LogoKind::Icon)
    }

    /// How likely such a picture is the logo, in percent.
    pub(super) fn score(self) -> u8 {
        match self {
            LogoKind::HeaderPicture => 95,
            LogoKind::Picture => 80,
            LogoKind::VectorIcon => 60,
            LogoKind::TouchIcon => 50,
            LogoKind::ShareImage => 45,
            LogoKind::Icon => 40,
        }
    }
}

/// The size that a picture's element states: `width` and `height`, or `sizes="32x32"` of an icon.
pub(super) fn stated_size(element: ElementRef<'_>) -> Option<(u32, u32)> {
    let number = |text: &str| text.trim().trim_end_matches("px").parse::<u32>().ok().filter(|size| *size > 0);
    if let Some(sizes) = element.attr("sizes").filter(|_| element.value().name() == "link") {
        let (width, height) = sizes.split_whitespace().next()?.split_once(['x', 'X'])?;
        return number(width).zip(number(height));
    }
    number(element.attr("width")?).zip(number(element.attr("height")?))
}

/// Whether an element, one of a picture or around it, is marked as a logo.
pub(super) fn speaks_of_logo(element: ElementRef<'_>) -> bool {
    let attributes = ["src", "data-src", "alt", "class", "id", "aria-label"];
    // An ancestor as wide as the whole page says nothing about the picture.
    !matches!(element.value().name(), "html" | "body" | "main")
        && attributes.iter().filter_map(|name| element.attr(name)).any(|value| value.to_lowercase().contains("logo"))
}
