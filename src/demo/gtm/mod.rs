//! The stand-in of the site analysis: really fetches a site, and tells what it finds.
//! It must not judge the site; making sense of it is the model's part.

mod analysis;
mod brand;
mod category;
mod crawl;
mod css;
mod depth;
mod discovery;
mod extraction;
mod fault;
mod fetch;
mod logo;
mod page;
mod palette;
mod reader;
mod request;
mod screenshot;
mod server;
#[cfg(test)]
mod tests;
mod told;
mod typography;

pub use server::Gtm;

/// Stands before every text that a person may see.
const LABEL: &str = "Simulated analysis:";

/// What a person reads, with the label.
fn say(text: impl std::fmt::Display) -> String {
    format!("{LABEL} {text}")
}
