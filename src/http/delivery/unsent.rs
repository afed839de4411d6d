//! Bytes that a viewer is yet to be sent, in pieces that other viewers may share.
//! Must not copy them.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// The most pieces in one write; the system takes 1,024 (`IOV_MAX`).
const PIECES: usize = 512;

/// What is to be written, in order.
#[derive(Default)]
pub(super) struct Unsent(VecDeque<Bytes>);

impl Unsent {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a piece behind all others.
    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.0.push_back(piece);
        }
    }

    /// The next pieces to write.
    pub(super) fn slices(&self) -> Vec<IoSlice<'_>> {
        self.0.iter().take(PIECES).map(|piece| IoSlice::new(piece)).collect()
    }

    /// So many bytes were written.
    pub(super) fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.0.front_mut() {
            if written < piece.len() {
                return piece.advance(written);
            }
            written -= piece.len();
            self.0.pop_front();
        }
    }
}

impl From<Bytes> for Unsent {
    fn from(piece: Bytes) -> Unsent {
        let mut unsent = Unsent::default();
        unsent.push(piece);
        unsent
    }
}

impl Extend<Bytes> for Unsent {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, pieces: I) {
        pieces.into_iter().for_each(|piece| self.push(piece));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_any_sizes_is_the_whole_in_order() {
        for step in 1..12 {
            let mut unsent = Unsent::default();
            unsent.extend(["abc", "", "d", "efghij"].map(Bytes::from));
            let mut written = Vec::new();
            while !unsent.is_empty() {
                let next: Vec<u8> = unsent.slices().iter().flat_map(|slice| slice.to_vec()).take(step).collect();
                unsent.advance(next.len());
                written.extend(next);
            }
            assert_eq!(written, b"abcdefghij", "{step} at a time");
        }
    }
}
