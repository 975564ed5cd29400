//! Frames: `size SP payload`. It cuts messages out of whatever pieces a stream arrives in, and does not look into them.

use bytes::{Bytes, BytesMut};

/// The 20th digit of a size is a fault, whatever the digits are (PROTOCOL, "Bad messages").
const DIGITS_MAX: usize = 19;

/// The largest message that a client may send, in bytes, unless a setting says otherwise: a request is a few hundred.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Cuts a stream into messages.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    frame_bytes_max: usize,
}

/// What the stream has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message's payload.
    Message(Bytes),
    /// No message. Everything that had been read is gone; the stream goes on with the next byte that comes.
    Bad(Fault),
}

/// Why a size is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A byte that is neither a digit nor the space after one.
    #[error("byte 0x{0:02x} in a size")]
    Byte(u8),
    /// More digits than any size has.
    #[error("a size of more than {DIGITS_MAX} digits")]
    Digits,
    /// A size over the limit.
    #[error("a message of {0} bytes is over the limit")]
    Size(u64),
}

impl Decoder {
    /// A decoder for a new stream.
    #[must_use]
    pub fn new(frame_bytes_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            frame_bytes_max,
        }
    }

    /// Where bytes that have been read belong: at the end of this.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Forgets all that has been read: the last message was a bad one.
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Whether a part of a message has come, and its end has not.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next message, or fault; None: more bytes are needed.
    pub fn next_event(&mut self) -> Option<Event> {
        match self.header() {
            Ok(None) => None,
            Ok(Some((header_bytes, size))) => {
                let frame_bytes = header_bytes + size;
                if self.buffer.len() < frame_bytes {
                    return None;
                }
                let frame = self.buffer.split_to(frame_bytes).freeze();
                Some(Event::Message(frame.slice(header_bytes..)))
            }
            Err(fault) => {
                self.buffer.clear();
                Some(Event::Bad(fault))
            }
        }
    }

    /// The header's length and the size that it names, once the space after it has come.
    fn header(&self) -> Result<Option<(usize, usize)>, Fault> {
        let mut size: u64 = 0;
        for (index, &byte) in self.buffer.iter().enumerate() {
            match byte {
                b'0'..=b'9' if index < DIGITS_MAX => size = size * 10 + u64::from(byte - b'0'),
                b'0'..=b'9' => return Err(Fault::Digits),
                b' ' if index > 0 => {
                    let fits = usize::try_from(size)
                        .ok()
                        .filter(|&size| size <= self.frame_bytes_max);
                    return fits
                        .map(|size| Some((index + 1, size)))
                        .ok_or(Fault::Size(size));
                }
                other => return Err(Fault::Byte(other)),
            }
        }
        Ok(None)
    }
}

/// Writes the header of a frame.
pub fn write_header(payload_bytes: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = payload_bytes;
    loop {
        start -= 1;
        digits[start] = b"0123456789"[rest % 10];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
    out.push(b' ');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<Event> {
        let mut decoder = Decoder::new(100);
        let mut events = Vec::new();
        for piece in pieces {
            decoder.buffer().extend_from_slice(piece);
            events.extend(std::iter::from_fn(|| decoder.next_event()));
        }
        events
    }

    fn message(text: &str) -> Event {
        Event::Message(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn messages_and_faults() {
        let cases: [(&[&[u8]], Vec<Event>); 11] = [
            (&[b"3 abc"], vec![message("abc")]),
            (
                &[b"3", b" ", b"ab", b"c1 x"],
                vec![message("abc"), message("x")],
            ),
            (&[b"0 ", b"003 abc"], vec![message(""), message("abc")]),
            (&[b"3 ab"], vec![]),
            (&[b" 3 abc"], vec![Event::Bad(Fault::Byte(b' '))]),
            (
                &[b"-3 abc", b"1 x"],
                vec![Event::Bad(Fault::Byte(b'-')), message("x")],
            ),
            (
                &[b"1 a3x abc", b"1 y"],
                vec![message("a"), Event::Bad(Fault::Byte(b'x')), message("y")],
            ),
            (&[b"101 "], vec![Event::Bad(Fault::Size(101))]),
            (&[b"0000000000000000003 abc"], vec![message("abc")]),
            (
                &[b"00000000000000000003 abc"],
                vec![Event::Bad(Fault::Digits)],
            ),
            (&[b"99999999999999999999"], vec![Event::Bad(Fault::Digits)]),
        ];
        for (pieces, expected) in cases {
            assert_eq!(events(pieces), expected, "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn the_pieces_that_a_stream_comes_in_do_not_matter(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
            cuts in prop::collection::vec(1usize..20, 1..40),
        ) {
            let mut stream = Vec::new();
            for payload in &payloads {
                write_header(payload.len(), &mut stream);
                stream.extend_from_slice(payload);
            }
            let mut pieces = Vec::new();
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            let expected: Vec<Event> = payloads.into_iter().map(|payload| Event::Message(Bytes::from(payload))).collect();
            prop_assert_eq!(events(&pieces), expected);
        }

        #[test]
        fn no_stream_panics(stream in prop::collection::vec(any::<u8>(), 0..200)) {
            events(&[&stream]);
        }
    }
}
