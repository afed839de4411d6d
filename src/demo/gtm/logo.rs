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

/// Whether an element, one of a picture or around it, is marked as a logo.
pub(super) fn speaks_of_logo(element: ElementRef<'_>) -> bool {
    let attributes = ["src", "data-src", "alt", "class", "id", "aria-label"];
    // An ancestor as wide as the whole page says nothing about the picture.
    !matches!(element.value().name(), "html" | "body" | "main")
        && attributes.iter().filter_map(|name| element.attr(name)).any(|value| value.to_lowercase().contains("logo"))
}
