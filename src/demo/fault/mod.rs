//! Faults that can be asked for by name: by a text in the request, by a header, or ahead of it.
//! It must not know what a fault does; each API says that of its own.

mod asked;
mod memory;
mod route;
mod text;

pub(super) use asked::Asked;
pub(super) use memory::Memory;
pub(super) use route::router;
pub(super) use text::without_faults;

use super::behaviour::Behaviour;
use serde_json::json;

/// The header that asks for a fault: its name, and perhaps `*N`.
pub(super) const HEADER: &str = "x-stand-in-fault";

/// A fault that a stand-in can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultNote {
    /// In kebab-case, unique within its API.
    pub name: &'static str,
    /// What the caller sees, in one line.
    pub description: &'static str,
}

/// The faults of one API, by whose name texts ask for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Catalogue {
    /// `gtm`, `foreplay` or `claude`.
    pub(super) api: &'static str,
    pub(super) notes: &'static [FaultNote],
}

impl Catalogue {
    /// The name as the catalogue has it.
    pub(super) fn find(&self, name: &str) -> Option<&'static str> {
        self.notes.iter().map(|note| note.name).find(|known| *known == name)
    }

    /// The answer to a request that asks for a fault that does not exist, or not where it was sent to.
    pub(super) fn refused(&self, name: &str, known: impl Iterator<Item = &'static str>) -> Behaviour {
        let known: Vec<&str> = known.collect();
        let error = format!(
            "the stand-in for {} has no fault '{name}' here; it knows: {}",
            self.api,
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        );
        Behaviour::status(400, &json!({"error": error, "fault": name, "known_faults": known}))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.notes.iter().map(|note| note.name)
    }
}
