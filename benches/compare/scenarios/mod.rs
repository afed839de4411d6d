//! What is measured; one file for each question.
//! Must not print a figure that was not measured as its table says.

use std::time::Duration;

use crate::Outcome;
use crate::database::Kind;
use crate::generator::publish::{Pace, Publisher};
use crate::generator::readers::{Readers, Seen};
use crate::results::{Results, Row, Table};
use crate::servers::{From, Make, Server};
use crate::{clock, usage};

mod append;
mod curves;
mod durable;
mod fanout;
mod first_event;
mod instances;
mod late;
mod many;
mod memory;
mod start;
mod storm;

/// How long and how often is measured.
#[derive(Clone, Copy)]
pub struct Extent {
    /// One short round, to see that everything works.
    pub quick: bool,
    pub rounds: usize,
}

impl Extent {
    /// The larger number, or the smaller one in a quick run.
    pub fn of(self, whole: u32, quick: u32) -> u32 {
        if self.quick { quick } else { whole }
    }
}

/// One question: its name, what it asks, and how it is answered.
pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub measure: fn(Extent, &mut Results) -> Outcome<()>,
}

/// All of them, in the order in which they run.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "fanout",
        about: "events of one channel to 1,000, 5,000 and 10,000 readers: one after another, paced, in bursts",
        measure: fanout::measure,
    },
    Scenario { name: "late", about: "10,000 readers that come late to 20 events", measure: late::measure },
    Scenario {
        name: "many",
        about: "5,000 channels with two readers each, an event a second each",
        measure: many::measure,
    },
    Scenario { name: "memory", about: "resident memory of 10,000 idle streams", measure: memory::measure },
    Scenario {
        name: "append",
        about: "from when an event was due until a viewer has it, against an UPDATE and polling every 2 s",
        measure: append::measure,
    },
    Scenario {
        name: "durable",
        about: "durable events a second from 1 to 2,048 jobs at once",
        measure: durable::measure,
    },
    Scenario {
        name: "start",
        about: "POST /api/jobs/start at 1,000 a second while 5,000 streams are open",
        measure: start::measure,
    },
    Scenario {
        name: "first",
        about: "from the start of a job until a viewer sees that it was taken up",
        measure: first_event::measure,
    },
    Scenario {
        name: "storm",
        about: "10,000 readers cut at once and back with cursors into 500 events",
        measure: storm::measure,
    },
    Scenario {
        name: "instances",
        about: "three processes on one PostgreSQL: what another instance adds",
        measure: instances::measure,
    },
    Scenario {
        name: "curves",
        about: "what an event costs as readers, jobs, history and its own size grow",
        measure: curves::measure,
    },
];

/// Connections that publish to many channels.
const PUBLISHERS: u32 = 16;

/// How many streams are opened at a time where nothing else is said; nginx keeps no more waiting.
const AT_ONCE: usize = 256;

/// How long opening all streams may take.
const OPENING: Duration = Duration::from_secs(40);

/// How long all events of a phase may take.
const DELIVERY: Duration = Duration::from_secs(40);

/// Bytes of an event's data.
const SIZE: usize = 256;

/// The product on every database that is there, then these peers as far as they are there; what is missing is said.
fn sides(peers: &[Make], results: &mut Results) -> Vec<Make> {
    let product = [Make::Jobcast(Kind::Sqlite), Make::Jobcast(Kind::Postgres)];
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for make in product.iter().chain(peers).copied().filter(|make| is_wanted(&make.name())) {
        match make.missing() {
            None => there.push(make),
            Some(why) => missing.push(format!("{} was left out: {why}", make.name())),
        }
    }
    for words in &missing {
        eprintln!("{words}");
    }
    results.conditions.extend(missing);
    there
}

/// BENCH_SERVERS narrows the sides to those whose names contain one of its words, with commas between them.
fn is_wanted(name: &str) -> bool {
    let Ok(words) = std::env::var("BENCH_SERVERS") else { return true };
    let name = name.to_lowercase();
    words.split(',').any(|word| name.contains(&word.trim().to_lowercase()))
}

/// Measures each side in each round, all sides in turn, into the table; a side that fails is told beneath it.
fn in_turn(
    scenario: &str,
    extent: Extent,
    makes: &[Make],
    table: &mut Table,
    mut measure: impl FnMut(Make, usize, &mut Row) -> Outcome<()>,
) {
    for round in 0..extent.rounds {
        for make in makes {
            eprintln!("{scenario}: round {}, {}", round + 1, make.name());
            let row = table.row(&make.name(), make.about());
            if let Err(error) = measure(*make, round, row) {
                row.trouble(format!("round {}: {error}", round + 1));
            }
        }
    }
}

/// A server whose channels have readers.
struct Session {
    server: Server,
    readers: Readers,
    publishers: Vec<Publisher>,
    channels: u32,
    /// The number of the next event.
    next: u32,
}

/// What a phase took.
struct Phase {
    seen: Seen,
    lost: u64,
    /// From the first event's publication to the last event's arrival.
    seconds: f64,
    /// Processor time of the server and of this program, in microseconds.
    server: u64,
    generator: u64,
}

impl Session {
    /// Starts a server, opens readers of its only channel, and sees that an event reaches them all.
    fn open(make: Make, readers: u32, size: usize) -> Outcome<Session> {
        Session::with_channels(make, 1, readers, size)
    }

    /// The same with more channels, each with so many readers.
    fn with_channels(make: Make, channels: u32, readers_each: u32, size: usize) -> Outcome<Session> {
        let server = make.start(channels, size)?;
        let mut readers = Readers::new()?;
        let all = (0..channels).flat_map(|channel| (0..readers_each).map(move |_| channel));
        let wanted = all.map(|channel| server.wanted(channel, &From::Now, 0)).collect();
        readers.open(wanted, AT_ONCE, OPENING)?;
        Session::over(server, readers, channels)
    }

    /// With readers that are there already.
    fn over(server: Server, readers: Readers, channels: u32) -> Outcome<Session> {
        // Who waits for an answer to each event needs more connections for more channels.
        let publishers = (0..channels.clamp(1, PUBLISHERS)).map(|_| server.publisher()).collect::<Outcome<_>>()?;
        let mut session = Session { server, readers, publishers, channels, next: 0 };
        session.one_after_another(3)?.clean()?;
        Ok(session)
    }

    /// Events of the first channel, each when all have the last.
    fn one_after_another(&mut self, count: u32) -> Outcome<Phase> {
        self.phase(count, |session| {
            let (orders, received) = std::sync::mpsc::channel::<u32>();
            let (publishers, readers, first) = (&mut session.publishers, &mut session.readers, session.next);
            let channels = session.channels;
            std::thread::scope(|scope| {
                let publishing = scope.spawn(move || {
                    let pace = |first| Pace { channels, first, count: 1, per_second: None };
                    received.iter().try_for_each(|number| match publishers.as_mut_slice() {
                        [publisher] => publisher.publish(0, number, clock::now()),
                        many => pace(number).publish(many),
                    })
                });
                for index in 0..count {
                    // It fails only when the other side has failed.
                    let _ = orders.send(first + index);
                    let wanted = readers.len() as u64 * u64::from(index + 1);
                    if !readers.until(DELIVERY, |seen| seen.delivered >= wanted || seen.faults.broken > 0)? {
                        break;
                    }
                }
                drop(orders);
                publishing.join().map_err(|_| "the publisher panicked")?
            })
        })
    }

    /// Events of all channels at a pace, or as fast as they are taken.
    fn at_a_pace(&mut self, count: u32, per_second: Option<f64>) -> Outcome<Phase> {
        self.phase(count, |session| {
            let (publishers, readers) = (&mut session.publishers, &mut session.readers);
            let pace = Pace { channels: session.channels, first: session.next, count, per_second };
            let wanted = readers.len() as u64 * u64::from(count);
            std::thread::scope(|scope| {
                let publishing = scope.spawn(move || pace.publish(publishers));
                readers.until(DELIVERY, |seen| seen.delivered >= wanted || seen.faults.broken > 0)?;
                publishing.join().map_err(|_| "the publisher panicked")?
            })
        })
    }

    fn phase(&mut self, count: u32, run: impl FnOnce(&mut Session) -> Outcome<()>) -> Outcome<Phase> {
        self.readers.take_seen();
        let (server, generator) = (self.server.processor_time()?, usage::own_processor_time()?);
        let begin = clock::now();
        run(self)?;
        // What comes twice comes right after: a moment for that.
        self.readers.idle(Duration::from_millis(20))?;
        let (server, generator) = (self.server.processor_time()? - server, usage::own_processor_time()? - generator);
        self.next += count;
        let (seen, lost) = (self.readers.take_seen(), self.readers.lost(self.next));
        let seconds = seen.last.saturating_sub(begin) as f64 / 1e6;
        Ok(Phase { seen, lost, seconds, server, generator })
    }
}

impl Phase {
    /// Events that reached a reader, each second.
    fn per_second(&self) -> f64 {
        self.seen.delivered as f64 / self.seconds
    }

    /// What went wrong, in words; nothing where every reader had every event once and in order.
    fn trouble(&self) -> Option<String> {
        let mut faults = self.seen.faults;
        faults.lost = self.lost;
        let first = self.seen.first_fault.as_deref().unwrap_or("no more came in time");
        (!faults.none()).then(|| format!("{faults} ({first})"))
    }

    /// # Errors
    /// When anything went wrong.
    fn clean(&self) -> Outcome<()> {
        self.trouble().map_or(Ok(()), |trouble| Err(trouble.into()))
    }
}
