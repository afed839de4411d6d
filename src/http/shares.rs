//! How many event streams each client address and each token has open, and how many connections each address.
//! Must not keep anything of a client who has none open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::{Client, TokenKey};
use crate::meter::StreamRefusal;

/// The streams of each client, up to the same limit for each. A cheap handle.
#[derive(Clone)]
pub(super) struct Shares {
    held: Arc<Mutex<HashMap<Share, u32>>>,
    pub(super) limit: u32,
}

/// Whose streams are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Share {
    Address(IpAddr),
    Token(TokenKey),
}

/// One stream's place in the shares of its client; given back when it is dropped.
pub(super) struct Place {
    shares: Shares,
    client: Client,
}

impl Shares {
    pub(super) fn up_to(limit: u32) -> Shares {
        Shares { held: Arc::default(), limit }
    }

    /// One more stream of this client.
    ///
    /// # Errors
    /// Which share is used up.
    pub(super) fn take(&self, client: Client) -> Result<Place, StreamRefusal> {
        let mut held = self.lock();
        for share in shares(client) {
            if held.get(&share).is_some_and(|streams| *streams >= self.limit) {
                return Err(match share {
                    Share::Address(_) => StreamRefusal::Address,
                    Share::Token(_) => StreamRefusal::Token,
                });
            }
        }
        for share in shares(client) {
            *held.entry(share).or_default() += 1;
        }
        Ok(Place { shares: self.clone(), client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Share, u32>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shares(client: Client) -> impl Iterator<Item = Share> {
    [Some(Share::Address(client.address)), client.token.map(Share::Token)].into_iter().flatten()
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        for share in shares(self.client) {
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

    fn client(last: u8, token: Option<u64>) -> Client {
        Client { address: IpAddr::from([192, 0, 2, last]), token: token.map(TokenKey) }
    }

    #[test]
    fn an_address_and_a_token_have_a_share_each() {
        let shares = Shares::up_to(2);
        let first = shares.take(client(1, None)).unwrap();
        let _second = shares.take(client(1, Some(7))).unwrap();
        assert_eq!(shares.take(client(1, None)).err(), Some(StreamRefusal::Address));
        let third = shares.take(client(2, Some(7))).unwrap();
        assert_eq!(shares.take(client(3, Some(7))).err(), Some(StreamRefusal::Token));
        drop(third);
        let _third = shares.take(client(3, Some(7))).unwrap();
        drop(first);
        assert!(shares.take(client(1, None)).is_ok());
    }

    #[test]
    fn nothing_is_kept_of_a_caller_who_is_gone() {
        let shares = Shares::up_to(2);
        let places: Vec<_> = (0..9).map(|last| shares.take(client(last, Some(last.into()))).unwrap()).collect();
        drop(places);
        assert!(shares.lock().is_empty());
        let none = Shares::up_to(0);
        assert!(none.take(client(1, None)).is_ok(), "a limit of nothing is not set");
    }
}
