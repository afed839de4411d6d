//! Frames as one chunk of a body in chunks (RFC 9112, section 7.1), made once for all who are sent it.
//! Must not know what is in a frame.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

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
        let mut bytes = BytesMut::with_capacity(HEAD + length + 2 + END.len());
        bytes.put_slice(head(length).as_bytes());
        let begin = bytes.len();
        parts.for_each(|part| bytes.put_slice(part));
        let plain = begin..bytes.len();
        bytes.put_slice(b"\r\n");
        Chunk { bytes: bytes.freeze(), plain }
    }

    /// As it is written to a viewer.
    pub(super) fn for_viewer(&self, chunked: bool) -> Bytes {
        if chunked { self.bytes.clone() } else { self.bytes.slice(self.plain.clone()) }
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
    fn frames_are_one_chunk_or_as_they_are() {
        let frames = [Bytes::from_static(b"id: 1\n\n"), Bytes::from_static(b"id: 2\ndata: x\n\n")];
        let chunk = Chunk::of(frames.iter());
        assert_eq!(chunk.for_viewer(true), "16\r\nid: 1\n\nid: 2\ndata: x\n\n\r\n");
        assert_eq!(chunk.for_viewer(false), "id: 1\n\nid: 2\ndata: x\n\n");
        for chunked in [true, false] {
            let parts: Vec<Bytes> = parts(frames.iter(), chunked).collect();
            assert_eq!(parts.concat(), chunk.for_viewer(chunked));
        }
    }
}
