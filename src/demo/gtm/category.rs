//! Tells from a page's address, title and headings what kind of page it is, and how much it says about the brand.
//! It must not read the running text, which speaks of everything.

use super::page::Page;
use super::reader::clipped;

/// What kind of page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    Home,
    About,
    Mission,
    Team,
    Services,
    Products,
    Portfolio,
    Awards,
    ServiceArea,
    Pricing,
    Contact,
    Blog,
    Careers,
    Legal,
    Other,
}

/// The words of addresses and titles that speak for a category, the more telling categories first.
const WORDS: &[(Category, &[&str])] = &[
    (Category::Legal, &["privacy", "terms", "legal", "imprint", "impressum", "cookies", "cookie", "disclaimer"]),
    (Category::Careers, &["careers", "jobs", "hiring", "vacancies"]),
    (Category::Mission, &["mission", "vision", "values", "purpose", "manifesto", "sustainability"]),
    (Category::Team, &["team", "people", "leadership", "founders", "staff", "governance"]),
    (Category::Awards, &["awards", "recognition", "certifications", "press"]),
    (Category::Portfolio, &["portfolio", "projects", "cases", "case", "customers", "clients", "stories", "work"]),
    (Category::ServiceArea, &["locations", "areas", "stores", "branches", "coverage"]),
    (Category::Pricing, &["pricing", "prices", "plans"]),
    (Category::About, &["about", "company", "who", "history", "story", "über", "ueber"]),
    (Category::Services, &["services", "service", "solutions", "consulting", "features", "offer"]),
    (Category::Products, &["products", "product", "shop", "store", "collections", "collection", "catalog", "tools"]),
    (Category::Contact, &["contact", "kontakt", "support", "help"]),
    (Category::Blog, &["blog", "news", "articles", "posts", "journal", "magazine"]),
];

impl Category {
    /// The category of a page; the first one of the walk is the site's home.
    pub(super) fn of(page: &Page, is_first: bool) -> Category {
        if is_first || page.url.path() == "/" {
            return Category::Home;
        }
        let named = |text: &str| {
            let words = words(text);
            WORDS.iter().find(|(_, telling)| telling.iter().any(|word| words.iter().any(|own| own == word)))
        };
        // An address is chosen with more care than a title, which repeats the brand's name.
        let heading = page.headings.first().map(String::as_str).unwrap_or_default();
        let found = named(page.url.path()).or_else(|| named(heading)).or_else(|| named(&page.title));
        found.map_or(Category::Other, |(category, _)| *category)
    }

    /// The name in the answer.
    pub(super) fn name(self) -> &'static str {
        match self {
            Category::Home => "home",
            Category::About => "about",
            Category::Mission => "mission",
            Category::Team => "team",
            Category::Services => "services",
            Category::Products => "products",
            Category::Portfolio => "portfolio",
            Category::Awards => "awards",
            Category::ServiceArea => "service-area",
            Category::Pricing => "pricing",
            Category::Contact => "contact",
            Category::Blog => "blog",
            Category::Careers => "careers",
            Category::Legal => "legal",
            Category::Other => "other",
        }
    }

    /// How much such a page says about the brand, between 0 and 1.
    pub(super) fn relevance(self) -> f64 {
        match self {
            Category::About => 0.95,
            Category::Mission => 0.93,
            Category::Home => 0.9,
            Category::Services | Category::Products => 0.88,
            Category::Team => 0.82,
            Category::Portfolio => 0.8,
            Category::Pricing | Category::Awards => 0.72,
            Category::ServiceArea => 0.65,
            Category::Careers => 0.6,
            Category::Blog => 0.55,
            Category::Contact => 0.5,
            Category::Other => 0.45,
            Category::Legal => 0.15,
        }
    }

    /// Why a reader should look at the page, or not.
    pub(super) fn reason(self, page: &Page) -> String {
        let what = match self {
            Category::Home => "The first page: what the site puts forward",
            Category::About => "Company overview",
            Category::Mission => "What the company stands for",
            Category::Team => "The people behind the company",
            Category::Services => "What the company does for its customers",
            Category::Products => "What the company sells",
            Category::Portfolio => "Work done and customers served",
            Category::Awards => "Recognition by others",
            Category::ServiceArea => "Where the company can be found",
            Category::Pricing => "What it costs",
            Category::Contact => "How to reach the company",
            Category::Blog => "Articles: the topics and the voice of the brand",
            Category::Careers => "How the company speaks to future colleagues",
            Category::Legal => "Legal text, which says little about the brand",
            Category::Other => "Not a kind of page that is known",
        };
        match page.headings.first() {
            Some(heading) => format!("{what} (headed “{}”)", clipped(heading, 80)),
            None => what.to_owned(),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split(|character: char| !character.is_alphanumeric());
    parts.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn category(path: &str, html: &str) -> Category {
        let url = Url::parse("https://site.example/").unwrap().join(path).unwrap();
        Category::of(&Page::read(url, html), false)
    }

    #[test]
    fn the_address_tells_first_then_the_heading_then_the_title() {
        assert_eq!(category("/", ""), Category::Home);
        assert_eq!(category("/about-us", "<title>Our team</title>"), Category::About);
        assert_eq!(category("/p/17", "<title>Shop</title><h1>Our mission</h1>"), Category::Mission);
        assert_eq!(category("/p/17", "<title>Privacy | Acme</title>"), Category::Legal);
        assert_eq!(category("/workshop", "<title>Acme</title>"), Category::Other, "only whole words count");
    }
}
