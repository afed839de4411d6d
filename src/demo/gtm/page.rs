//! Reads one HTML document: its names, headings, visible text, links, styles and pictures that may be logos.
//! It must not fetch anything, and it must not weigh what it found against other pages.

use super::depth::cut_where_too_deep;
use super::logo::{Logo, LogoKind, speaks_of_logo};
use scraper::{ElementRef, Html, Node};
use serde_json::{Value, json};
use std::collections::HashSet;
use url::Url;

/// Characters of visible text kept of a page.
const MAX_TEXT: usize = 4_000;
/// Headings kept of a page.
const MAX_HEADINGS: usize = 40;
/// Characters kept of a title, a description or a heading.
const MAX_LINE: usize = 400;
/// Links kept of a page.
const MAX_LINKS: usize = 1_000;
/// Characters of style rules kept of a page.
const MAX_STYLE: usize = 512 * 1024;

/// Elements whose content is no text, or is the same on every page.
const UNREAD: &[&str] =
    &["script", "noscript", "template", "svg", "iframe", "object", "canvas", "nav", "button", "select", "textarea"];
/// Elements that stand within a line of text.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "font", "i", "kbd", "label", "mark", "q", "s", "samp",
    "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr",
];

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
    /// The visible text, a piece per block.
    pub(super) blocks: Vec<String>,
    /// Every http(s) link, without fragment, in order, without repetition.
    pub(super) links: Vec<Url>,
    pub(super) stylesheets: Vec<Url>,
    pub(super) styles: Vec<String>,
    pub(super) logos: Vec<Logo>,
}

impl Page {
    /// Parses `html`; anything is a page to an HTML parser, so this cannot fail.
    pub(super) fn read(url: Url, html: &str) -> Page {
        let mut reader = Reader::new(url);
        walk(&Html::parse_document(cut_where_too_deep(html)), &mut reader);
        reader.finish()
    }

    pub(super) fn to_json(&self) -> Value {
        let text = clipped(&self.blocks.join("\n"), MAX_TEXT);
        json!({
            "url": self.url.as_str(),
            "title": self.title,
            "siteName": self.site_name,
            "description": self.description,
            "headings": self.headings,
            "text": text,
            "wordCount": self.blocks.iter().map(|block| block.split_whitespace().count()).sum::<usize>(),
        })
    }
}

/// Visits every node in order, without recursion: a page may be nested as deep as its author likes.
fn walk(html: &Html, reader: &mut Reader) {
    let root = html.tree.root();
    let mut node = root;
    loop {
        match node.value() {
            Node::Text(text) => reader.text(text),
            Node::Element(_) => ElementRef::wrap(node).into_iter().for_each(|element| reader.open(element)),
            _ => {}
        }
        if let Some(child) = node.first_child() {
            node = child;
            continue;
        }
        loop {
            if let Some(element) = ElementRef::wrap(node) {
                reader.close(element);
            }
            if node == root {
                return;
            }
            if let Some(sibling) = node.next_sibling() {
                node = sibling;
                break;
            }
            let Some(parent) = node.parent() else { return };
            node = parent;
        }
    }
}

/// Gathers a page while its nodes pass by.
struct Reader {
    page: Page,
    /// What relative links are relative to.
    base: Url,
    /// The text of the block being read.
    block: String,
    /// How many of the elements now open hide their text, are headings, are headers, or are `head`.
    unread: usize,
    heading: usize,
    header: usize,
    /// Where text goes instead of the block: into the title or a style sheet.
    aside: Option<String>,
    known_links: HashSet<String>,
    style_room: usize,
}

impl Reader {
    fn new(url: Url) -> Reader {
        let page = Page {
            url: url.clone(),
            title: String::new(),
            site_name: String::new(),
            description: String::new(),
            headings: Vec::new(),
            blocks: Vec::new(),
            links: Vec::new(),
            stylesheets: Vec::new(),
            styles: Vec::new(),
            logos: Vec::new(),
        };
        Reader {
            page,
            base: url,
            block: String::new(),
            unread: 0,
            heading: 0,
            header: 0,
            aside: None,
            known_links: HashSet::new(),
            style_room: MAX_STYLE,
        }
    }

    fn open(&mut self, element: ElementRef<'_>) {
        self.break_block(element);
        self.unread += usize::from(is_unread(element));
        self.heading += usize::from(is_heading(element));
        self.header += usize::from(element.value().name() == "header");
        match element.value().name() {
            "base" => self.rebase(element),
            "meta" => self.meta(element),
            "link" => self.link(element),
            "a" | "area" => self.anchor(element),
            "img" => self.picture(element),
            "title" | "style" => self.aside = Some(String::new()),
            _ => {}
        }
        if let Some(style) = element.attr("style") {
            self.style(format!("[style]{{{style}}}"));
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(aside) = &mut self.aside {
            aside.push_str(text);
        } else if self.unread == 0 {
            self.block.push_str(text);
        }
    }

    fn close(&mut self, element: ElementRef<'_>) {
        self.break_block(element);
        match (element.value().name(), self.aside.take()) {
            ("style", Some(style)) => self.style(style),
            // A picture of vectors has a title of its own.
            ("title", Some(title)) if self.unread == 0 => keep_first(&mut self.page.title, &title),
            _ => {}
        }
        self.unread -= usize::from(is_unread(element));
        self.heading -= usize::from(is_heading(element));
        self.header -= usize::from(element.value().name() == "header");
    }

    fn finish(mut self) -> Page {
        self.end_block();
        self.page
    }

    /// Ends the block where a block-level element begins or ends.
    fn break_block(&mut self, element: ElementRef<'_>) {
        if !INLINE.contains(&element.value().name()) {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let block = one_line(&std::mem::take(&mut self.block));
        if block.is_empty() {
            return;
        }
        if self.heading > 0 && self.page.headings.len() < MAX_HEADINGS {
            let heading = clipped(&block, MAX_LINE);
            if !self.page.headings.contains(&heading) {
                self.page.headings.push(heading);
            }
        }
        self.page.blocks.push(block);
    }

    fn rebase(&mut self, element: ElementRef<'_>) {
        if let Some(base) = element.attr("href").and_then(|href| self.page.url.join(href).ok()) {
            self.base = base;
        }
    }

    fn meta(&mut self, element: ElementRef<'_>) {
        let Some(content) = element.attr("content") else { return };
        let name = element.attr("name").or(element.attr("property")).unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "description" => self.page.description = clipped(&one_line(content), MAX_LINE),
            "og:description" | "twitter:description" => keep_first(&mut self.page.description, content),
            "og:site_name" => self.page.site_name = clipped(&one_line(content), MAX_LINE),
            "application-name" => keep_first(&mut self.page.site_name, content),
            "og:title" => keep_first(&mut self.page.title, content),
            "og:image" => self.logo(content, "", LogoKind::ShareImage),
            "theme-color" => self.style(format!("[theme]{{color:{content}}}")),
            _ => {}
        }
    }

    fn link(&mut self, element: ElementRef<'_>) {
        let Some(href) = element.attr("href") else { return };
        let relation = element.attr("rel").unwrap_or_default().to_ascii_lowercase();
        let relations: Vec<&str> = relation.split_whitespace().collect();
        if relations.contains(&"stylesheet") && !relations.contains(&"alternate") {
            self.page.stylesheets.extend(self.resolve(href));
        } else if relations.contains(&"mask-icon") {
            self.logo(href, "", LogoKind::VectorIcon);
        } else if relations.contains(&"apple-touch-icon") {
            self.logo(href, "", LogoKind::TouchIcon);
        } else if relations.contains(&"icon") {
            let vector = href.ends_with(".svg") || element.attr("type") == Some("image/svg+xml");
            self.logo(href, "", if vector { LogoKind::VectorIcon } else { LogoKind::Icon });
        }
    }

    fn anchor(&mut self, element: ElementRef<'_>) {
        let Some(mut url) = element.attr("href").and_then(|href| self.resolve(href)) else { return };
        url.set_fragment(None);
        if self.page.links.len() < MAX_LINKS && self.known_links.insert(url.to_string()) {
            self.page.links.push(url);
        }
    }

    fn picture(&mut self, element: ElementRef<'_>) {
        let Some(src) = element.attr("src").filter(|src| !src.starts_with("data:")).or(element.attr("data-src")) else {
            return;
        };
        let nearby = element.ancestors().filter_map(ElementRef::wrap).take(3);
        if std::iter::once(element).chain(nearby).any(speaks_of_logo) {
            let kind = if self.header > 0 { LogoKind::HeaderPicture } else { LogoKind::Picture };
            self.logo(src, element.attr("alt").unwrap_or_default(), kind);
        }
    }

    fn logo(&mut self, src: &str, alt: &str, kind: LogoKind) {
        let Some(src) = self.resolve(src) else { return };
        let logo = Logo { src, alt: clipped(&one_line(alt), MAX_LINE), kind };
        if !self.page.logos.contains(&logo) {
            self.page.logos.push(logo);
        }
    }

    fn style(&mut self, style: String) {
        if style.len() <= self.style_room {
            self.style_room -= style.len();
            self.page.styles.push(style);
        }
    }

    fn resolve(&self, address: &str) -> Option<Url> {
        let url = self.base.join(address.trim()).ok()?;
        matches!(url.scheme(), "http" | "https").then_some(url)
    }
}

fn is_unread(element: ElementRef<'_>) -> bool {
    UNREAD.contains(&element.value().name())
        || element.attr("hidden").is_some()
        || element.attr("aria-hidden") == Some("true")
}

fn is_heading(element: ElementRef<'_>) -> bool {
    matches!(element.value().name(), "h1" | "h2" | "h3")
}

fn keep_first(kept: &mut String, text: &str) {
    if kept.is_empty() {
        *kept = clipped(&one_line(text), MAX_LINE);
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `most` characters.
fn clipped(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "<body><nav>Menu <a href='/a'>A</a></nav><h1>Run <em>further</em></h1><h4>small</h4>
             <p>First <b>line</b>.<br>Second line.<script>var x = '<p>no</p>'</script><style>p{}</style>
             <p hidden>unseen</p><div aria-hidden=true><h2>unseen</h2></div><ul><li>one<li>two</ul>",
        );
        assert_eq!(page.headings, ["Run further"]);
        assert_eq!(page.blocks, ["Run further", "small", "First line.", "Second line.", "one", "two"]);
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
