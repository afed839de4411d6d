//! Access control over HTTP: who gets in, what each token opens, and that nothing of a secret ever shows.

mod cors;
mod routes;
mod secrets;
mod settings;
mod streams;
mod tenants;
