//! The bytes of a pickle, read operand by operand. It knows frames and line ends, and not what an operand is for.
//!
//! All of it is inlined into the loop that reads opcodes, so that the place in the input stays in registers.

use super::{Error, Form};

/// What has not been read yet.
#[derive(Debug)]
pub(super) struct Input<'a> {
    all: &'a [u8],
    /// Up to the end of the frame, or of everything.
    rest: &'a [u8],
    /// How many bytes come after the frame.
    beyond: usize,
}

/// Bytes, and where they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) start: usize,
    pub(super) bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            all: bytes,
            rest: bytes,
            beyond: 0,
        }
    }

    /// The next opcode, which may be in the next frame.
    #[inline]
    pub(super) fn opcode(&mut self) -> Result<u8, Error> {
        if self.rest.is_empty() {
            self.rest = &self.all[self.all.len() - self.beyond..];
            self.beyond = 0;
        }
        self.byte()
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        let (&byte, rest) = self.rest.split_first().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    /// The next `count` bytes.
    #[inline]
    pub(super) fn take(&mut self, count: impl Into<u64>) -> Result<Piece<'a>, Error> {
        let count = usize::try_from(count.into()).map_err(|_| Error::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(Error::Truncated)?;
        let start = self.position();
        self.rest = rest;
        Ok(Piece { start, bytes })
    }

    /// The bytes up to the next line feed.
    #[inline]
    pub(super) fn line(&mut self) -> Result<&'a [u8], Error> {
        let length = self
            .rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or(Error::Truncated)?;
        let line = &self.rest[..length];
        self.rest = &self.rest[length + 1..];
        Ok(line)
    }

    /// Enters a frame of this many bytes. It must lie within the input, and within no other that ends before the input does.
    #[inline]
    pub(super) fn enter_frame(&mut self, length: u64) -> Result<(), Error> {
        let length = usize::try_from(length)
            .ok()
            .filter(|&length| length <= self.rest.len() && self.beyond == 0)
            .ok_or(Error::Malformed(Form::Frame))?;
        self.beyond = self.rest.len() - length;
        self.rest = &self.rest[..length];
        Ok(())
    }

    fn position(&self) -> usize {
        self.all.len() - self.beyond - self.rest.len()
    }
}
