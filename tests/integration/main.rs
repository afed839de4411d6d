//! Tests against a real server, real databases and real sockets.

// Clippy's allow-unwrap-in-tests covers functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod databases;
mod store;
