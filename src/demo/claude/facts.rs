//! Finds the data in a prompt and gathers what it states.
//! It must not answer any question; `fields` does.

use super::words;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Beginnings of JSON that are tried in one prompt; text may be full of braces.
const MAX_ATTEMPTS: usize = 5_000;
/// The longest sentence that is worth quoting, in characters.
const MAX_SENTENCE: usize = 280;
/// Sentences and headings kept.
const MAX_KEPT: usize = 400;

/// What a prompt states.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Everything that looks like a page of a site, or an ad.
    pub(super) pages: Vec<PageFacts>,
    /// Members of the JSON objects by lower-case name, the pages' own text excepted.
    pub(super) named: BTreeMap<String, Vec<Value>>,
    /// Headings of all pages, without repetition.
    pub(super) headings: Vec<String>,
    /// Sentences of all descriptions and texts, without repetition.
    pub(super) sentences: Vec<String>,
    /// Significant words and pairs of words, the most frequent first.
    pub(super) themes: Vec<String>,
    /// All that the pages say, in lower case.
    lower: String,
    /// How many words were read.
    pub(super) word_count: usize,
}

/// What one page, or one ad, states; missing members are empty.
#[derive(Debug, Default)]
pub(super) struct PageFacts {
    pub(super) url: String,
    pub(super) title: String,
    pub(super) site_name: String,
    pub(super) description: String,
    pub(super) headings: Vec<String>,
    pub(super) text: String,
}

impl Facts {
    /// Reads a prompt; without any JSON in it, its text is taken as one page.
    pub(super) fn read(prompt: &str) -> Facts {
        let mut facts = Facts::default();
        for value in json_in(prompt) {
            facts.gather(&value);
        }
        if facts.pages.is_empty() {
            facts.pages.push(PageFacts { text: without_tags(prompt), ..PageFacts::default() });
        }
        facts.digest();
        facts
    }

    /// The first sentence that contains one of these words.
    pub(super) fn sentence_with(&self, words: &[&str]) -> Option<&str> {
        let speaks = |sentence: &&String| {
            let lower = sentence.to_lowercase();
            words.iter().any(|word| words::contains(&lower, word))
        };
        self.sentences.iter().find(speaks).map(String::as_str)
    }

    /// How often a word occurs on all pages.
    pub(super) fn occurrences(&self, word: &str) -> usize {
        words::count(&self.lower, word)
    }

    /// All that the pages say, piece by piece.
    pub(super) fn all_text(&self) -> impl Iterator<Item = &str> {
        self.pages.iter().flat_map(|page| {
            let pieces = [&page.title, &page.description, &page.text];
            pieces.into_iter().chain(&page.headings).map(String::as_str)
        })
    }

    /// Walks through a value without recursion and keeps what it states.
    fn gather(&mut self, value: &Value) {
        let mut waiting = vec![value];
        while let Some(value) = waiting.pop() {
            match value {
                Value::Array(items) => waiting.extend(items.iter().rev()),
                Value::Object(members) => {
                    let page = page(members);
                    for (name, member) in members.iter().rev() {
                        if page.is_none() {
                            self.named.entry(name.to_lowercase()).or_default().push(member.clone());
                        }
                        waiting.push(member);
                    }
                    self.pages.extend(page);
                }
                _ => {}
            }
        }
    }

    fn digest(&mut self) {
        self.lower = self.all_text().collect::<Vec<_>>().join("\n").to_lowercase();
        for page in &self.pages {
            self.word_count += page.text.split_whitespace().count();
            for heading in &page.headings {
                keep(&mut self.headings, heading.clone());
            }
            for text in [&page.description, &page.text] {
                for sentence in sentences(text) {
                    keep(&mut self.sentences, sentence);
                }
            }
        }
        self.themes = words::themes(self.pages.iter().flat_map(|page| {
            let headings = page.headings.iter().map(|heading| (heading.as_str(), 3));
            [(page.title.as_str(), 2), (page.description.as_str(), 2), (page.text.as_str(), 1)]
                .into_iter()
                .chain(headings)
        }));
    }
}

/// The JSON objects and arrays in a text, whatever stands around them. Where an outer one is cut off, its parts are found.
fn json_in(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut at = 0;
    for _ in 0..MAX_ATTEMPTS {
        let Some(start) = text[at..].find(['{', '[']).map(|offset| at + offset) else { break };
        let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                at = start + values.byte_offset();
                found.push(value);
            }
            _ => at = start + 1,
        }
    }
    found
}

/// An object with a name and a text of its own is a page (or an ad); `None` for all others.
fn page(members: &Map<String, Value>) -> Option<PageFacts> {
    let text = |names: &[&str]| {
        let found = names.iter().filter_map(|name| members.get(*name)?.as_str()).find(|text| !text.trim().is_empty());
        found.unwrap_or_default().trim().to_owned()
    };
    let headings = match members.get("headings") {
        Some(Value::Array(headings)) => headings.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => members.get("headline").and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
    };
    let page = PageFacts {
        url: text(&["url", "link_url"]),
        title: text(&["title", "name"]),
        site_name: text(&["siteName", "site_name"]),
        description: text(&["description"]),
        headings,
        text: text(&["text", "textContent", "full_transcription"]),
    };
    let says_something = !page.text.is_empty() || !page.headings.is_empty();
    (says_something && ["title", "headline", "description", "url"].iter().any(|name| members.contains_key(*name)))
        .then_some(page)
}

fn keep(kept: &mut Vec<String>, text: String) {
    if kept.len() < MAX_KEPT && !kept.contains(&text) {
        kept.push(text);
    }
}

/// The sentences of a text that are neither fragments nor endless.
fn sentences(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().flat_map(|line| {
        line.split_inclusive([' ']).fold(vec![String::new()], |mut done, word| {
            let ends = word.trim_end().ends_with(['.', '!', '?']);
            if let Some(last) = done.last_mut() {
                last.push_str(word);
            }
            if ends {
                done.push(String::new());
            }
            done
        })
    });
    let lines = lines.map(|sentence| sentence.trim().to_owned());
    lines.filter(|sentence| sentence.split_whitespace().count() >= 4 && sentence.chars().count() <= MAX_SENTENCE)
}

/// The text without `<tag>`s, which delimit data in prompts.
fn without_tags(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        kept.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('>') else { break };
        rest = &rest[start + end + 1..];
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page_json(title: &str, text: &str) -> Value {
        json!({"url": "https://a.example/", "title": title, "siteName": "", "description": "A fine shop for all of you.",
               "headings": ["Shoes", "Boots"], "text": text})
    }

    #[test]
    fn data_is_found_between_other_text() {
        let data = json!({"brand": {"colors": {"primary": ["#1E40AF"]}, "fonts": {"headings": ["Inter"]}}, "pages": [page_json("One", "We make good shoes here.")]});
        let prompt = format!(
            "Use this shape: {{\"a\": 1}} or {{broken. <site_analysis>\n{data}\n</site_analysis> Now {{answer}}."
        );
        let facts = Facts::read(&prompt);
        assert_eq!(facts.pages.len(), 1);
        assert_eq!(facts.pages[0].title, "One");
        assert_eq!(facts.headings, ["Shoes", "Boots"]);
        assert_eq!(facts.sentences, ["A fine shop for all of you.", "We make good shoes here."]);
        assert!(facts.named.contains_key("colors"));
        assert!(!facts.named.contains_key("title"), "a page's own members are no facts about the brand");
    }

    #[test]
    fn data_that_was_cut_off_still_counts_page_by_page() {
        let data =
            json!({"pages": [page_json("One", "x"), page_json("Two", "y"), page_json("Three", "z")]}).to_string();
        let cut = &data[..data.len() - 40];
        let titles: Vec<_> = Facts::read(cut).pages.into_iter().map(|page| page.title).collect();
        assert_eq!(titles, ["One", "Two"]);
    }

    #[test]
    fn a_prompt_without_json_is_read_as_text() {
        let facts = Facts::read("<notes>We bake bread for the whole town. Short one.</notes>");
        assert_eq!(facts.sentences, ["We bake bread for the whole town."]);
    }

    #[test]
    fn data_behind_too_many_braces_is_not_looked_for() {
        let data = page_json("One", "Enough words to count.");
        let title = |braces: usize| Facts::read(&format!("{}{data}", "{".repeat(braces))).pages[0].title.clone();
        assert_eq!(title(MAX_ATTEMPTS - 1), "One");
        assert_eq!(title(MAX_ATTEMPTS), "");
    }
}
