//! One HTTP/1.1 response as it arrives, cut anywhere: its head, then its body in whichever framing the head announces.
//! Must not look into the body, nor keep any of it.

use memchr::memmem;

use crate::Outcome;

/// A head of more bytes is no answer of any server here.
const HEAD_LIMIT: usize = 16 * 1024;

/// How far a response has been read.
pub struct Response {
    state: State,
    head: Vec<u8>,
    status: u16,
}

enum State {
    Head,
    /// The digits of a chunk's size; at its line end it is known.
    Size {
        size: u64,
        digits: u8,
        /// Whether what follows is an extension, to be skipped.
        extension: bool,
    },
    Chunk {
        left: u64,
    },
    /// The line end after a chunk.
    AfterChunk,
    /// Trailers up to the empty line; the bytes of the present line are counted.
    Trailers {
        line: u32,
    },
    Length {
        left: u64,
    },
    UntilClose,
    End,
}

impl Default for Response {
    fn default() -> Response {
        Response { state: State::Head, head: Vec::new(), status: 0 }
    }
}

impl Response {
    /// The status once the head is there, else 0.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The head as received, without the empty line after it; for messages.
    pub fn head(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }

    /// Whether the body has ended. One that lasts until the connection closes never says so.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::End)
    }

    /// Reads what has arrived; each piece of the body is handed on. Bytes after the response's end are an error.
    pub fn feed(&mut self, mut bytes: &[u8], body: &mut impl FnMut(&[u8])) -> Outcome<()> {
        while !bytes.is_empty() {
            bytes = self.step(bytes, body)?;
        }
        Ok(())
    }

    /// Takes at least one byte; returns the rest.
    fn step<'a>(&mut self, bytes: &'a [u8], body: &mut impl FnMut(&[u8])) -> Outcome<&'a [u8]> {
        match &mut self.state {
            State::Head => self.read_head(bytes),
            State::Size { size, digits, extension } => {
                let (byte, rest) = (bytes[0], &bytes[1..]);
                match (byte, byte.is_ascii_hexdigit()) {
                    (b'\n', _) if *digits == 0 => return Err("a chunk without a size".into()),
                    (b'\n', _) if *size == 0 => self.state = State::Trailers { line: 0 },
                    (b'\n', _) => self.state = State::Chunk { left: *size },
                    (b'\r', _) => {}
                    (b';', _) => *extension = true,
                    (_, _) if *extension => {}
                    (_, true) if *digits < 15 => {
                        *size = *size * 16 + u64::from((byte as char).to_digit(16).unwrap_or(0));
                        *digits += 1;
                    }
                    _ => return Err(format!("{:?} in the size of a chunk", byte as char).into()),
                }
                Ok(rest)
            }
            State::Chunk { left } => {
                let (piece, rest) = bytes.split_at(bytes.len().min(*left as usize));
                body(piece);
                *left -= piece.len() as u64;
                if *left == 0 {
                    self.state = State::AfterChunk;
                }
                Ok(rest)
            }
            State::AfterChunk => match bytes[0] {
                b'\r' => Ok(&bytes[1..]),
                b'\n' => {
                    self.state = State::Size { size: 0, digits: 0, extension: false };
                    Ok(&bytes[1..])
                }
                other => Err(format!("{:?} after a chunk", other as char).into()),
            },
            State::Trailers { line } => {
                match bytes[0] {
                    b'\n' if *line == 0 => self.state = State::End,
                    b'\n' => *line = 0,
                    b'\r' => {}
                    _ => *line += 1,
                }
                Ok(&bytes[1..])
            }
            State::Length { left } => {
                let (piece, rest) = bytes.split_at(bytes.len().min(*left as usize));
                body(piece);
                *left -= piece.len() as u64;
                if *left == 0 {
                    self.state = State::End;
                }
                Ok(rest)
            }
            State::UntilClose => {
                body(bytes);
                Ok(&[])
            }
            State::End => Err("bytes after the end of a response".into()),
        }
    }

    fn read_head<'a>(&mut self, bytes: &'a [u8]) -> Outcome<&'a [u8]> {
        let known = self.head.len();
        self.head.extend_from_slice(bytes);
        // The empty line may have begun in an earlier piece.
        let from = known.saturating_sub(3);
        let Some(at) = memmem::find(&self.head[from..], b"\r\n\r\n") else {
            if self.head.len() > HEAD_LIMIT {
                return Err("the head of a response does not end".into());
            }
            return Ok(&[]);
        };
        let end = from + at;
        let rest = &bytes[end + 4 - known..];
        self.head.truncate(end);
        self.head.shrink_to_fit();
        self.understand_head()?;
        Ok(rest)
    }

    fn understand_head(&mut self) -> Outcome<()> {
        let head = self.head().to_ascii_lowercase();
        let status = head.strip_prefix("http/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        self.status = status.ok_or_else(|| format!("no HTTP/1.1 response: {head}"))?;
        let header = |name: &str| {
            let mut lines = head.split("\r\n").skip(1);
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        self.state = if matches!(self.status, 204 | 304) {
            State::End
        } else if header("transfer-encoding").is_some_and(|value| value.ends_with("chunked")) {
            State::Size { size: 0, digits: 0, extension: false }
        } else if let Some(length) = header("content-length") {
            match length.parse()? {
                0 => State::End,
                left => State::Length { left },
            }
        } else {
            State::UntilClose
        };
        Ok(())
    }
}
