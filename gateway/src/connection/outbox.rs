//! Bytes on their way to a client: a bounded buffer of our own, and results that many clients share and nobody copies.

use std::{collections::VecDeque, io, io::IoSlice};

use bytes::Bytes;
use tokio::net::tcp::WriteHalf;
use wire::reply::ImageReply;

/// A buffer that has grown larger than this is given back when it is empty, in bytes.
const KEPT_BYTES: usize = 16 * 1024;
/// A piece that has this many bytes gets no more, so that what the client has read of it is freed some time.
const PIECE_BYTES: usize = 64 * 1024;
/// How many pieces are given to the kernel at once: the three of a shared reply, and what is around it.
const SLICES_MAX: usize = 8;
/// How much one connection writes before others have their turn, in bytes: the kernel takes megabytes at once.
const FLUSH_BYTES_MAX: usize = 1024 * 1024;

/// What waits for one client.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    /// How much of the first piece has been written.
    written: usize,
    byte_count: usize,
    /// Whether the last flush ended before the kernel had enough.
    is_interrupted: bool,
}

#[derive(Debug)]
enum Piece {
    Own(Vec<u8>),
    Shared(Bytes),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Outbox {
    /// How many bytes wait.
    pub(super) fn byte_count(&self) -> usize {
        self.byte_count
    }

    /// Whether none do.
    pub(super) fn is_empty(&self) -> bool {
        self.byte_count == 0
    }

    /// Whether more could have been written: it is others' turn first.
    pub(super) fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// Adds what `write` appends.
    pub(super) fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let has_room =
            |piece: &Piece| matches!(piece, Piece::Own(bytes) if bytes.len() < PIECE_BYTES);
        if !self.pieces.back().is_some_and(has_room) {
            self.pieces.push_back(Piece::Own(Vec::new()));
        }
        if let Some(Piece::Own(bytes)) = self.pieces.back_mut() {
            let before = bytes.len();
            write(bytes);
            self.byte_count += bytes.len() - before;
        }
    }

    /// Adds a reply whose result is shared.
    pub(super) fn put_shared(&mut self, reply: ImageReply) {
        self.put(|out| out.extend_from_slice(&reply.head));
        self.byte_count += reply.image.len();
        self.pieces.push_back(Piece::Shared(reply.image));
        self.put(|out| out.extend_from_slice(&reply.tail));
    }

    /// Writes as much as the kernel takes now, and says how much that was.
    pub(super) fn flush(&mut self, socket: &WriteHalf<'_>) -> io::Result<usize> {
        let mut flushed = 0;
        self.is_interrupted = false;
        while self.byte_count > 0 {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut skipped = self.written;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(&piece.bytes()[skipped..]);
                skipped = 0;
            }
            match socket.try_write_vectored(&slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.advance(count);
                    flushed += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            if flushed >= FLUSH_BYTES_MAX {
                self.is_interrupted = true;
                break;
            }
        }
        Ok(flushed)
    }

    fn advance(&mut self, count: usize) {
        self.byte_count -= count;
        self.written += count;
        loop {
            let is_last = self.pieces.len() == 1;
            let Some(first) = self.pieces.front_mut() else {
                return;
            };
            let length = first.bytes().len();
            if self.written < length {
                return;
            }
            self.written -= length;
            match first {
                // The last one stays, to be filled again.
                Piece::Own(bytes) if is_last && bytes.capacity() <= KEPT_BYTES => {
                    bytes.clear();
                    return;
                }
                _ => {
                    self.pieces.pop_front();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::{Dialect, reply};

    use super::*;

    /// As [`Outbox::flush`] reads it.
    fn content(outbox: &Outbox) -> Vec<u8> {
        let mut skipped = outbox.written;
        let mut all = Vec::new();
        for piece in &outbox.pieces {
            all.extend_from_slice(&piece.bytes()[skipped..]);
            skipped = 0;
        }
        all
    }

    #[test]
    fn what_is_written_in_any_pieces_is_what_was_put() {
        for step in [1, 2, 3, 7, 100] {
            let mut outbox = Outbox::default();
            let shared = reply::share(Bytes::from_static(b"N"), &[], Dialect::Four);
            let mut expected = b"one".to_vec();
            outbox.put(|out| out.extend_from_slice(b"one"));
            expected.extend_from_slice(&shared.head);
            expected.extend_from_slice(&shared.image);
            expected.extend_from_slice(&shared.tail);
            outbox.put_shared(shared);
            outbox.put(|out| out.extend_from_slice(b"two"));
            expected.extend_from_slice(b"two");
            while !expected.is_empty() {
                assert_eq!(outbox.byte_count(), expected.len());
                assert_eq!(content(&outbox), expected);
                let count = step.min(expected.len());
                outbox.advance(count);
                expected.drain(..count);
            }
            assert!(outbox.is_empty());
            outbox.put(|out| out.extend_from_slice(b"three"));
            assert_eq!(content(&outbox), b"three");
        }
    }
}
