//! Runs long AI jobs in the background and pushes their progress to browsers over Server-Sent Events.
//!
//! The modules, from the bottom up; an import points down only (`tests/integration/layers.rs` checks it).

pub mod event;
pub mod job;
pub mod write;

pub mod access;
pub mod meter;

pub mod hub;
pub mod store;
pub mod upstream;

pub mod event_log;

pub mod pipeline;

pub mod engine;

pub mod http;

pub mod config;

pub mod app;
pub mod demo;
pub mod doctor;
pub mod health;
#[cfg(feature = "otel")]
pub mod traces;
pub mod watch;

// Outside of `src`, because the integration tests use it too.
#[cfg(test)]
#[path = "../tests/corpus/mod.rs"]
mod corpus;
