//! Reads one HTML document: its names, headings, visible text, links, styles and pictures that may be logos.
//! It must not fetch anything.

use super::depth::cut_where_too_deep;
use super::logo::{Logo, LogoKind, speaks_of_logo, stated_size};
use super::page::{MAX_TEXT, Page, Picture};
use scraper::{ElementRef, Html, Node};
use std::collections::HashSet;
use url::Url;

/// Bytes of text kept until it is known which pieces of it other pages repeat.
const MAX_BLOCKS: usize = 4 * MAX_TEXT;
/// Headings kept of a page.
const MAX_HEADINGS: usize = 40;
/// Characters kept of a title, a description or a heading.
const MAX_LINE: usize = 400;
/// Links kept of a page.
const MAX_LINKS: usize = 1_000;
/// Pictures kept of a page.
const MAX_PICTURES: usize = 60;
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

/// Parses `html` and gathers what it says.
pub(super) fn read(url: Url, html: &str) -> Page {
    let mut reader = Reader::new(url);
    walk(&Html::parse_document(cut_where_too_deep(html)), &mut reader);
    reader.finish()
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
    block_room: usize,
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
            word_count: 0,
            links: Vec::new(),
            stylesheets: Vec::new(),
            styles: Vec::new(),
            logos: Vec::new(),
            pictures: Vec::new(),
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
            block_room: MAX_BLOCKS,
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
            // Documentation marks headings with a sign that links to them.
            let heading = clipped(block.trim_matches(['§', '¶', '#', ' ']), MAX_LINE);
            if !heading.is_empty() && !self.page.headings.contains(&heading) {
                self.page.headings.push(heading);
            }
        }
        self.page.word_count += block.split(' ').count();
        if self.block_room > 0 {
            self.block_room = self.block_room.saturating_sub(block.len());
            self.page.blocks.push(clipped(&block, MAX_TEXT));
        }
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
            "og:image" => self.logo(content, "", LogoKind::ShareImage, None),
            "theme-color" => self.style(format!("[theme]{{color:{content}}}")),
            _ => {}
        }
    }

    fn link(&mut self, element: ElementRef<'_>) {
        let Some(href) = element.attr("href") else { return };
        let relation = element.attr("rel").unwrap_or_default().to_ascii_lowercase();
        let size = stated_size(element);
        let relations: Vec<&str> = relation.split_whitespace().collect();
        if relations.contains(&"stylesheet") && !relations.contains(&"alternate") {
            self.page.stylesheets.extend(self.resolve(href));
        } else if relations.contains(&"mask-icon") {
            self.logo(href, "", LogoKind::VectorIcon, size);
        } else if relations.contains(&"apple-touch-icon") {
            self.logo(href, "", LogoKind::TouchIcon, size);
        } else if relations.contains(&"icon") {
            let vector = href.ends_with(".svg") || element.attr("type") == Some("image/svg+xml");
            self.logo(href, "", if vector { LogoKind::VectorIcon } else { LogoKind::Icon }, size);
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
        self.keep_picture(src, element);
        let nearby = element.ancestors().filter_map(ElementRef::wrap).take(3);
        if std::iter::once(element).chain(nearby).any(speaks_of_logo) {
            let kind = if self.header > 0 { LogoKind::HeaderPicture } else { LogoKind::Picture };
            self.logo(src, element.attr("alt").unwrap_or_default(), kind, stated_size(element));
        }
    }

    fn keep_picture(&mut self, src: &str, element: ElementRef<'_>) {
        let Some(src) = self.resolve(src) else { return };
        if self.page.pictures.len() < MAX_PICTURES && self.page.pictures.iter().all(|picture| picture.src != src) {
            let alt = clipped(&one_line(element.attr("alt").unwrap_or_default()), MAX_LINE);
            self.page.pictures.push(Picture { src, alt, size: stated_size(element), in_header: self.header > 0 });
        }
    }

    fn logo(&mut self, src: &str, alt: &str, kind: LogoKind, size: Option<(u32, u32)>) {
        let Some(src) = self.resolve(src) else { return };
        let logo = Logo { src, alt: clipped(&one_line(alt), MAX_LINE), kind, size };
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
pub(super) fn clipped(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
