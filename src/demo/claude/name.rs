//! Finds what the brand is called.
//! It must not make up a name: without any trace of one there is none.

use super::facts::Facts;
use super::words;
use url::Url;

/// The brand, as a person would call it.
pub(super) fn brand(facts: &Facts) -> Option<String> {
    stated(facts).or_else(|| in_titles(facts)).or_else(|| of_host(facts))
}

/// The name that the site gives itself.
pub(super) fn stated(facts: &Facts) -> Option<String> {
    facts.pages.iter().map(|page| &page.site_name).find(|name| !name.is_empty()).cloned()
}

/// The segment that most titles share; on a single page the one that the host's name repeats, else the first.
fn in_titles(facts: &Facts) -> Option<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for segment in facts.pages.iter().flat_map(|page| segments(&page.title)) {
        match counted.iter_mut().find(|(known, _)| *known == segment) {
            Some((_, count)) => *count += 1,
            None => counted.push((segment, 1)),
        }
    }
    let host = of_host(facts).unwrap_or_default().to_lowercase();
    let squeezed = |segment: &str| segment.to_lowercase().replace([' ', '-'], "");
    let repeated = counted.iter().find(|(segment, _)| !host.is_empty() && squeezed(segment) == host.replace('-', ""));
    // Of equals the earliest.
    let shared = counted.iter().rev().max_by_key(|(_, count)| *count);
    repeated.or(shared).map(|(segment, _)| segment.clone())
}

fn of_host(facts: &Facts) -> Option<String> {
    let url = facts.pages.first().and_then(|page| Url::parse(&page.url).ok())?;
    let domain = url.domain()?.trim_start_matches("www.").to_owned();
    domain.split('.').next().map(words::capitalised)
}

/// The parts of a title such as `Prices – Acme | Shoes`.
pub(super) fn segments(title: &str) -> Vec<String> {
    let parts = title
        .split(['|', '·', '•', '»', '—', '–'])
        .flat_map(|part| part.split(" - "))
        .flat_map(|part| part.split(": "));
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}
