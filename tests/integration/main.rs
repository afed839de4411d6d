//! Tests against a real server, real databases and real sockets.

mod databases;
mod store;
