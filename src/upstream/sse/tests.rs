//! The decoder against the standard's grammar, at every split, and its limits.
//! Must not open a connection.

use super::*;

const SMALL: SseLimits = SseLimits { event_bytes: 64, stream_bytes: 1024 };

/// The events of a stream that comes in these chunks, with what its end leaves over.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<SseEvent> {
    let mut decoder = SseDecoder::new(SseLimits::default());
    let mut events = Vec::new();
    for chunk in chunks {
        events.extend(decoder.push(chunk).map(Result::unwrap));
    }
    events.extend(decoder.finish());
    events
}

fn whole(text: &str) -> Vec<SseEvent> {
    decode([text.as_bytes()])
}

fn data(data: &str) -> SseEvent {
    SseEvent { data: data.into(), ..SseEvent::default() }
}

#[test]
fn the_standards_examples_are_read_as_it_says() {
    assert_eq!(whole("data: YHOO\ndata: +2\ndata: 10\n\n"), [data("YHOO\n+2\n10")]);
    let first = SseEvent { id: Some("1".into()), ..data("first event") };
    let second = SseEvent { id: Some(String::new()), ..data("second event") };
    assert_eq!(
        whole(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"),
        [first, second, data(" third event")]
    );
    assert_eq!(whole("data\n\ndata\ndata\n\n"), [data(""), data("\n")]);
    assert_eq!(whole("data:test\n\ndata: test\n\n"), [data("test"), data("test")]);
}

#[test]
fn an_event_has_the_fields_of_its_own_block_only() {
    let events =
        whole("event: a\nid: 7\nretry: 10\ndata: x\n\ndata: y\n\nevent:\ndata: z\n\nid: n\0o\nretry: +5\ndata\n\n");
    let first = SseEvent { event: Some("a".into()), data: "x".into(), id: Some("7".into()), retry: Some(10) };
    assert_eq!(events, [first, data("y"), data("z"), data("")]);
}

#[test]
fn a_block_without_data_moves_the_cursor_and_dispatches_nothing() {
    let mut decoder = SseDecoder::new(SseLimits::default());
    assert_eq!(decoder.push(b"retry: 2500\n\nid: 4\nevent: x\n\n:\n\n").count(), 0);
    assert_eq!((decoder.last_event_id(), decoder.reconnection_time()), ("4", Some(Duration::from_millis(2500))));
    assert_eq!(decoder.push(b"data: a\n\nid: 9\ndata: b\n").count(), 1);
    assert_eq!(decoder.last_event_id(), "4", "an id counts once its block has ended, and stays");
    assert_eq!(decoder.push(b"\n").count(), 1);
    assert_eq!(decoder.last_event_id(), "9");
}

#[test]
fn the_end_dispatches_what_is_left() {
    assert_eq!(whole("data: a\n\ndata: b"), [data("a"), data("b")]);
    assert_eq!(whole("data: a\r"), [data("a")]);
    assert_eq!(whole("data: a\n\nevent: x"), [data("a")]);
    assert_eq!(whole("\u{feff}data: a"), [data("a")]);
    assert_eq!(whole(""), []);
}

#[test]
fn only_the_first_byte_order_mark_is_dropped() {
    assert_eq!(whole("\u{feff}data: a\n\n\u{feff}data: b\n\ndata: \u{feff}c\n\n"), [data("a"), data("\u{feff}c")]);
    assert_eq!(whole("\u{feff}\u{feff}data: a\n\n"), []);
}

#[test]
fn line_ends_may_be_mixed() {
    assert_eq!(
        whole("data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\ndata: e\n\r"),
        ["a", "b", "c", "d", "e"].map(data)
    );
}

#[test]
fn a_carriage_return_alone_ends_a_line_at_once() {
    let mut decoder = SseDecoder::new(SseLimits::default());
    assert_eq!(decoder.push(b"data: a\r\r").count(), 1);
    assert_eq!(decoder.push(b"\n").count(), 0);
    assert_eq!(decoder.push(b"\n").count(), 0);
}

#[test]
fn bytes_that_are_not_utf8_become_replacement_characters() {
    assert_eq!(decode([&b"data: \xff\xc3\n\ndata: \xe2\x82\n\n"[..]]), [data("\u{fffd}\u{fffd}"), data("\u{fffd}")]);
}

#[test]
fn the_events_do_not_depend_on_how_the_bytes_are_split() {
    let text = "\u{feff}: ok\r\n\r\nevent: ä€😀\rdata: 1\rid: x\r\rretry: 7\n\ndata: a\r\ndata\r\ndata: 😀\r\n\r\n\
                id: 3\n\ndata: \u{fffd}\n\n\r\n\nunknown: z\ndata: last";
    let mut bytes = text.as_bytes().to_vec();
    bytes.extend(b"\xf0\x9f");
    let expected = decode([&bytes[..]]);
    assert_eq!(expected.len(), 4);
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(decode([head, tail]), expected, "split at {at}");
    }
    assert_eq!(decode(bytes.chunks(1)), expected);
    assert_eq!(decode(bytes.chunks(1).flat_map(|byte| [byte, &[]])), expected, "with empty chunks between");
}

#[test]
fn an_event_beyond_its_limit_is_refused_wherever_it_is_split() {
    let bytes = [b"data: first\n\n".as_slice(), &[b'x'; 65]].concat();
    for size in 1..=bytes.len() {
        let mut decoder = SseDecoder::new(SMALL);
        let items: Vec<_> = bytes.chunks(size).flat_map(|chunk| decoder.push(chunk).collect::<Vec<_>>()).collect();
        assert_eq!(items, [Ok(data("first")), Err(SseLimitExceeded::Event { limit: 64 })], "chunks of {size}");
        assert_eq!(
            decoder.push(b"\n\ndata: more\n\n").collect::<Vec<_>>(),
            [Err(SseLimitExceeded::Event { limit: 64 })]
        );
        assert_eq!(decoder.finish(), None);
    }
}

#[test]
fn an_event_of_many_lines_is_limited_as_a_whole() {
    let mut decoder = SseDecoder::new(SMALL);
    let items: Vec<_> = (0..8).flat_map(|_| decoder.push(b"data: 123456789\n").collect::<Vec<_>>()).collect();
    assert_eq!(items.first(), Some(&Err(SseLimitExceeded::Event { limit: 64 })));
    let mut decoder = SseDecoder::new(SMALL);
    assert!((0..8).all(|_| decoder.push(b"data: 123456789\n\n").all(|item| item.is_ok())), "eight events of that size");
}

#[test]
fn an_endless_event_holds_no_more_than_its_limit() {
    let mut decoder = SseDecoder::new(SseLimits { event_bytes: 4096, stream_bytes: u64::MAX });
    let chunk = [b'x'; 1000];
    let accepted = (0..100).take_while(|_| decoder.push(&chunk).count() == 0).count();
    assert_eq!(accepted, 4);
    assert!(decoder.line.capacity() <= 8192, "{}", decoder.line.capacity());
    let huge = vec![b'x'; 1 << 20];
    let mut decoder = SseDecoder::new(SseLimits { event_bytes: 4096, stream_bytes: u64::MAX });
    assert_eq!(decoder.push(&huge).count(), 1);
    assert_eq!(decoder.line.capacity(), 0, "nothing is copied of a chunk beyond the limit");
}

#[test]
fn a_stream_beyond_its_limit_is_refused_wherever_it_is_split() {
    let bytes = b"data: 12345678\n\n".repeat(65);
    let mut expected: Vec<_> = std::iter::repeat_n(Ok(data("12345678")), 64).collect();
    expected.push(Err(SseLimitExceeded::Stream { limit: 1024 }));
    for size in [1, 7, 16, 1023, 1024, 1025, bytes.len()] {
        let mut decoder = SseDecoder::new(SMALL);
        let mut items = Vec::new();
        for chunk in bytes.chunks(size) {
            items.extend(decoder.push(chunk));
            if items.last().is_some_and(Result::is_err) {
                break;
            }
        }
        assert_eq!(items, expected, "chunks of {size}");
    }
}

/// Work that grew with the square of the size would not end: this is a million steps over a megabyte.
#[test]
fn a_large_event_in_single_bytes_takes_linear_time() {
    let event = ["data: ", &"x".repeat(1 << 20), "\n\n"].concat();
    assert_eq!(decode(event.as_bytes().chunks(1)), [data(&"x".repeat(1 << 20))]);
}

#[test]
fn any_bytes_split_anywhere_are_read_alike_and_within_bounds() {
    crate::corpus::withstands("sse", 2000, |bytes| {
        let read = |length: usize| {
            let mut decoder = SseDecoder::new(SMALL);
            let mut items = Vec::new();
            for chunk in bytes.chunks(length) {
                items.extend(decoder.push(chunk));
                assert!(decoder.held_bytes() <= 3 * SMALL.event_bytes, "{} bytes are held", decoder.held_bytes());
                if items.last().is_some_and(Result::is_err) {
                    break;
                }
            }
            items.extend(decoder.finish().map(Ok));
            items
        };
        let whole = read(bytes.len().max(1));
        for length in [1, 2, 3, 7] {
            assert_eq!(read(length), whole, "in chunks of {length}");
        }
        for event in whole.iter().flatten() {
            // A byte that is no text becomes three.
            assert!(event.data.len() <= 3 * SMALL.event_bytes, "{} bytes of data", event.data.len());
        }
    });
}
