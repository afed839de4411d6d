//! The models have teeth: with a guard taken out, the checker finds what is lost, and a way to it.
//! Must not check the intact models; `checks` does.

use crate::checker::{Model, Trace, find};
use crate::guards::{Guards, Promise};
use crate::reading::{self, Reading};
use crate::writing::{self, Writing};

const G: Guards = Guards::ALL;

/// The way to a broken promise, which goes through all these actions.
fn loses(model: &impl Model, promise: Promise, by: &[&str]) {
    let found = find(model, promise).unwrap_or_else(|| panic!("{promise:?} holds without this guard"));
    let trace: &Trace = &found.trace;
    assert_eq!(found.promise, promise, "broken by{trace:?}");
    for action in by {
        assert!(trace.has(action), "{promise:?} was expected to be broken through {action}, and was by{trace:?}");
    }
}

// ---- Writing ----

const WRITING: Writing =
    Writing { guards: G, max_retries: 1, faults: writing::Faults::NONE, cut_off: true, commands_once: false };

const CANCEL: writing::Faults = writing::Faults { cancels: 1, ..writing::Faults::NONE };
const CRASH: writing::Faults = writing::Faults { crashes: 1, ..writing::Faults::NONE };
const LOST_ANSWER: writing::Faults = writing::Faults { lost_answers: 1, ..writing::Faults::NONE };

#[test]
fn without_the_fence_an_attempt_that_was_cut_off_writes_into_the_next() {
    let guards = Guards { fence: false, ..G };
    loses(&Writing { guards, ..WRITING }, Promise::Fenced, &["Expire", "Write(Sweeper(", "Write(Worker(1))"]);
}

#[test]
fn without_the_fence_a_frozen_worker_writes_when_it_wakes() {
    let guards = Guards { fence: false, ..G };
    let faults = writing::Faults { freezes: 1, ..writing::Faults::NONE };
    let model = Writing { guards, faults, cut_off: false, ..WRITING };
    loses(&model, Promise::Fenced, &["Freeze(", "Thaw(", "Write(Worker(1))"]);
}

#[test]
fn without_the_fence_an_attempt_writes_after_the_cancel() {
    let model = Writing { guards: Guards { fence: false, ..G }, faults: CANCEL, cut_off: false, ..WRITING };
    loses(&model, Promise::OverIsOver, &["Write(CancelAt(", "Write(Worker(1))"]);
}

#[test]
fn without_the_fence_and_the_legal_transitions_a_cancelled_job_completes() {
    let model = Writing { guards: Guards { fence: false, transitions: false, ..G }, faults: CANCEL, ..WRITING };
    loses(&model, Promise::StopMeansStop, &["Write(CancelAt(", "Write(Worker(1))"]);
}

#[test]
fn without_the_legal_transitions_a_job_is_cancelled_after_its_end() {
    let model = Writing { guards: Guards { transitions: false, ..G }, faults: CANCEL, ..WRITING };
    loses(&model, Promise::OverIsOver, &["Write(CancelAt("]);
}

#[test]
fn without_the_id_of_the_batch_a_lost_answer_doubles_a_write() {
    let model = Writing { guards: Guards { batch_id: false, ..G }, faults: LOST_ANSWER, ..WRITING };
    loses(&model, Promise::WrittenOnce, &["WriteUnanswered(Worker(1), Yes)", "WriteAgain("]);
}

#[test]
fn without_a_second_look_at_the_lease_a_sweeper_takes_a_job_from_a_live_worker() {
    let model = Writing { guards: Guards { only_expired_leases: false, ..G }, ..WRITING };
    loses(&model, Promise::LeaseIsKept, &["LookForExpired(", "Heartbeat(1)", "Write(Sweeper("]);
}

#[test]
fn without_sparing_its_own_a_process_takes_a_job_from_itself() {
    let model = Writing { guards: Guards { not_its_own: false, ..G }, ..WRITING };
    loses(&model, Promise::LeaseIsKept, &["Expire", "LookForExpired(", "Write(Sweeper("]);
}

#[test]
fn without_storing_the_output_first_a_finished_step_is_paid_again() {
    let model = Writing { guards: Guards { output_before_going_on: false, ..G }, faults: CRASH, ..WRITING };
    loses(&model, Promise::PaidOnce, &["GoOn(1)", "Pay"]);
}

#[test]
fn without_looking_for_the_output_a_stored_step_is_paid_again() {
    let model = Writing { guards: Guards { stored_output_first: false, ..G }, faults: CRASH, ..WRITING };
    loses(&model, Promise::PaidOnce, &["Write(Worker(1))", "LookForOutput(2)", "Pay"]);
}

#[test]
fn without_a_sweeper_a_job_whose_worker_died_never_ends() {
    let model = Writing { guards: Guards { sweeper: false, ..G }, faults: CRASH, ..WRITING };
    loses(&model, Promise::EveryJobEnds, &["Claim(", "Crash("]);
}

// ---- Reading ----

const READING: Reading = Reading {
    guards: G,
    viewers: 1,
    events: 3,
    capacity: 1,
    faults: reading::Faults::NONE,
    gives_up: false,
    has_memory: false,
};

#[test]
fn without_taking_the_seq_under_the_row_lock_a_reader_passes_one_that_commits_later() {
    let model = Reading { guards: Guards { seq_under_row_lock: false, ..G }, ..READING };
    loses(&model, Promise::ExactlyOnceInOrder, &["Take(A", "Take(B", "CommitTaken("]);
}

#[test]
fn without_committing_before_publishing_a_viewer_sees_what_may_never_be() {
    let model = Reading { guards: Guards { commit_then_publish: false, ..G }, ..READING };
    loses(&model, Promise::DurableThenVisible, &["Take(", "Hear(0)"]);
}

#[test]
fn without_subscribing_before_reading_an_event_falls_in_between() {
    let model = Reading { guards: Guards { subscribe_then_read: false, ..G }, ..READING };
    loses(&model, Promise::EveryViewerIsServed, &["Read(0)", "Commit(", "Publish(", "Subscribe(0)"]);
}

#[test]
fn without_dropping_what_was_seen_an_event_is_shown_twice() {
    let model = Reading { guards: Guards { drop_what_was_seen: false, ..G }, ..READING };
    loses(&model, Promise::ExactlyOnceInOrder, &["Commit(", "Read(0)", "Publish(", "Hear(0)"]);
}

/// What was dropped may have been a doubt, or pushed out by an older frame that came late: no gap shows it.
#[test]
fn without_reading_on_lag_what_was_dropped_is_lost() {
    let model = Reading { guards: Guards { read_on_lag: false, ..G }, ..READING };
    loses(&model, Promise::EveryViewerIsServed, &["Publish(", "Hear(0)"]);
}

#[test]
fn without_reading_on_a_gap_an_event_is_skipped() {
    let model = Reading { guards: Guards { read_on_gap: false, ..G }, ..READING };
    loses(&model, Promise::ExactlyOnceInOrder, &["Publish(", "Hear(0)"]);
}

#[test]
fn without_a_read_after_the_end_a_retry_is_missed() {
    let model = Reading { guards: Guards { read_after_the_end: false, ..G }, ..READING };
    loses(&model, Promise::NothingAfterTheEnd, &[", End)", ", Retry)"]);
}

// The poll repairs in a while what these guards repair at once: they are taken out where it is off.

const NO_POLL: Guards = Guards { poll: false, ..G };

#[test]
fn without_a_doubt_after_a_lost_answer_what_was_durable_already_is_not_shown() {
    let faults = reading::Faults { lost_answers: 1, ..reading::Faults::NONE };
    let guards = Guards { doubt_after_lost_answer: false, ..NO_POLL };
    let model = Reading { guards, faults, ..READING };
    loses(&model, Promise::EveryViewerIsServed, &["CommitUnanswered(", "Land", "CommitAgain("]);
}

#[test]
fn without_a_notification_after_a_lost_answer_the_other_instance_does_not_show_it() {
    let faults = reading::Faults { lost_answers: 1, ..reading::Faults::NONE };
    let guards = Guards { notify_after_lost_answer: false, ..NO_POLL };
    let model = Reading { guards, faults, ..READING };
    loses(&model, Promise::EveryViewerIsServed, &["CommitUnanswered(", "Land", "CommitAgain("]);
}

#[test]
fn without_doubt_after_a_reconnect_what_the_listener_missed_is_not_shown() {
    let faults = reading::Faults { lost_listeners: 1, ..reading::Faults::NONE };
    let guards = Guards { doubt_after_reconnect: false, ..NO_POLL };
    let model = Reading { guards, faults, ..READING };
    loses(&model, Promise::EveryViewerIsServed, &["LoseListener(", "Notify(", "ListenAgain("]);
}

// What only the poll repairs.

#[test]
fn without_the_poll_a_lost_notification_is_never_made_up_for() {
    let faults = reading::Faults { lost_notifications: 1, ..reading::Faults::NONE };
    let model = Reading { guards: NO_POLL, faults, ..READING };
    loses(&model, Promise::EveryViewerIsServed, &["LoseNotification("]);
}

#[test]
fn without_the_poll_a_process_that_dies_after_its_commit_tells_nobody() {
    let faults = reading::Faults { crashes: 1, ..reading::Faults::NONE };
    let model = Reading { guards: NO_POLL, faults, ..READING };
    loses(&model, Promise::EveryViewerIsServed, &["Commit(", "Crash("]);
}

/// The doubt that goes with giving up can come before the commit does: also where there is one instance.
#[test]
fn without_the_poll_a_commit_that_lands_after_it_was_given_up_is_not_shown() {
    let faults = reading::Faults { lost_answers: 1, ..reading::Faults::NONE };
    let model = Reading { guards: NO_POLL, faults, gives_up: true, ..READING };
    loses(&model, Promise::EveryViewerIsServed, &["GiveUp(", "Land"]);
}

/// An event that came between the viewer's read and the watermark counts as published, and was not.
#[test]
fn without_a_watermark_from_before_the_read_the_poll_finds_nothing_amiss() {
    let guards = Guards { notify: false, watermark_before_read: false, ..G };
    let model = Reading { guards, ..READING };
    loses(&model, Promise::EveryViewerIsServed, &["Read(0)", "Commit(", "TakeWatermark("]);
}

// ---- Reading from memory ----

const FROM_MEMORY: Reading = Reading { has_memory: true, ..READING };

#[test]
fn without_beginning_anew_on_a_gap_memory_skips_an_event() {
    let model = Reading { guards: Guards { begin_anew_on_gap: false, ..G }, ..FROM_MEMORY };
    loses(&model, Promise::ExactlyOnceInOrder, &["Publish(", "Look(0)"]);
}

#[test]
fn without_giving_up_the_end_on_a_doubt_the_doubt_is_answered_from_memory() {
    let faults = reading::Faults { lost_answers: 1, ..reading::Faults::NONE };
    let model = Reading { guards: Guards { no_end_after_doubt: false, ..NO_POLL }, faults, ..FROM_MEMORY };
    loses(&model, Promise::EveryViewerIsServed, &["CommitUnanswered(", "Land", "CommitAgain("]);
}

/// The reading saw the store before what is in doubt was there.
#[test]
fn without_mistrust_of_a_reading_that_a_doubt_came_into_the_end_is_too_early() {
    let faults = reading::Faults { lost_answers: 1, ..reading::Faults::NONE };
    let model = Reading { guards: Guards { no_end_by_a_doubted_reading: false, ..NO_POLL }, faults, ..FROM_MEMORY };
    loses(&model, Promise::EveryViewerIsServed, &["Look(0)", "Land", "CommitAgain(", "FinishReading("]);
}

#[test]
fn without_the_stores_word_for_the_end_a_retry_on_another_instance_is_missed() {
    let model = Reading { guards: Guards { end_by_the_store: false, ..G }, ..FROM_MEMORY };
    loses(&model, Promise::NothingAfterTheEnd, &[", End)", ", Retry)", "Look(0)"]);
}

/// The relay takes what one viewer has read for shown to all: here one that comes with a cursor from the other instance.
#[test]
fn without_telling_what_a_reading_found_those_who_follow_are_not_told_at_all() {
    let faults = reading::Faults { leaves: 1, ..reading::Faults::NONE };
    let guards = Guards { tell_what_is_found: false, ..G };
    let model = Reading { guards, faults, viewers: 2, events: 1, ..FROM_MEMORY };
    loses(&model, Promise::EveryViewerIsServed, &["Commit(", "Look(", "FinishReading("]);
}

#[test]
fn without_subscribing_before_looking_into_memory_an_event_falls_in_between() {
    let model = Reading { guards: Guards { subscribe_then_read: false, ..G }, ..FROM_MEMORY };
    loses(&model, Promise::EveryViewerIsServed, &["Read(0)", "Commit(", "Publish(", "Subscribe(0)"]);
}

// ---- Known limits ----

/// A row remembers one batch. If another instance changes the job before a cancel or a retry whose answer was lost is
/// committed again, the command is not recognised and happens twice. Writes of attempts and sweepers cannot: the fence
/// refuses them then.
#[test]
fn a_command_whose_answer_was_lost_can_happen_twice_if_another_instance_comes_in_between() {
    let faults = writing::Faults { cancels: 1, retries: 1, lost_answers: 1, ..writing::Faults::NONE };
    let model = Writing { faults, commands_once: true, ..WRITING };
    loses(&model, Promise::CommandedOnce, &["WriteUnanswered(CancelAt(", "Write(RetryAt(", "WriteAgain("]);
}
