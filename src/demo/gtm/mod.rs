//! The stand-in of the site analysis: really fetches a site, and streams what it finds.
//! It must not judge the site; making sense of it is the model's part.

mod analysis;
mod brand;
mod crawl;
mod css;
mod depth;
mod fetch;
mod logo;
mod page;
mod reader;
mod server;
#[cfg(test)]
mod tests;

pub use server::Gtm;

/// Stands before every text that a person may see.
const LABEL: &str = "Simulated analysis:";

/// What a person reads, with the label.
fn say(text: impl std::fmt::Display) -> String {
    format!("{LABEL} {text}")
}
