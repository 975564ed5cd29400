//! What operands become: numbers and texts on the machine's stack.

use super::{
    Budget, Error, Form,
    arena::NodeKind,
    input::Piece,
    machine::Machine,
    text::{self, Integer},
};

impl Machine {
    pub(super) fn int(&mut self, number: i64) {
        let handle = self.arena.add_int(number);
        self.push(handle);
    }

    /// A little-endian two's complement.
    pub(super) fn long(&mut self, Piece { bytes, .. }: Piece<'_>) -> Result<(), Error> {
        if bytes.len() > self.limits.integer_bytes_max as usize {
            return Err(Error::Limit(Budget::IntegerBytes));
        }
        let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) {
            0xFF
        } else {
            0
        };
        let mut number = [fill; 8];
        if bytes.len() <= 8 {
            number[..bytes.len()].copy_from_slice(bytes);
        } else if bytes[8..].iter().all(|&byte| byte == fill) && (bytes[7] ^ fill) & 0x80 == 0 {
            number.copy_from_slice(&bytes[..8]);
        } else {
            self.big(bytes);
            return Ok(());
        }
        self.int(i64::from_le_bytes(number));
        Ok(())
    }

    /// Decimal digits; protocol 0 has an L behind those of a long.
    pub(super) fn decimal(&mut self, line: &[u8]) -> Result<(), Error> {
        match text::integer(line, &self.limits)? {
            Integer::Fits(number) => self.int(number),
            Integer::Big(bytes) => self.big(&bytes),
        }
        Ok(())
    }

    fn big(&mut self, bytes: &[u8]) {
        let handle = self.arena.add_side(NodeKind::Big, bytes);
        self.push(handle);
    }

    pub(super) fn float(&mut self, number: f64) {
        let handle = self.arena.add_float(number);
        self.push(handle);
    }

    /// UTF-8.
    pub(super) fn unicode(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        std::str::from_utf8(piece.bytes).map_err(|_| Error::Malformed(Form::Unicode))?;
        self.span(NodeKind::Text, piece)
    }

    /// `bytes` or a `bytearray`, as they are.
    pub(super) fn span(&mut self, kind: NodeKind, piece: Piece<'_>) -> Result<(), Error> {
        self.within_string(piece.bytes)?;
        let handle = self.arena.add_span(kind, piece.start, piece.bytes.len());
        self.push(handle);
        Ok(())
    }

    /// A line of `raw-unicode-escape`.
    pub(super) fn unicode_line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.within_string(line)?;
        let text = text::unescape(line)?;
        let handle = self.arena.add_side(NodeKind::Text, text.as_bytes());
        self.push(handle);
        Ok(())
    }

    /// A Python 2 `str`: text if it is valid UTF-8, otherwise bytes.
    pub(super) fn byte_string(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        self.has_byte_strings = true;
        self.span(text_or_bytes(piece.bytes), piece)
    }

    /// A Python 2 `str`, quoted.
    pub(super) fn byte_string_line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.has_byte_strings = true;
        self.within_string(line)?;
        let bytes = text::unquote(line)?;
        let handle = self.arena.add_side(text_or_bytes(&bytes), &bytes);
        self.push(handle);
        Ok(())
    }

    fn within_string(&self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() > self.limits.string_bytes_max as usize {
            Err(Error::Limit(Budget::StringBytes))
        } else {
            Ok(())
        }
    }
}

fn text_or_bytes(bytes: &[u8]) -> NodeKind {
    if std::str::from_utf8(bytes).is_ok() {
        NodeKind::Text
    } else {
        NodeKind::Bytes
    }
}
