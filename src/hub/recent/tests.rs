//! The last frames of a subject on their own: what is kept, joined and forgotten.
//! Must not need a hub.

use super::*;

fn progress(seq: Seq) -> Frame {
    let bytes = Bytes::from(format!("id: {seq}\nevent: progress\ndata: {{\"seq\":{seq}}}\n\n"));
    Frame { seq, bytes, terminal: false, lag: None }
}

fn delta(seq: Seq) -> Frame {
    of_step(seq, 1)
}

/// Its text is its seq and a comma.
fn of_step(seq: Seq, step: u32) -> Frame {
    let data = format!("{{\"job_id\":\"j\",\"seq\":{seq},\"step\":{step},\"attempt\":1,\"text\":\"{seq},\"}}");
    let bytes = Bytes::from(format!("id: {seq}\nevent: delta\ndata: {data}\n\n"));
    Frame { seq, bytes, terminal: false, lag: None }
}

fn text(frame: &Frame) -> String {
    let frame = std::str::from_utf8(&frame.bytes).expect("UTF-8");
    let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
    let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
    data["text"].as_str().unwrap_or_default().to_owned()
}

fn texts(seqs: impl Iterator<Item = Seq>) -> String {
    seqs.map(|seq| format!("{seq},")).collect()
}

/// Two events, a long run of deltas, two events, a short run.
fn history() -> Vec<Frame> {
    (1..=400).map(|seq| if [1, 2, 371, 372].contains(&seq) { progress(seq) } else { delta(seq) }).collect()
}

fn is_event(seq: Seq) -> bool {
    [1, 2, 371, 372].contains(&seq)
}

/// Reads all from a cursor, page by page.
fn read(recent: &mut Recent, mut cursor: Seq, limit: usize) -> Vec<Frame> {
    let mut all = Vec::new();
    loop {
        let page = recent.frames_after(cursor, limit);
        let Some(last) = page.last() else { return all };
        assert!(page.len() <= limit);
        cursor = last.seq;
        all.extend(page);
    }
}

#[test]
fn each_cursor_is_sent_each_text_exactly_once() {
    let mut recent = Recent::found(0, &history());
    for cursor in (0..=400).chain(0..=400) {
        for limit in [256, 3] {
            let frames = read(&mut recent, cursor, limit);
            let missing = (cursor + 1..=400).filter(|seq| !is_event(*seq));
            assert_eq!(frames.iter().map(text).collect::<String>(), texts(missing), "after {cursor}");
            let events = (cursor + 1..=400).filter(|seq| is_event(*seq)).collect::<Vec<_>>();
            let sent: Vec<Seq> = frames.iter().map(|frame| frame.seq).filter(|seq| is_event(*seq)).collect();
            assert_eq!(sent, events);
            assert!(frames.is_sorted_by(|a, b| a.seq < b.seq) && frames.last().is_none_or(|last| last.seq == 400));
        }
    }
}

/// 368 deltas in a row and 28: in blocks of 64, and behind a cursor within a run by single ones and blocks of 8 up to the
/// next of these.
#[test]
fn a_late_reader_is_sent_few_pieces_from_wherever_it_comes() {
    let mut recent = Recent::found(0, &history());
    assert_eq!(recent.frames_after(0, 256).len(), 2 + 6 + 2 + 2);
    let most = (0..=400).map(|cursor| recent.frames_after(cursor, 256).len()).max();
    assert!(most <= Some(7 + 7 + 6 + 4), "{most:?}");
}

#[test]
fn a_block_is_rendered_once_for_all_and_anew_when_it_has_grown() {
    let mut recent = Recent::found(0, &history());
    let (before, again) = (recent.frames_after(2, 1), recent.frames_after(2, 1));
    assert_eq!(before[0].bytes.as_ptr(), again[0].bytes.as_ptr());
    assert_eq!(text(&recent.frames_after(372, 1)[0]), texts(373..=384));
    assert_eq!(text(&recent.frames_after(384, 1)[0]), texts(385..=400));
    recent.push(&delta(401), Instant::now());
    assert_eq!(text(&recent.frames_after(384, 1)[0]), texts(385..=401));
    recent.push(&progress(402), Instant::now());
    recent.push(&delta(403), Instant::now());
    let pieces: Vec<Seq> = recent.frames_after(384, 9).iter().map(|frame| frame.seq).collect();
    assert_eq!(pieces, [401, 402, 403]);
}

#[test]
fn deltas_of_different_steps_stay_apart() {
    let frames: Vec<Frame> = (1..=40).map(|seq| of_step(seq, if seq <= 20 { 1 } else { 2 })).collect();
    let mut recent = Recent::found(0, &frames);
    let pieces = recent.frames_after(0, 99);
    assert_eq!((pieces[0].seq, text(&pieces[0])), (20, texts(1..=20)));
    assert_eq!(pieces.iter().map(text).collect::<String>(), texts(1..=40));
}

#[test]
fn what_is_counted_is_what_is_there() {
    let count = |recent: &Recent| recent.frames.iter().map(Kept::size).sum::<usize>();
    let mut recent = Recent::found(100, &(101..=300).map(delta).collect::<Vec<_>>());
    assert_eq!(recent.size(), count(&recent));
    let before = recent.size();
    (100..300).for_each(|cursor| drop(recent.frames_after(cursor, 256)));
    assert_eq!(recent.size(), count(&recent));
    assert!(recent.size() > before, "what is rendered is counted too");
    recent.take(Recent::found(50, &(51..=150).map(delta).collect::<Vec<_>>()));
    recent.take(Recent::found(290, &(291..=320).map(progress).collect::<Vec<_>>()));
    assert_eq!((recent.size(), recent.len()), (count(&recent), 270));
    assert_eq!((recent.after(), recent.through()), (50, 320));
    assert!(recent.trim(20, usize::MAX, Instant::now()));
    assert_eq!((recent.size(), recent.len(), recent.after()), (count(&recent), 20, 300));
    assert!(!recent.trim(20, usize::MAX, Instant::now()));
    assert!(recent.trim(20, recent.size() - 1, Instant::now()));
    assert_eq!((recent.len(), recent.after(), recent.through()), (19, 301, 320));
}

/// Retention leaves holes: what is missing is not waited for.
#[test]
fn what_was_found_may_have_holes() {
    let mut recent = Recent::found(0, &[progress(1), progress(2), progress(30), progress(31)]);
    assert_eq!((recent.after(), recent.through()), (0, 31));
    for cursor in [2, 10, 29] {
        assert_eq!(recent.frames_after(cursor, 9).iter().map(|frame| frame.seq).collect::<Vec<_>>(), [30, 31]);
    }
}

#[test]
fn nothing_is_kept_for_longer_than_deltas_are_stored() {
    let mut recent = Recent::found(0, &[progress(1), progress(2)]);
    let found = Instant::now();
    recent.push(&progress(3), found + KEPT);
    assert!(!recent.trim(9, usize::MAX, found + KEPT / 2), "there is room");
    assert_eq!(recent.len(), 3);
    recent.trim(9, usize::MAX, found + KEPT + KEPT / 2);
    assert_eq!((recent.len(), recent.after(), recent.through()), (1, 2, 3));
    recent.trim(9, usize::MAX, found + KEPT * 3);
    assert_eq!((recent.len(), recent.after(), recent.through(), recent.size()), (0, 3, 3, 0));
}
