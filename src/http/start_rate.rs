//! How many jobs a brand may start within a minute, counted in this instance alone.
//! Must not know what a start is; whoever asks takes a turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::job::BrandId;

const MINUTE: Duration = Duration::from_secs(60);

/// The most brands that are remembered: those that started something within the last minute. While as many have, further
/// brands must wait, since their starts could not be counted.
const BRANDS: usize = 100_000;

/// Brands whose turns have come back are looked for at most this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The turns of all brands. A cheap handle.
///
/// A brand that was quiet may take a whole minute's turns at once; then one comes back every so often (the "generic cell
/// rate algorithm" of ATM networks). What is kept of a brand is when all of its turns will be back.
#[derive(Clone)]
pub(super) struct StartRate {
    turns: Arc<Mutex<Turns>>,
    per_minute: u32,
}

struct Turns {
    all_back: HashMap<BrandId, Instant>,
    swept: Instant,
}

impl StartRate {
    pub(super) fn up_to(per_minute: u32) -> StartRate {
        let turns = Turns { all_back: HashMap::new(), swept: Instant::now() };
        StartRate { turns: Arc::new(Mutex::new(turns)), per_minute }
    }

    pub(super) fn per_minute(&self) -> u32 {
        self.per_minute
    }

    /// Takes one of the brand's turns.
    ///
    /// # Errors
    /// After how long there is one.
    pub(super) fn take(&self, brand_id: BrandId, now: Instant) -> Result<(), Duration> {
        let each = MINUTE / self.per_minute.max(1);
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.all_back.len() >= BRANDS && now.duration_since(turns.swept) >= SWEEP_EVERY {
            turns.swept = now;
            turns.all_back.retain(|_, all_back| *all_back > now);
        }
        if turns.all_back.len() >= BRANDS && !turns.all_back.contains_key(&brand_id) {
            return Err(SWEEP_EVERY);
        }
        let all_back = turns.all_back.entry(brand_id).or_insert(now);
        let next = (*all_back).max(now) + each;
        let ahead = next.duration_since(now);
        if ahead > MINUTE {
            return Err(ahead - MINUTE);
        }
        *all_back = next;
        Ok(())
    }

    /// Gives a turn back that was taken for nothing.
    pub(super) fn give_back(&self, brand_id: BrandId) {
        let each = MINUTE / self.per_minute.max(1);
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = turns.all_back.get_mut(&brand_id).and_then(|all_back| all_back.checked_sub(each)) {
            turns.all_back.insert(brand_id, earlier);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn brand() -> BrandId {
        BrandId(Uuid::new_v4())
    }

    #[test]
    fn a_minutes_turns_can_be_taken_at_once_and_come_back_one_by_one() {
        let (rate, one, other, start) = (StartRate::up_to(4), brand(), brand(), Instant::now());
        let second = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..4 {
            assert_eq!(rate.take(one, start), Ok(()));
        }
        assert_eq!(rate.take(one, start), Err(Duration::from_secs(15)));
        assert_eq!(rate.take(one, second(5)), Err(Duration::from_secs(10)), "asking does not cost a turn");
        assert_eq!(rate.take(other, second(5)), Ok(()), "each brand has its own");
        assert_eq!(rate.take(one, second(15)), Ok(()));
        assert_eq!(rate.take(one, second(15)), Err(Duration::from_secs(15)));
        rate.give_back(one);
        assert_eq!(rate.take(one, second(15)), Ok(()), "what was given back can be taken");
        assert_eq!(rate.take(one, second(15)), Err(Duration::from_secs(15)));
        for _ in 0..4 {
            assert_eq!(rate.take(one, second(200)), Ok(()));
        }
        assert!(rate.take(one, second(200)).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (rate, start) = (StartRate::up_to(60), Instant::now());
        for _ in 0..BRANDS {
            assert_eq!(rate.take(brand(), start), Ok(()));
        }
        assert!(rate.take(brand(), start).is_err());
        assert_eq!(rate.turns.lock().unwrap().all_back.len(), BRANDS);
        assert_eq!(rate.take(brand(), start + MINUTE), Ok(()));
        assert_eq!(rate.turns.lock().unwrap().all_back.len(), 1);
    }
}
