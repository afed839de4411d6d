//! The intact models, each visited completely: every promise holds in every state.
//! Must not take a guard out; `teeth` does.

use crate::checker::{Model, explore};
use crate::guards::Guards;
use crate::reading::{self, Reading};
use crate::writing::{self, Writing};

/// Visits all states and sees that there are about as many as there were: a model that shrinks by accident looks sound.
fn holds(model: &impl Model, at_least: usize) {
    let explored = explore(model).unwrap_or_else(|violation| panic!("{violation:?}"));
    assert!(explored.states >= at_least, "there were at least {at_least} states once: {explored:?}");
    assert!(explored.happy_ends > 0, "nothing ever goes well: {explored:?}");
}

const WRITING: Writing =
    Writing { guards: Guards::ALL, max_retries: 0, faults: writing::Faults::NONE, cut_off: true, commands_once: false };

const READING: Reading = Reading {
    guards: Guards::ALL,
    viewers: 1,
    events: 3,
    capacity: 1,
    faults: reading::Faults::NONE,
    gives_up: false,
    has_memory: false,
};

/// Every notification is lost.
const POLL_ALONE: Guards = Guards { notify: false, ..Guards::ALL };

const NOTIFICATIONS_ALONE: Guards = Guards { poll: false, ..Guards::ALL };

// ---- Writing ----

#[test]
fn one_attempt_and_every_fault() {
    let faults = writing::Faults { cancels: 1, retries: 1, crashes: 1, freezes: 1, lost_answers: 1 };
    holds(&Writing { faults, ..WRITING }, 220_000);
}

#[test]
fn two_attempts_and_every_fault() {
    let faults = writing::Faults { cancels: 1, retries: 0, crashes: 1, freezes: 1, lost_answers: 1 };
    holds(&Writing { max_retries: 1, faults, ..WRITING }, 70_000);
}

#[test]
fn a_users_retry_after_two_attempts() {
    let faults = writing::Faults { retries: 1, crashes: 1, ..writing::Faults::NONE };
    holds(&Writing { max_retries: 1, faults, ..WRITING }, 140_000);
}

#[test]
fn answers_lost_twice() {
    let faults = writing::Faults { cancels: 1, lost_answers: 2, ..writing::Faults::NONE };
    holds(&Writing { max_retries: 1, faults, ..WRITING }, 29_000);
}

// ---- Reading ----

#[test]
fn a_viewer_by_the_poll_alone() {
    let faults = reading::Faults { leaves: 1, lost_answers: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: POLL_ALONE, faults, gives_up: true, ..READING }, 260_000);
}

#[test]
fn a_viewer_by_the_poll_alone_while_processes_crash() {
    let faults = reading::Faults { crashes: 1, lost_answers: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: POLL_ALONE, faults, gives_up: true, ..READING }, 140_000);
}

#[test]
fn a_viewer_of_many_events_by_the_poll_alone() {
    holds(&Reading { guards: POLL_ALONE, events: 4, capacity: 2, ..READING }, 85_000);
}

#[test]
fn two_viewers_by_the_poll_alone() {
    holds(&Reading { guards: POLL_ALONE, viewers: 2, events: 2, ..READING }, 95_000);
}

#[test]
fn a_viewer_by_notifications_alone() {
    let faults = reading::Faults { leaves: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: NOTIFICATIONS_ALONE, faults, ..READING }, 115_000);
}

#[test]
fn a_viewer_by_notifications_alone_while_answers_are_lost() {
    let faults = reading::Faults { lost_answers: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: NOTIFICATIONS_ALONE, faults, ..READING }, 220_000);
}

#[test]
fn a_viewer_by_notifications_alone_while_listeners_are_lost() {
    let faults = reading::Faults { lost_listeners: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: NOTIFICATIONS_ALONE, faults, ..READING }, 190_000);
}

#[test]
fn a_viewer_of_many_events_by_notifications_alone() {
    holds(&Reading { guards: NOTIFICATIONS_ALONE, events: 4, ..READING }, 340_000);
}

#[test]
fn two_viewers_by_notifications_alone() {
    let faults = reading::Faults { leaves: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: NOTIFICATIONS_ALONE, viewers: 2, events: 2, faults, ..READING }, 150_000);
}

#[test]
fn a_viewer_by_both() {
    let faults = reading::Faults { lost_notifications: 1, lost_listeners: 1, crashes: 1, ..reading::Faults::NONE };
    holds(&Reading { events: 2, faults, ..READING }, 100_000);
}

// ---- Reading from memory ----

const FROM_MEMORY: Reading = Reading { has_memory: true, events: 2, ..READING };

#[test]
fn a_viewer_from_memory_by_the_poll_alone() {
    let faults = reading::Faults { leaves: 1, lost_answers: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: POLL_ALONE, faults, gives_up: true, ..FROM_MEMORY }, 160_000);
}

#[test]
fn a_viewer_of_many_events_from_memory_by_the_poll_alone() {
    let faults = reading::Faults { forgotten: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: POLL_ALONE, faults, events: 3, ..FROM_MEMORY }, 125_000);
}

#[test]
fn two_viewers_from_memory_by_the_poll_alone() {
    holds(&Reading { guards: POLL_ALONE, viewers: 2, ..FROM_MEMORY }, 550_000);
}

#[test]
fn a_viewer_from_memory_by_notifications_alone() {
    let faults = reading::Faults { leaves: 1, forgotten: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: NOTIFICATIONS_ALONE, faults, ..FROM_MEMORY }, 58_000);
}

#[test]
fn two_viewers_from_memory_by_notifications_alone() {
    holds(&Reading { guards: NOTIFICATIONS_ALONE, viewers: 2, ..FROM_MEMORY }, 300_000);
}

#[test]
fn a_viewer_from_memory_while_answers_and_listeners_are_lost() {
    let faults = reading::Faults { lost_answers: 1, lost_listeners: 1, ..reading::Faults::NONE };
    holds(&Reading { guards: NOTIFICATIONS_ALONE, faults, ..FROM_MEMORY }, 230_000);
}

#[test]
fn two_viewers_from_memory_who_leave() {
    let faults = reading::Faults { leaves: 1, lost_notifications: 1, ..reading::Faults::NONE };
    holds(&Reading { viewers: 2, events: 1, faults, ..FROM_MEMORY }, 95_000);
}
