//! Runs long AI jobs in the background and pushes their progress to browsers over Server-Sent Events.
//!
//! The modules, from the bottom up; an import points down only (`tests/integration/layers.rs` checks it).

pub mod event;
pub mod job;
pub mod write;

pub mod store;

pub mod upstream;

pub mod demo;
