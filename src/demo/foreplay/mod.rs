//! The stand-in of the ad library: a fixed set of made-up ads with paging and credits.
//! It must not show an ad of a real brand.

mod ads;
mod fault;
mod search;
mod server;
#[cfg(test)]
mod tests;

pub use server::Foreplay;
