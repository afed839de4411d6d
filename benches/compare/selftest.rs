//! The generator against servers of known faults: every one must be seen, to the exact count, however the bytes are cut.
//! Must not measure anything, and must be quick, since every run begins with it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::Outcome;
use crate::generator::histogram::Histogram;
use crate::generator::lines::{CursorFrom, Lines, Mark, mark};
use crate::generator::readers::{Readers, Wanted};
use crate::generator::response::Response;
use crate::generator::tally::Faults;

/// Events that the reader is to see, and readers of each case.
const EVENTS: u32 = 40;
const READERS: u32 = 3;

/// How long a case may take that is to deliver everything; one that cannot is looked at for a shorter time.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// What a server does to its readers, and what each of them must be found to have.
struct Case {
    name: &'static str,
    /// The numbers in the order in which they are sent.
    numbers: Vec<u32>,
    framing: Framing,
    /// Bytes of each write.
    cut: usize,
    /// Whether the connection is closed at the end.
    closes: bool,
    faults: Faults,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Chunks of so many bytes, whatever events are in them.
    Chunks(usize),
    UntilClose,
    Refused,
}

/// Runs everything; the first thing that is not as it must be ends it.
pub fn run() -> Outcome<()> {
    percentiles_are_exact_to_a_bucket()?;
    every_cut_is_read_alike()?;
    let cases = cases();
    for case in &cases {
        case.run().map_err(|error| format!("selftest, {}: {error}", case.name))?;
    }
    eprintln!("selftest: {} cases of known faults were seen to the exact event.", cases.len());
    Ok(())
}

fn cases() -> Vec<Case> {
    let all = || (0..EVENTS).collect::<Vec<u32>>();
    let case = |name, numbers, faults| Case {
        name,
        numbers,
        framing: Framing::Chunks(4096),
        cut: usize::MAX,
        closes: false,
        faults,
    };
    let each = |lost, doubled, reordered, broken| {
        let readers = u64::from(READERS);
        Faults {
            lost: lost * readers,
            doubled: doubled * readers,
            reordered: reordered * readers,
            broken: broken * readers,
        }
    };
    let none = each(0, 0, 0, 0);
    let mut dropped = all();
    dropped.retain(|number| ![7, 8, 20].contains(number));
    let mut last_dropped = all();
    last_dropped.pop();
    let mut doubled = all();
    doubled.insert(12, 11);
    doubled.insert(30, 2);
    let mut swapped = all();
    swapped.swap(5, 6);
    swapped.swap(20, 23);
    let mut cases = vec![
        case("nothing wrong", all(), none),
        case("three events dropped", dropped, each(3, 0, 0, 0)),
        case("the last event dropped", last_dropped, each(1, 0, 0, 0)),
        case("two events doubled", doubled, each(0, 2, 0, 0)),
        // 6 5 makes one late, 23 21 22 20 three.
        case("events swapped", swapped, each(0, 0, 4, 0)),
        case("nothing sent", Vec::new(), each(u64::from(EVENTS), 0, 0, 0)),
        Case { closes: true, ..case("ended early", (0..10).collect(), each(u64::from(EVENTS) - 10, 0, 0, 1)) },
        Case { framing: Framing::UntilClose, ..case("close-delimited", all(), none) },
        Case { framing: Framing::Refused, ..case("refused", Vec::new(), each(u64::from(EVENTS), 0, 0, 1)) },
    ];
    for cut in [1, 2, 3, 5, 7, 64, 1000] {
        let name = "cut anywhere";
        cases.push(Case { cut, ..case(name, all(), none) });
        cases.push(Case { framing: Framing::Chunks(cut), ..case(name, all(), none) });
        cases.push(Case { framing: Framing::UntilClose, cut, ..case(name, all(), none) });
    }
    cases
}

impl Case {
    fn run(&self) -> Outcome<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let mut readers = Readers::new()?;
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| (0..READERS).map(|_| self.serve(&listener)).collect::<Outcome<Vec<_>>>());
            let request = b"GET / HTTP/1.1\r\nHost: selftest\r\n\r\n".to_vec();
            let wanted = Wanted { address, request, cursor_from: CursorFrom::Id, first: 0 };
            let opened = readers.open(vec![wanted; READERS as usize], READERS as usize, PATIENCE);
            if self.framing != Framing::Refused {
                // A server that closes may do so while others are still being opened.
                opened.or_else(|error| if self.closes { Ok(()) } else { Err(error) })?;
            }
            let sent = self.numbers.len() as u64 * u64::from(READERS) - self.faults.doubled;
            readers.until(PATIENCE, |seen| seen.delivered >= sent && seen.faults.broken >= self.faults.broken)?;
            readers.idle(LOOK)?;
            let _open = serving.join().map_err(|_| "the server panicked")??;
            let seen = readers.take_seen();
            let found = Faults { lost: readers.lost(EVENTS), ..seen.faults };
            if found != self.faults {
                return Err(format!("found {found}, but there were {}", self.faults).into());
            }
            let delivered = u64::from(EVENTS * READERS) - self.faults.lost;
            if seen.delivered != delivered || seen.latency.len() != delivered {
                return Err(format!("{} events were delivered, but there were {delivered}", seen.delivered).into());
            }
            Ok(())
        })
    }

    /// Serves one reader; its connection stays open as long as what is answered.
    fn serve(&self, listener: &TcpListener) -> Outcome<Option<TcpStream>> {
        let (mut socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        let mut request = [0; 1024];
        if socket.read(&mut request)? == 0 {
            return Err("no request".into());
        }
        let whole = self.answer();
        for piece in whole.chunks(self.cut.min(whole.len())) {
            // A reader that has seen enough closes.
            if socket.write_all(piece).is_err() {
                break;
            }
        }
        Ok((!self.closes).then_some(socket))
    }

    fn answer(&self) -> Vec<u8> {
        match self.framing {
            Framing::Refused => b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno".to_vec(),
            Framing::UntilClose => {
                [&b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"[..], &self.events()].concat()
            }
            Framing::Chunks(size) => chunked(&self.events(), size),
        }
    }

    fn events(&self) -> Vec<u8> {
        events(&self.numbers)
    }
}

/// Events in several manners of speech, with comments and other fields in between.
fn events(numbers: &[u32]) -> Vec<u8> {
    let mut text = String::from("retry: 1000\nid: 0\nevent: sync\ndata: due=1+39;\n\n:\n\n");
    for number in numbers {
        let mark = mark(1, *number);
        text.push_str(&match number % 4 {
            0 => format!("id: {number}\nevent: progress\ndata: {{\"text\":\"{mark}\"}}\n\n"),
            1 => format!("id:{number}\r\nevent:progress\r\ndata:{mark}\r\n\r\n"),
            2 => format!(
                "event: data\ndata:[\ndata:{mark}]\n\nevent: control\ndata:{{\"streamNextOffset\":\"{number}\"}}\n\n"
            ),
            _ => format!(":\n\n: a comment with {mark}\nid: {number}\ndata: due= {mark}\n\n"),
        });
    }
    text.into_bytes()
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        answer.extend_from_slice(format!("{:x};of=it\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer
}

/// A short answer, cut at every pair of positions, without a socket.
fn every_cut_is_read_alike() -> Outcome<()> {
    let numbers = [0, 1, 2, 3];
    let mut answer = chunked(&events(&numbers), 50);
    answer.extend_from_slice(b"0\r\nTrailer: x\r\n\r\n");
    let expected: Vec<Mark> = numbers.iter().map(|number| Mark { due: 1, number: *number }).collect();
    for first in 0..answer.len() {
        for second in first..answer.len() {
            let (mut response, mut lines, mut seen) = (Response::default(), Lines::new(CursorFrom::Id), Vec::new());
            for piece in [&answer[..first], &answer[first..second], &answer[second..]] {
                response.feed(piece, &mut |body| lines.feed(body, &mut |mark| seen.push(mark)))?;
            }
            if seen != expected || !response.is_over() || lines.cursor() != "3" {
                return Err(format!("cut at {first} and {second}: {seen:?}, cursor {}", lines.cursor()).into());
            }
        }
    }
    Ok(())
}

fn percentiles_are_exact_to_a_bucket() -> Outcome<()> {
    let mut values: Vec<u64> = (0..50_000_u64).map(|index| index * index % 7_919_333).collect();
    let mut histogram = Histogram::default();
    values.iter().for_each(|value| histogram.push(*value));
    values.sort_unstable();
    for share in [0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0] {
        let rank = ((share * values.len() as f64).ceil() as usize).max(1);
        let (exact, found) = (values[rank - 1] as f64 / 1000.0, histogram.percentile(share));
        if found < exact || found > exact * 1.008 + 0.001 {
            return Err(format!("the percentile {share} is {exact} ms, and was found to be {found}").into());
        }
    }
    Ok(())
}
