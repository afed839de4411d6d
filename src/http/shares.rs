//! How many event streams each client address and each token has open.
//! Must not keep anything of a caller who has none open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::caller::{Caller, CallerKey};
use crate::meter::StreamRefusal;

/// The streams of each caller, up to the same limit for each. A cheap handle.
#[derive(Clone)]
pub(super) struct Shares {
    held: Arc<Mutex<HashMap<Share, u32>>>,
    pub(super) limit: u32,
}

/// Whose streams are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Share {
    Address(IpAddr),
    Caller(CallerKey),
}

/// One stream's place in the shares of its caller; given back when it is dropped.
pub(super) struct Place {
    shares: Shares,
    caller: Caller,
}

impl Shares {
    pub(super) fn up_to(limit: u32) -> Shares {
        Shares { held: Arc::default(), limit }
    }

    /// One more stream of this caller.
    ///
    /// # Errors
    /// Which share is used up.
    pub(super) fn take(&self, caller: Caller) -> Result<Place, StreamRefusal> {
        let mut held = self.lock();
        for share in shares(caller) {
            if held.get(&share).is_some_and(|streams| *streams >= self.limit) {
                return Err(match share {
                    Share::Address(_) => StreamRefusal::Address,
                    Share::Caller(_) => StreamRefusal::Caller,
                });
            }
        }
        for share in shares(caller) {
            *held.entry(share).or_default() += 1;
        }
        Ok(Place { shares: self.clone(), caller })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Share, u32>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shares(caller: Caller) -> impl Iterator<Item = Share> {
    [Some(Share::Address(caller.address)), caller.key.map(Share::Caller)].into_iter().flatten()
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        for share in shares(self.caller) {
            if let Some(streams) = held.get_mut(&share) {
                *streams -= 1;
                if *streams == 0 {
                    held.remove(&share);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(last: u8, key: Option<u64>) -> Caller {
        Caller { address: IpAddr::from([192, 0, 2, last]), key: key.map(CallerKey) }
    }

    #[test]
    fn an_address_and_a_token_have_a_share_each() {
        let shares = Shares::up_to(2);
        let first = shares.take(caller(1, None)).unwrap();
        let _second = shares.take(caller(1, Some(7))).unwrap();
        assert_eq!(shares.take(caller(1, None)).err(), Some(StreamRefusal::Address));
        let third = shares.take(caller(2, Some(7))).unwrap();
        assert_eq!(shares.take(caller(3, Some(7))).err(), Some(StreamRefusal::Caller));
        drop(third);
        let _third = shares.take(caller(3, Some(7))).unwrap();
        drop(first);
        assert!(shares.take(caller(1, None)).is_ok());
    }

    #[test]
    fn nothing_is_kept_of_a_caller_who_is_gone() {
        let shares = Shares::up_to(2);
        let places: Vec<_> = (0..9).map(|last| shares.take(caller(last, Some(last.into()))).unwrap()).collect();
        drop(places);
        assert!(shares.lock().is_empty());
        let none = Shares::up_to(0);
        assert!(none.take(caller(1, None)).is_ok(), "a limit of nothing is not set");
    }
}
