//! The `jobcast` command: parses, builds, runs and drains.

fn main() {}
