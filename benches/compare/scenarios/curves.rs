//! What an event costs as the work grows: readers, jobs, history and the size of an event, one at a time.
//! Must not change more than one of them along a curve.

use super::{AT_ONCE, DELIVERY, Extent, OPENING, SIZE, Session};
use crate::generator::readers::Readers;
use crate::results::{Curve, Plot, Results, Rounds};
use crate::servers::{From, Make};
use crate::{Outcome, clock, plot};

/// One curve for each database: where it is measured, and what of it.
struct Question {
    file: &'static str,
    title: &'static str,
    x: &'static str,
    y: &'static str,
    at: &'static [u32],
    measure: fn(Make, u32) -> Outcome<f64>,
}

const QUESTIONS: [Question; 6] = [
    Question {
        file: "subscribers.svg",
        title: "Processor time of a delivery over readers of one job",
        x: "readers",
        y: "server CPU, µs for each delivery",
        at: &[10, 100, 1_000, 5_000, 10_000],
        measure: processor_time_over_readers,
    },
    Question {
        file: "subscribers-latency.svg",
        title: "Latency over readers of one job, 4 events a second",
        x: "readers",
        y: "p50 for each 1,000 readers, ms",
        at: &[1_000, 2_000, 5_000, 10_000],
        measure: latency_over_readers,
    },
    Question {
        file: "jobs.svg",
        title: "Append → socket over jobs, 1,000 events a second in all",
        x: "jobs, a viewer each",
        y: "p50, ms",
        at: &[1, 10, 100, 1_000, 5_000],
        measure: latency_over_jobs,
    },
    Question {
        file: "history.svg",
        title: "Catching up over the length of a history, 100 readers at once",
        x: "events in the history",
        y: "µs for each event and reader",
        at: &[10, 100, 1_000, 5_000],
        measure: catching_up_over_history,
    },
    Question {
        file: "size.svg",
        title: "Processor time of a delivery over the size of an event, 1,000 readers",
        x: "bytes of an event's data",
        y: "server CPU, µs for each delivery",
        at: &[256, 512, 1_024, 2_048, 4_000],
        measure: processor_time_over_size,
    },
    Question {
        file: "size-latency.svg",
        title: "Append → socket over the size of an event, one viewer",
        x: "bytes of an event's data",
        y: "p50, ms",
        at: &[256, 512, 1_024, 2_048, 4_000],
        measure: latency_over_size,
    },
];

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let makes = super::sides(&[], results);
    for question in &QUESTIONS {
        let at = if extent.quick { &question.at[..2] } else { question.at };
        let curve = |make: &Make| Curve {
            name: make.name(),
            points: at.iter().map(|x| (f64::from(*x), Rounds::default())).collect(),
        };
        let mut curves: Vec<Curve> = makes.iter().map(curve).collect();
        for round in 0..extent.rounds {
            for (index, x) in at.iter().enumerate() {
                for (make, curve) in makes.iter().zip(&mut curves) {
                    eprintln!("curves: {} at {x}, round {}, {}", question.file, round + 1, make.name());
                    match (question.measure)(*make, *x) {
                        Ok(y) => curve.points[index].1.0.push(y),
                        Err(error) => {
                            results.conditions.push(format!("{} at {x}, {}: {error}", question.file, make.name()))
                        }
                    }
                }
            }
        }
        let [file, title, x, y] = [question.file, question.title, question.x, question.y].map(str::to_owned);
        results.tables.push(plot::table(&title, &x, &y, &curves));
        results.plots.push(Plot { file, title, x, y, curves });
    }
    Ok(())
}

/// Microseconds of processor time for each delivery, of events one after another.
fn processor_time(make: Make, readers: u32, size: usize) -> Outcome<f64> {
    let mut session = Session::open(make, readers, size)?;
    let phase = session.one_after_another((60_000 / readers).clamp(10, 600))?;
    phase.clean()?;
    Ok(phase.server as f64 / phase.seen.delivered as f64)
}

fn processor_time_over_readers(make: Make, readers: u32) -> Outcome<f64> {
    processor_time(make, readers, SIZE)
}

fn processor_time_over_size(make: Make, size: u32) -> Outcome<f64> {
    processor_time(make, 1_000, size as usize)
}

fn latency_over_readers(make: Make, readers: u32) -> Outcome<f64> {
    let mut session = Session::open(make, readers, SIZE)?;
    let phase = session.at_a_pace(8, Some(4.0))?;
    phase.clean()?;
    Ok(phase.seen.latency.percentile(0.5) * 1000.0 / f64::from(readers))
}

fn latency_over_jobs(make: Make, jobs: u32) -> Outcome<f64> {
    let mut session = Session::with_channels(make, jobs, 1, SIZE)?;
    // Two seconds, but at least one event of each job.
    let phase = session.at_a_pace((2_000 / jobs).max(1), Some(1_000.0 / f64::from(jobs)))?;
    phase.clean()?;
    Ok(phase.seen.latency.percentile(0.5))
}

fn latency_over_size(make: Make, size: u32) -> Outcome<f64> {
    let mut session = Session::open(make, 1, size as usize)?;
    let phase = session.at_a_pace(100, Some(100.0))?;
    phase.clean()?;
    Ok(phase.seen.latency.percentile(0.5))
}

/// Microseconds for each event of a history and each of the readers who ask for it at once.
fn catching_up_over_history(make: Make, history: u32) -> Outcome<f64> {
    const READERS: u32 = 100;
    let mut session = Session::open(make, 1, SIZE)?;
    session.at_a_pace(history - session.next, None)?.clean()?;
    let mut late = Readers::new()?;
    let wanted = (0..READERS).map(|_| session.server.wanted(0, &From::Start, 0)).collect();
    late.connect_all(wanted, AT_ONCE, OPENING)?;
    let begin = clock::now();
    late.release();
    let all = u64::from(READERS) * u64::from(history);
    if !late.until(DELIVERY, |seen| seen.delivered >= all || seen.faults.broken > 0)? {
        return Err(format!("{} of {all} events came", late.seen().delivered).into());
    }
    Ok(late.seen().last.saturating_sub(begin) as f64 / all as f64)
}
