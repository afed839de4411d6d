//! The load generator: readers of event streams on one epoll loop, publishers at a pace, requests at a rate.
//! Must not know which server it loads.

pub mod histogram;
pub mod lines;
pub mod publish;
pub mod readers;
pub mod requests;
pub mod response;
pub mod tally;
