//! Stand-ins for the three upstream APIs, on sockets of their own: `jobcast demo` and the integration tests run on them.
//! It shares no code with the clients in `upstream`, or a mistake made on one side would be hidden by the other; only the
//! rules for addresses that users give (`upstream::address`) are for both.
//!
//! The stand-ins speak the real wire formats and work on real input: the site analysis fetches the site it is given, and
//! the model composes its answer from the data in its prompt. What a person may see says that it is simulated.

mod answer;
mod behaviour;
mod claude;
mod command;
mod control;
mod fault;
mod foreplay;
mod gtm;
#[cfg(test)]
mod heard;
mod socket;
mod stand_in;

pub use behaviour::{Behaviour, Ending, Gate};
pub use claude::{Claude, EVENTS_BEFORE_TEXT};
pub use command::{banner, configured, sites_within_reach};
pub use control::{Counts, RecordedRequest};
pub use fault::FaultNote;
pub use foreplay::Foreplay;
pub use gtm::Gtm;
pub use stand_in::{Api, StandIn};

use crate::upstream::Reach;

/// The stand-in of the site analysis.
pub type GtmStandIn = StandIn<Gtm>;
/// The stand-in of the language model.
pub type ClaudeStandIn = StandIn<Claude>;
/// The stand-in of the ad library.
pub type ForeplayStandIn = StandIn<Foreplay>;

/// The three stand-ins, each listening on a port of its own on loopback; dropping it ends them and closes their connections.
#[derive(Debug)]
pub struct StandIns {
    /// Analyses web sites.
    pub gtm: GtmStandIn,
    /// Composes structured answers.
    pub claude: ClaudeStandIn,
    /// Serves made-up ads.
    pub foreplay: ForeplayStandIn,
}

impl StandIns {
    /// Starts all three on `127.0.0.1:0`, without any delay between their events. The site analysis reads whatever
    /// address it is given, as tests need whose sites are on this machine.
    ///
    /// # Errors
    /// When a port cannot be bound.
    pub async fn start() -> std::io::Result<StandIns> {
        StandIns::reaching(Reach::Everywhere).await
    }

    /// The same, with a site analysis that goes no further than it may: what strangers may use.
    ///
    /// # Errors
    /// When a port cannot be bound.
    pub async fn reaching(reach: Reach) -> std::io::Result<StandIns> {
        let stand_ins = StandIns {
            gtm: StandIn::start().await?,
            claude: StandIn::start().await?,
            foreplay: StandIn::start().await?,
        };
        stand_ins.gtm.set_reach(reach);
        Ok(stand_ins)
    }

    /// Slows all three down so that a person can watch the progress, as `jobcast demo` does.
    pub fn pace_for_people(&self) {
        self.gtm.pace_for_people();
        self.claude.pace_for_people();
        self.foreplay.pace_for_people();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in the first column of the table below a heading.
    fn documented(heading: &str) -> Vec<&'static str> {
        let (_, section) = include_str!("../../docs/FAULTS.md").split_once(heading).unwrap();
        let rows = section.lines().take_while(|line| !line.starts_with("## "));
        rows.filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
    }

    #[test]
    fn every_fault_is_documented() {
        for (heading, faults) in
            [("## gtm\n", Gtm::faults()), ("## foreplay\n", Foreplay::faults()), ("## claude\n", Claude::faults())]
        {
            let names: Vec<&str> = faults.iter().map(|note| note.name).collect();
            assert_eq!(documented(heading), names, "{heading}");
            assert!(
                names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
            );
        }
    }
}
