//! Durations in buckets that are at most 0.8 % wide, in the manner of HdrHistogram.
//! Must not grow with the number of durations.

use std::time::Duration;

/// Buckets in each power of two.
const HALF: u64 = 128;
const HALF_BITS: u32 = HALF.trailing_zeros();

/// Durations of up to 2^40 µs, some 12 days; longer ones count as that long.
const POWERS: u32 = 40;

/// Many durations, to the microsecond up to 256 µs and to 0.8 % above.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    largest: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        let buckets = bucket((1 << POWERS) - 1) + 1;
        Histogram { counts: vec![0; buckets], total: 0, largest: 0 }
    }
}

impl Histogram {
    /// Notes a duration in microseconds.
    pub fn push(&mut self, microseconds: u64) {
        let microseconds = microseconds.min((1 << POWERS) - 1);
        self.counts[bucket(microseconds)] += 1;
        self.total += 1;
        self.largest = self.largest.max(microseconds);
    }

    /// Notes a duration.
    pub fn push_duration(&mut self, duration: Duration) {
        self.push(duration.as_micros() as u64);
    }

    /// Adds what another has noted.
    pub fn add(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.largest = self.largest.max(other.largest);
    }

    /// How many durations were noted.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// The duration, in milliseconds, that this share of all (0 to 1) did not exceed; not a number where there are none.
    pub fn percentile(&self, share: f64) -> f64 {
        let rank = ((share * self.total as f64).ceil() as u64).max(1);
        let mut below = 0;
        for (index, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= rank {
                return upper_end(index).min(self.largest) as f64 / 1000.0;
            }
        }
        f64::NAN
    }
}

fn bucket(value: u64) -> usize {
    // Which power of two counts: 0 for all that is known to the unit.
    let power = (u64::BITS - value.leading_zeros()).saturating_sub(HALF_BITS + 1);
    ((u64::from(power) << HALF_BITS) + (value >> power)) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let power = (bucket >> HALF_BITS).saturating_sub(1);
    let value = bucket - (power << HALF_BITS);
    ((value + 1) << power) - 1
}
