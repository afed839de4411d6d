//! Walks one site breadth first, within bounds of pages, addresses and time.
//! It must not decide what the pages mean.

use super::fetch::{Bounds, Failure, Fetched, Web, same_site};
use super::page::Page;
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How long the whole walk may take.
const WHOLE_WALK: Duration = Duration::from_secs(60);
/// Addresses remembered; links beyond them are not followed.
const MAX_KNOWN: usize = 2_000;
/// Addresses that may turn out to be no page, for each page wanted, before the walk gives up.
const ATTEMPTS_PER_PAGE: usize = 3;
/// Stylesheets fetched.
const MAX_STYLESHEETS: usize = 5;

/// Endings of paths that are known not to be pages, so that they are not even asked for.
const NOT_PAGES: &[&str] = &[
    "7z", "apk", "avif", "bmp", "css", "csv", "dmg", "doc", "docx", "eot", "exe", "gif", "gz", "ico", "ics", "jpeg",
    "jpg", "js", "json", "mjs", "mov", "mp3", "mp4", "pdf", "png", "ppt", "pptx", "svg", "tar", "txt", "webm", "webp",
    "woff2", "xls", "xml", "zip",
];

/// A walk in progress.
pub(super) struct Crawl {
    web: Web,
    deadline: Instant,
    max_pages: usize,
    /// Where the first page was found: the site that the walk stays on.
    home: Url,
    /// The first page, until it has been told.
    first: Option<Url>,
    queue: VecDeque<Url>,
    /// Addresses seen, in the form of [`key`].
    known: HashSet<String>,
    /// Hashes of the bodies read: one document often has several addresses.
    bodies: HashSet<u64>,
    /// Pieces of text that an earlier page had, such as footers.
    blocks: HashSet<String>,
    attempts: usize,
    /// Addresses of the site that were met.
    met: usize,
    pages: Vec<Page>,
}

/// One thing that happened on the walk.
pub(super) enum Step {
    Read { url: Url },
    Skipped { url: Url, why: Failure },
}

/// What the walk brought home.
pub(super) struct Site {
    /// At least one.
    pub(super) pages: Vec<Page>,
    /// The style rules found in pages and stylesheets.
    pub(super) styles: Vec<String>,
    /// Addresses of the site that were met, those that were not read among them; at least the number of pages.
    pub(super) known: usize,
}

impl Crawl {
    /// Reads the first page, which may be redirected to another host; that host is then the site.
    ///
    /// # Errors
    /// When the first page cannot be read.
    pub(super) async fn start(mut web: Web, url: Url, max_pages: usize) -> Result<Crawl, Failure> {
        let deadline = Instant::now() + WHOLE_WALK;
        let fetched = web.get(&url, Bounds { site: None, wanted: is_page, deadline }).await?;
        let mut crawl = Crawl {
            web,
            deadline,
            max_pages,
            home: fetched.url.clone(),
            first: Some(fetched.url.clone()),
            queue: VecDeque::new(),
            known: HashSet::from([key(&url)]),
            bodies: HashSet::new(),
            blocks: HashSet::new(),
            attempts: max_pages.saturating_mul(ATTEMPTS_PER_PAGE),
            met: 1,
            pages: Vec::new(),
        };
        crawl.known.insert(key(&fetched.url));
        crawl.take(fetched).await?;
        Ok(crawl)
    }

    /// How many pages have been read and told.
    pub(super) fn read(&self) -> usize {
        self.pages.len() - usize::from(self.first.is_some())
    }

    /// How many pages there will be, as far as can be known now.
    pub(super) fn expected(&self) -> usize {
        (self.pages.len() + self.queue.len()).min(self.max_pages)
    }

    /// Goes on to the next address; `None` when the walk is over.
    pub(super) async fn next(&mut self) -> Option<Step> {
        if let Some(url) = self.first.take() {
            return Some(Step::Read { url });
        }
        while self.pages.len() < self.max_pages && self.attempts > 0 && Instant::now() < self.deadline {
            let url = self.queue.pop_front()?;
            self.attempts -= 1;
            let bounds = Bounds { site: Some(&self.home), wanted: is_page, deadline: self.deadline };
            match self.web.get(&url, bounds).await {
                Err(why) => return Some(Step::Skipped { url, why }),
                Ok(fetched) if self.is_new(&url, &fetched) => {
                    let url = fetched.url.clone();
                    return Some(match self.take(fetched).await {
                        Ok(()) => Step::Read { url },
                        Err(why) => Step::Skipped { url, why },
                    });
                }
                Ok(_) => {}
            }
        }
        None
    }

    /// Fetches the stylesheets and ends the walk.
    pub(super) async fn finish(mut self) -> Site {
        let mut styles: Vec<String> = self.pages.iter().flat_map(|page| page.styles.iter().cloned()).collect();
        let mut asked = HashSet::new();
        let sheets = self.pages.iter().flat_map(|page| &page.stylesheets);
        let sheets = sheets.filter(|url| same_site(&self.home, url) && asked.insert(key(url)));
        for url in sheets.take(MAX_STYLESHEETS) {
            let bounds = Bounds { site: Some(&self.home), wanted: is_stylesheet, deadline: self.deadline };
            // A missing stylesheet makes the description poorer, not wrong.
            if let Ok(fetched) = self.web.get(url, bounds).await {
                styles.push(fetched.text());
            }
        }
        let known = self.met.max(self.pages.len());
        Site { pages: self.pages, styles, known }
    }

    fn is_new(&mut self, asked: &Url, fetched: &Fetched) -> bool {
        let redirected = key(asked) != key(&fetched.url);
        if redirected && !self.known.insert(key(&fetched.url)) {
            return false;
        }
        !self.bodies.contains(&hash(&fetched.body))
    }

    async fn take(&mut self, fetched: Fetched) -> Result<(), Failure> {
        self.bodies.insert(hash(&fetched.body));
        // Parsing two megabytes takes long enough to hold up the other tasks of this thread.
        let parsing = tokio::task::spawn_blocking(move || Page::read(fetched.url.clone(), &fetched.text()));
        let mut page = parsing.await.map_err(|_| Failure::Unreadable)?;
        page.blocks = without_repeated(page.blocks, &mut self.blocks);
        for link in &page.links {
            self.follow(link);
        }
        self.pages.push(page);
        Ok(())
    }

    fn follow(&mut self, link: &Url) {
        let page = same_site(&self.home, link) && !ends_like_a_file(link);
        if page && self.known.len() < MAX_KNOWN && self.known.insert(key(link)) {
            self.met += 1;
            self.queue.push_back(link.clone());
        }
    }
}

/// The pieces of text that no earlier page had, unless that would leave little of the page.
fn without_repeated(blocks: Vec<String>, earlier: &mut HashSet<String>) -> Vec<String> {
    let words = |blocks: &[String]| blocks.iter().map(|block| block.split_whitespace().count()).sum::<usize>();
    let fresh: Vec<String> = blocks.iter().filter(|block| earlier.insert((*block).clone())).cloned().collect();
    if words(&fresh) * 2 >= words(&blocks) { fresh } else { blocks }
}

/// The form in which addresses are compared: without fragment, scheme and last slash.
fn key(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    let text = url.as_str().trim_end_matches('/');
    text.split_once("://").map_or(text, |(_, rest)| rest).to_owned()
}

fn ends_like_a_file(url: &Url) -> bool {
    let last = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    let ending = last.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| NOT_PAGES.contains(&ending.as_str()))
}

fn is_page(content_type: &str) -> bool {
    content_type.starts_with("text/html") || content_type.starts_with("application/xhtml+xml")
}

fn is_stylesheet(content_type: &str) -> bool {
    content_type.starts_with("text/css")
}

fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn repeated_text_is_dropped_unless_the_page_is_nothing_else() {
        let mut earlier = HashSet::new();
        let first = blocks(&["All about our shoes", "Acme of Bergen"]);
        assert_eq!(without_repeated(first.clone(), &mut earlier), first);
        let second = blocks(&["All about our boots", "Acme of Bergen"]);
        assert_eq!(without_repeated(second, &mut earlier), blocks(&["All about our boots"]));
        assert_eq!(without_repeated(first.clone(), &mut earlier), first, "an excerpt keeps its text");
    }

    #[test]
    fn addresses_of_one_page_have_one_key() {
        let key_of = |text: &str| key(&Url::parse(text).unwrap());
        assert_eq!(key_of("http://a.example/x/#part"), key_of("https://A.example/x"));
        assert_ne!(key_of("http://a.example/x"), key_of("http://a.example/x?page=2"));
        assert_ne!(key_of("http://a.example/"), key_of("http://a.example:81/"));
        assert!(ends_like_a_file(&Url::parse("http://a.example/b.PDF?x=1").unwrap()));
        assert!(!ends_like_a_file(&Url::parse("http://a.example/v1.2").unwrap()));
    }
}
