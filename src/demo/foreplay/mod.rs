//! The stand-in of the ad library: a fixed set of made-up ads with paging and credits.
//! It must not show an ad of a real brand.

mod ads;
mod search;
mod server;

pub use server::Foreplay;
