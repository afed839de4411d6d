//! What one page of a site says.
//! It must not weigh that against other pages.

use super::logo::Logo;
use super::reader::{clipped, read};
use serde_json::{Value, json};
use url::Url;

/// Characters of visible text kept of a page.
pub(super) const MAX_TEXT: usize = 4_000;

/// What one page says.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) url: Url,
    pub(super) title: String,
    /// The site's own name, where the page states it.
    pub(super) site_name: String,
    pub(super) description: String,
    /// `h1` to `h3`, in order, without repetition.
    pub(super) headings: Vec<String>,
    /// The beginning of the visible text, a piece per block.
    pub(super) blocks: Vec<String>,
    /// Words of the whole visible text.
    pub(super) word_count: usize,
    /// Every http(s) link, without fragment, in order, without repetition.
    pub(super) links: Vec<Url>,
    pub(super) stylesheets: Vec<Url>,
    pub(super) styles: Vec<String>,
    pub(super) logos: Vec<Logo>,
    /// The pictures of the page, in order, without repetition.
    pub(super) pictures: Vec<Picture>,
}

/// One picture on a page.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) src: Url,
    pub(super) alt: String,
    /// Width and height in pixels, where the page states them.
    pub(super) size: Option<(u32, u32)>,
    pub(super) in_header: bool,
}

impl Page {
    /// Parses `html`; anything is a page to an HTML parser, so this cannot fail.
    pub(super) fn read(url: Url, html: &str) -> Page {
        read(url, html)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "url": self.url.as_str(),
            "title": self.title,
            "siteName": self.site_name,
            "description": self.description,
            "headings": self.headings,
            "text": self.text(),
            "wordCount": self.word_count,
        })
    }

    /// The beginning of the visible text.
    pub(super) fn text(&self) -> String {
        clipped(&self.blocks.join("\n"), MAX_TEXT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::gtm::logo::LogoKind;

    fn page(html: &str) -> Page {
        Page::read(Url::parse("https://site.example/shop/index.html").unwrap(), html)
    }

    fn addresses(urls: &[Url]) -> Vec<&str> {
        urls.iter().map(Url::as_str).collect()
    }

    #[test]
    fn names_come_from_title_and_meta() {
        let page = page(
            r#"<title> Shoes |
               Acme </title><meta property="og:title" content="Other">
               <meta property="og:description" content="shared"><meta name="Description" content="Own  words">
               <meta property="og:site_name" content="Acme"><svg><title>Arrow</title></svg>"#,
        );
        assert_eq!(page.title, "Shoes | Acme");
        assert_eq!(page.description, "Own words");
        assert_eq!(page.site_name, "Acme");
    }

    #[test]
    fn text_is_what_a_reader_sees() {
        let page = page(
            "<body><nav>Menu <a href='/a'>A</a></nav><h1>Run <em>further</em><a href='/a'>¶</a></h1><h4>small</h4>
             <p>First <b>line</b>.<br>Second line.<script>var x = '<p>no</p>'</script><style>p{}</style>
             <p hidden>unseen</p><div aria-hidden=true><h2>unseen</h2></div><ul><li>one<li>two</ul>",
        );
        assert_eq!(page.headings, ["Run further"]);
        assert_eq!(page.blocks, ["Run further¶", "small", "First line.", "Second line.", "one", "two"]);
        assert_eq!(page.to_json()["wordCount"], 9);
        assert_eq!(addresses(&page.links), ["https://site.example/a"], "links in a menu are followed all the same");
    }

    #[test]
    fn links_are_resolved_and_unique() {
        let page = page(
            r##"<base href="/base/"><a href="x">x</a><a href="x#part">x</a><a href="#top">top</a>
               <a href="mailto:me@site.example">m</a><a href="javascript:void(0)">j</a><a href="//other.example/y">y</a>"##,
        );
        assert_eq!(
            addresses(&page.links),
            ["https://site.example/base/x", "https://site.example/base/", "https://other.example/y"]
        );
    }

    #[test]
    fn logos_are_found_and_ranked_by_where_they_stand() {
        let page = page(
            r#"<link rel="shortcut icon" href="/favicon.ico"><link rel=icon href="/mark.svg">
               <link rel=apple-touch-icon href=/touch.png><meta property=og:image content="/share.png">
               <header><a class="site-logo"><img src="/a.png" alt="Acme"></a></header>
               <img src="/photo.jpg"><img src="data:image/png;base64,AA" data-src="/lazy-logo.png">"#,
        );
        let found: Vec<_> = page.logos.iter().map(|logo| (logo.src.path(), logo.kind)).collect();
        assert_eq!(
            found,
            [
                ("/favicon.ico", LogoKind::Icon),
                ("/mark.svg", LogoKind::VectorIcon),
                ("/touch.png", LogoKind::TouchIcon),
                ("/share.png", LogoKind::ShareImage),
                ("/a.png", LogoKind::HeaderPicture),
                ("/lazy-logo.png", LogoKind::Picture),
            ]
        );
        assert_eq!(page.logos[4].alt, "Acme");
    }

    #[test]
    fn deep_nesting_and_long_text_are_bounded() {
        let deep = page(&format!("<p>first{}last", "<div>".repeat(100_000)));
        assert_eq!(deep.blocks, ["first"]);
        let long = page(&"wörd ".repeat(5_000)).to_json();
        assert_eq!((long["text"].as_str().unwrap().chars().count(), &long["wordCount"]), (MAX_TEXT, &json!(5_000)));
    }
}
