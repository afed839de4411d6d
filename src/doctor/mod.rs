//! `jobcast doctor`: looks at everything that a server needs, and says of each what is wrong and what to do.
//! Must not change anything, start a job, or cost anything.
#![allow(clippy::print_stdout)] // the findings are what the command is for

mod database;
mod finding;
mod machine;
mod settings;
mod upstreams;

use serde_json::json;

use crate::config::Doctor;
use finding::Level;

/// Prints the findings; answers the exit code: 0 unless one of them is a failure, else 1.
pub async fn run(command: &Doctor) -> u8 {
    let config = &command.config;
    let mut findings = settings::look(config);
    let (database, upstreams) = tokio::join!(database::look(config), upstreams::look(config));
    findings.extend(database);
    findings.extend(upstreams);
    findings.extend(machine::look(config));

    let is_well = findings.iter().all(|finding| finding.level != Level::Fail);
    if command.json {
        let version = env!("JOBCAST_VERSION");
        println!("{}", json!({"ok": is_well, "version": version, "findings": findings}));
    } else {
        findings.iter().for_each(|finding| println!("{finding}"));
    }
    u8::from(!is_well)
}
