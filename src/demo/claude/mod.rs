//! The stand-in of the language model: composes an answer from the data in the prompt, in the requested schema.
//! It must not fetch or know anything beyond the prompt; what the prompt does not say is reported as not stated.

mod ads;
mod compose;
mod context;
mod draft;
mod facts;
mod fault;
mod fields;
mod name;
mod prompt;
mod refusal;
mod server;
mod wire;
mod words;

pub use server::Claude;
pub use wire::EVENTS_BEFORE_TEXT;
