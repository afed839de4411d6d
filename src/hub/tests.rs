//! The hub on its own: what is heard, kept and known.
//! Must not read a store.

use super::*;
use crate::job::JobId;

fn frame(seq: Seq) -> Frame {
    Frame { seq, bytes: Bytes::from_static(b"data: x\n\n"), terminal: false, lag: None }
}

fn frames(seqs: std::ops::RangeInclusive<Seq>) -> Vec<Frame> {
    seqs.map(frame).collect()
}

fn hub() -> (Hub, Subject) {
    (Hub::default(), Subject::Job(JobId::new()))
}

/// The seqs that a look shows.
fn shown(look: Look) -> Vec<Seq> {
    match look {
        Look::Frames(frames) => frames.iter().map(|frame| frame.seq).collect(),
        other => panic!("no frames: {other:?}"),
    }
}

#[tokio::test]
async fn every_subscriber_hears_each_frame_and_the_channel_goes_with_the_last() {
    let (hub, subject) = hub();
    hub.publish(subject, frame(1));
    let (mut first, mut second) = (hub.subscribe(subject, 0), hub.subscribe(subject, 0));
    hub.publish(subject, frame(2));
    for subscription in [&mut first, &mut second] {
        assert!(matches!(subscription.hear().await, Heard::Frame(Frame { seq: 2, .. })));
        assert!(subscription.try_hear().is_none());
    }
    hub.publish(subject, frame(3));
    assert!(matches!(first.try_hear(), Some(Heard::Frame(Frame { seq: 3, .. }))));
    assert!(hub.held() > 0);
    drop(first);
    assert!(hub.is_watched(subject));
    drop(second);
    assert_eq!(hub.watched(), []);
    assert_eq!(hub.held(), 0, "what was kept goes with the channel");
}

#[tokio::test]
async fn a_reader_that_lags_is_told_to_doubt_and_finds_what_it_missed() {
    let (hub, subject) = hub();
    let mut slow = hub.subscribe(subject, 0);
    let last = CAPACITY as Seq + 5;
    for seq in 1..=last {
        hub.publish(subject, frame(seq));
    }
    assert_eq!(shown(hub.look(subject, 2, 100)), (3..=last).collect::<Vec<_>>());
    assert!(matches!(slow.hear().await, Heard::Doubt));
    assert!(matches!(slow.hear().await, Heard::Frame(Frame { seq: 6, .. })));
    (0..CAPACITY + 1).for_each(|_| hub.publish_doubt(subject));
    assert!(matches!(slow.try_hear(), Some(Heard::Doubt)));
}

#[test]
fn what_was_shown_only_grows() {
    let (hub, subject) = hub();
    assert_eq!(hub.reached(subject), None);
    let _watching = hub.subscribe(subject, 4);
    assert_eq!(hub.reached(subject), Some(4));
    hub.begin_reading(subject).found(4, &frames(5..=9), true);
    hub.publish(subject, frame(7));
    assert_eq!(hub.reached(subject), Some(9));
    hub.publish(subject, frame(10));
    assert_eq!(hub.reached(subject), Some(10));
    hub.begin_reading(subject).found(10, &frames(11..=12), false);
    assert_eq!(hub.reached(subject), Some(10), "more was stored, which a reader may leave unread");
}

#[test]
fn the_end_is_known_once_the_store_was_read_to_it_and_until_a_doubt_or_a_gap() {
    let (hub, subject) = hub();
    let _watching = hub.subscribe(subject, 0);
    let end = || hub.end(subject);
    assert!(matches!(hub.look(subject, 0, 100), Look::Beyond));
    hub.publish(subject, frame(3));
    assert!(end().is_none() && matches!(hub.look(subject, 3, 100), Look::Behind), "the store was never read");
    hub.begin_reading(subject).found(0, &frames(1..=3), false);
    assert!(end().is_none(), "nor to its end");
    hub.begin_reading(subject).found(3, &[], true);
    assert_eq!(end(), Some(3));
    hub.publish(subject, frame(4));
    assert_eq!(end(), Some(4), "the next one");
    assert!(matches!(hub.look(subject, 4, 100), Look::End { over: false }));
    assert_eq!(shown(hub.look(subject, 0, 100)), [1, 2, 3, 4]);
    hub.publish_doubt(subject);
    assert!(end().is_none() && matches!(hub.look(subject, 4, 100), Look::Behind));
    assert_eq!(shown(hub.look(subject, 0, 100)), [1, 2, 3, 4], "what is there is there");
    hub.begin_reading(subject).found(4, &[], true);
    hub.publish(subject, frame(6));
    assert!(end().is_none(), "5 is missing");
    assert!(matches!(hub.look(subject, 4, 100), Look::Before { after: 5, room: 1.. }));
    assert_eq!(shown(hub.look(subject, 5, 100)), [6]);
    hub.begin_reading(subject).found(4, &frames(5..=6), true);
    assert_eq!(end(), Some(6));
    hub.is_stored(subject, 6);
    assert_eq!(end(), Some(6));
    hub.is_stored(subject, 8);
    assert!(end().is_none() && matches!(hub.look(subject, 6, 100), Look::Behind), "8 was not heard of");
    hub.publish(subject, frame(7));
    assert!(end().is_none());
    hub.publish(subject, frame(8));
    assert_eq!(end(), Some(8));
}

#[test]
fn a_reading_that_a_doubt_came_into_does_not_tell_the_end() {
    let (hub, subject) = hub();
    let _watching = hub.subscribe(subject, 0);
    let reading = hub.begin_reading(subject);
    hub.publish_doubt(subject);
    reading.found(0, &frames(1..=2), true);
    assert!(matches!(hub.look(subject, 2, 100), Look::Behind));
}

/// Between the reading and the new channel something may have been committed that nobody here was shown.
#[test]
fn what_was_read_for_a_channel_that_is_gone_is_not_kept_for_the_next() {
    let (hub, subject) = hub();
    let watching = hub.subscribe(subject, 0);
    let reading = hub.begin_reading(subject);
    drop(watching);
    let _watching = hub.subscribe(subject, 0);
    reading.found(0, &frames(1..=2), true);
    assert!(matches!(hub.look(subject, 0, 100), Look::Beyond));
}

#[test]
fn what_is_published_while_the_store_is_read_joins_what_is_found() {
    let (hub, subject) = hub();
    let _watching = hub.subscribe(subject, 0);
    let reading = hub.begin_reading(subject);
    hub.publish(subject, frame(5));
    hub.publish(subject, frame(6));
    reading.found(2, &frames(3..=4), true);
    assert_eq!(shown(hub.look(subject, 2, 100)), [3, 4, 5, 6]);
    assert_eq!(hub.end(subject), Some(6));
    let reading = hub.begin_reading(subject);
    hub.publish(subject, frame(9));
    reading.found(6, &frames(7..=7), true);
    assert_eq!(shown(hub.look(subject, 8, 100)), [9]);
    assert!(matches!(hub.look(subject, 6, 100), Look::Before { after: 8, .. }), "8 is missing");
    assert_eq!(hub.end(subject), None);
}

#[test]
fn that_nothing_follows_a_cursor_does_not_say_that_the_cursor_exists() {
    let (hub, subject) = hub();
    let _watching = hub.subscribe(subject, 70);
    hub.begin_reading(subject).found(69, &[], true);
    assert!(hub.end(subject).is_none() && matches!(hub.look(subject, 70, 100), Look::Beyond));
    hub.begin_reading(subject).found(0, &[], true);
    assert_eq!(hub.end(subject), Some(0), "there is nothing at all");
}

/// What another instance has committed, and a reader has found before it was announced here.
#[test]
fn those_who_follow_are_told_of_what_a_reader_finds() {
    let (hub, subject) = hub();
    let mut follows = hub.subscribe(subject, 0);
    hub.begin_reading(subject).found(0, &frames(1..=3), true);
    assert!(follows.try_hear().is_none(), "nobody followed");
    assert!(matches!(hub.look(subject, 3, 100), Look::End { .. }));
    hub.begin_reading(subject).found(2, &frames(3..=4), true);
    assert!(matches!(follows.try_hear(), Some(Heard::Doubt)));
    assert_eq!(shown(hub.look(subject, 3, 100)), [4]);
    hub.begin_reading(subject).found(2, &frames(3..=4), true);
    assert!(follows.try_hear().is_none(), "it is no news");
}

#[test]
fn the_end_says_whether_the_subject_is_over() {
    let (hub, subject) = hub();
    let _watching = hub.subscribe(subject, 0);
    hub.begin_reading(subject).found(0, &frames(1..=3), true);
    hub.publish(subject, Frame { terminal: true, ..frame(4) });
    assert!(matches!(hub.look(subject, 4, 100), Look::End { over: true }));
    hub.publish(subject, frame(5));
    assert!(matches!(hub.look(subject, 5, 100), Look::End { over: false }));
}

#[test]
fn a_subject_keeps_so_many_frames_and_bytes_and_the_newest() {
    let keep = Keep { frames: 10, ..Keep::default() };
    let (hub, subject) = (Hub::keeping(keep), hub().1);
    let _watching = hub.subscribe(subject, 0);
    (1..=25).for_each(|seq| hub.publish(subject, frame(seq)));
    assert!(matches!(hub.look(subject, 14, 100), Look::Before { after: 15, room: 0 }));
    assert_eq!(shown(hub.look(subject, 15, 100)), (16..=25).collect::<Vec<_>>());
    assert_eq!(shown(hub.look(subject, 15, 3)), [16, 17, 18]);

    let (hub, subject) = (Hub::keeping(Keep { bytes: 4096, ..keep }), subject);
    let _watching = hub.subscribe(subject, 0);
    let large = |seq| Frame { bytes: Bytes::from(vec![b'x'; 1500]), ..frame(seq) };
    (1..=25).for_each(|seq| hub.publish(subject, large(seq)));
    assert_eq!(shown(hub.look(subject, 23, 100)), [24, 25]);
    assert!(matches!(hub.look(subject, 22, 100), Look::Before { after: 23, room: 0 }));
    assert!(hub.held() <= 4096);
    hub.publish(subject, Frame { bytes: Bytes::from(vec![b'x'; 5000]), ..frame(26) });
    assert!(matches!(hub.look(subject, 26, 100), Look::Behind));
    assert!(matches!(hub.look(subject, 25, 100), Look::Before { after: 26, room: 0 }), "too large to be kept");
}

#[test]
fn all_subjects_together_keep_so_much_and_each_a_little() {
    let keep = Keep { frames: 1024, bytes: 100_000, bytes_of_all: 300_000, bytes_when_full: 2_000 };
    let hub = Hub::keeping(keep);
    let subjects: Vec<Subject> = (0..50).map(|_| Subject::Job(JobId::new())).collect();
    let _watching: Vec<_> = subjects.iter().map(|subject| hub.subscribe(*subject, 0)).collect();
    for seq in 1..=200 {
        for subject in &subjects {
            hub.publish(*subject, Frame { bytes: Bytes::from(vec![b'x'; 500]), ..frame(seq) });
        }
    }
    let bound = keep.bytes_of_all + subjects.len() * keep.bytes_when_full;
    assert!(hub.held() > keep.bytes_of_all / 2 && hub.held() <= bound, "{} of {bound}", hub.held());
    for subject in subjects {
        assert_eq!(shown(hub.look(subject, 199, 10)), [200], "the newest is there");
    }
}

#[test]
fn what_is_kept_of_a_quiet_subject_goes_in_time() {
    let (hub, subject) = hub();
    let _live = hub.subscribe(subject, 0);
    hub.publish(subject, frame(1));
    hub.tidy(Instant::now());
    assert!(hub.held() > 0);
    hub.tidy(Instant::now() + std::time::Duration::from_secs(301));
    assert_eq!(hub.held(), 0);
}
