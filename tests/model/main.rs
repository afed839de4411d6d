//! A model of the core, visited completely: lease, fence, append, replay and follow, lag, notifications that get lost.
//! Must not be taken for the code: it says that the design keeps its promises, and the other tests that the code is so.
//!
//! Two instances share one database, one job and, where it matters, two viewers. A state is all that the future
//! depends on; an action is one thing that happens, at once and by itself. `checker` visits every state that any order
//! of actions leads to, and looks at each for a broken promise. It also looks at what happens without further faults,
//! commands and events: every such way must come to an end, with the job over and each connected viewer served.
//! Bounded is only how often each fault happens and how many events there are.
//!
//! There are two models, because one for all would have far too many states:
//! - `writing`: claims, leases, heartbeats, sweepers, the fence, a paid step and its output, cancel and retry, processes
//!   that freeze or crash, commits whose answer is lost. It leaves out who reads, delays between attempts, releases at
//!   a stop (a retry by another name), limits of the queue, and a start: the job is queued already. It remembers the
//!   last event of the log, not all: no rule and no promise looks further back.
//! - `reading`: commit, publish, the channel that drops its oldest signal, the viewer's loop, NOTIFY, the listener, the
//!   relay, the poll. It leaves out attempts and steps: a commit is an event that ends the job, one that does not, or a
//!   retry. A page is one event, since what is committed never changes and a longer page is several short ones; merging
//!   of deltas and retention are left out. What an instance keeps in memory of a watched job, and the reading that its
//!   viewers share, are part of some of these models; in the others each viewer reads the store, which is what memory
//!   comes to where nothing is kept.
//!
//! With the poll at work a notification is no more than a poll that comes early. So the larger models of reading have
//! either the poll and no notification that arrives, or notifications and no poll; a small one has both.
//!
//! `checks` visits the intact models, `teeth` takes out one guard after the other, and `rules` holds the model's job
//! against `jobcast::write`, write by write.
//!
//! The checker is our own rather than stateright's: that one cannot check that something happens *eventually* where
//! ways join or go in circles (its documentation says so), which is promise 3 here; it takes states with equal hashes
//! for one; and it brings a web server along, which is no optional feature. Loom and shuttle explore threads in memory;
//! what can go wrong here is between processes and a database.

// Clippy's allow-unwrap-in-tests covers functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod checker;
mod checks;
mod guards;
mod reading;
mod rules;
mod teeth;
mod writing;
