//! Tests against a real server, real databases and real sockets.

// Clippy's allow-unwrap-in-tests covers functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod abuse;
mod access;
mod allocations;
mod attempts;
mod bad_input;
mod bad_start;
mod brand_stream;
mod client;
mod clients;
#[path = "../corpus/mod.rs"]
mod corpus;
mod crash;
mod dashboard;
mod databases;
mod delivery;
mod demo;
mod deployment;
mod disconnects;
mod faults;
mod faults_on_request;
mod fence;
mod full_disk;
mod harness;
mod hostile;
mod idempotency;
mod instances;
mod job_types;
mod layers;
mod limits;
mod locked_file;
mod main_job;
mod metrics;
mod openapi;
mod operations;
mod origin;
mod outage;
mod requests;
mod resume;
mod stop;
mod store;
mod storm;
mod stream;
mod upstream_faults;
mod watch;
mod webhooks;
