//! Frames as one chunk of a body in chunks (RFC 9112, section 7.1), made once for all who are sent it.
//! Must not know what is in a frame.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::event_log::Frame;

/// The most frames that are written together, and about the most bytes: more than a socket takes at once would send all
/// viewers of a room to catch up, and a stream can end only between two chunks.
pub(super) const FRAMES: usize = 64;
pub(super) const BYTES: usize = 32 * 1024;

/// What ends a body in chunks.
const END: &[u8] = b"0\r\n\r\n";

/// The most bytes of a chunk's size and its line's end.
const HEAD: usize = 18;

/// Bytes for viewers whose body is in chunks and for those whose is not. Cheap to clone.
#[derive(Clone)]
pub(super) struct Chunk {
    bytes: Bytes,
    plain: Range<usize>,
}

impl Chunk {
    /// All of these together.
    pub(super) fn of<'a>(parts: impl Iterator<Item = &'a Bytes> + Clone) -> Chunk {
        let length: usize = parts.clone().map(Bytes::len).sum();
        let mut bytes = BytesMut::with_capacity(HEAD + length + 2);
        bytes.put_slice(head(length).as_bytes());
        let begin = bytes.len();
        parts.for_each(|part| bytes.put_slice(part));
        let plain = begin..bytes.len();
        bytes.put_slice(b"\r\n");
        Chunk { bytes: bytes.freeze(), plain }
    }

    /// As it is written to a viewer.
    pub(super) fn for_viewer(&self, chunked: bool) -> &[u8] {
        if chunked { &self.bytes } else { &self.bytes[self.plain.clone()] }
    }

    /// What is left of it for a viewer that was written so much.
    pub(super) fn rest_for_viewer(&self, chunked: bool, written: usize) -> Bytes {
        if chunked { self.bytes.slice(written..) } else { self.bytes.slice(self.plain.start + written..self.plain.end) }
    }
}

/// The parts to write so that `frames` are one chunk, without a copy of them.
pub(super) fn parts<'a, I: Iterator<Item = &'a Bytes> + Clone>(
    frames: I,
    chunked: bool,
) -> impl Iterator<Item = Bytes> + use<'a, I> {
    let length = frames.clone().map(Bytes::len).sum();
    let framing = |bytes: Bytes| chunked.then_some(bytes);
    let begin = framing(Bytes::from(head(length)));
    begin.into_iter().chain(frames.cloned()).chain(framing(Bytes::from_static(b"\r\n")))
}

/// The frames in portions that are written together.
pub(super) fn portions(mut frames: &[Frame]) -> impl Iterator<Item = &[Frame]> {
    std::iter::from_fn(move || frames.split_off(..portion(frames)).filter(|portion| !portion.is_empty()))
}

/// How many of these frames are written together: one at least, if there is one.
fn portion(frames: &[Frame]) -> usize {
    let mut bytes = 0;
    let fits = |frame: &&Frame| {
        let fits = bytes < BYTES;
        bytes += frame.bytes.len();
        fits
    };
    frames.iter().take(FRAMES).take_while(fits).count()
}

/// What ends the body.
pub(super) fn end(chunked: bool) -> Bytes {
    Bytes::from_static(if chunked { END } else { b"" })
}

/// A chunk of no bytes would end the body; nothing is ever written as one.
fn head(length: usize) -> String {
    debug_assert!(length > 0, "an empty chunk ends the body");
    format!("{length:x}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_is_one_frame_at_least_and_no_more_than_fits() {
        let frame = |length| Frame { seq: 1, bytes: vec![b'x'; length].into(), terminal: false, lag: None };
        assert_eq!(portion(&[frame(10 * BYTES), frame(1)]), 1);
        assert_eq!(portion(&[frame(BYTES - 1), frame(1), frame(1)]), 2);
        assert_eq!(portion(&vec![frame(1); 100]), FRAMES);
    }

    #[test]
    fn frames_are_one_chunk_or_as_they_are() {
        let frames = [Bytes::from_static(b"id: 1\n\n"), Bytes::from_static(b"id: 2\ndata: x\n\n")];
        let chunk = Chunk::of(frames.iter());
        assert_eq!(chunk.for_viewer(true), b"16\r\nid: 1\n\nid: 2\ndata: x\n\n\r\n");
        assert_eq!(chunk.for_viewer(false), b"id: 1\n\nid: 2\ndata: x\n\n");
        assert_eq!(chunk.rest_for_viewer(true, 4), "id: 1\n\nid: 2\ndata: x\n\n\r\n");
        assert_eq!(chunk.rest_for_viewer(false, 4), "1\n\nid: 2\ndata: x\n\n");
        for chunked in [true, false] {
            let parts: Vec<Bytes> = parts(frames.iter(), chunked).collect();
            assert_eq!(parts.concat(), chunk.for_viewer(chunked));
        }
    }
}
