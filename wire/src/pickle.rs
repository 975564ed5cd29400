//! Pickles, protocols 0 to 5: data only. Nothing in a pickle is ever imported, called or resolved.
//!
//! [`Decoder`] turns what a stranger sent into a [`Pickle`]: an arena of nodes with integer handles, checked against [`Limits`]. It does nothing
//! recursive, and allocates only in proportion to bytes that have come. [`encode`] and [`fragment`] write values in one of four [`Dialect`]s.

mod arena;
mod atoms;
mod calls;
mod check;
mod decode;
mod dialect;
pub(crate) mod encode;
mod handle;
mod input;
mod limits;
mod machine;
mod memo;
mod table;
mod text;
mod view;

pub use decode::Decoder;
pub use dialect::Dialect;
pub use encode::{encode, fragment};
pub use limits::{INTEGER_BYTES_MAX, Limits};
pub use view::{Kind, Pickle, View};

use std::fmt;

use crate::Value;

/// Why bytes are no pickle of data. Two bytes, because every opcode's step returns one or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// They end before the pickle does.
    #[error("the pickle ends too soon")]
    Truncated,
    /// An opcode that is unknown, or would build something other than data.
    #[error("opcode 0x{0:02x} is not allowed")]
    Opcode(u8),
    /// A protocol that Python has not got yet.
    #[error("protocol {0} is not supported")]
    Protocol(u8),
    /// An opcode found something else on the stack than it needs.
    #[error("an opcode does not fit the stack")]
    Stack,
    /// A memo index that nothing was put at.
    #[error("the memo has no such entry")]
    Memo,
    /// Something that is written wrongly.
    #[error("a malformed {0}")]
    Malformed(Form),
    /// A global name, or a call of one, other than those by which Python writes bytes and sets.
    #[error("a call of something that is no data")]
    Call,
    /// Something that contains itself.
    #[error("the data contains itself")]
    Cycle,
    /// A key or member that Python could not hash.
    #[error("an unhashable key or member")]
    Unhashable,
    /// More of something than [`Limits`] allow.
    #[error("over the limit of {0}")]
    Limit(Budget),
}

/// What can be written wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A frame that ends outside the input, or within another.
    Frame,
    /// Decimal digits.
    Integer,
    /// A decimal number.
    Float,
    /// A quoted byte string.
    String,
    /// Text that is no UTF-8, or whose escapes are none.
    Unicode,
    /// Bytes written as text, with a character that is no byte.
    Latin1,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frame => "frame",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::String => "string",
            Self::Unicode => "unicode",
            Self::Latin1 => "latin1 text",
        })
    }
}

/// What there can be too much of: see [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Bytes of the input.
    Input,
    /// Nesting.
    Depth,
    /// What the pickle builds.
    Nodes,
    /// What it unfolds to.
    ExpandedNodes,
    /// The text in what it unfolds to.
    ExpandedBytes,
    /// Memo entries.
    Memo,
    /// Open marks.
    Marks,
    /// Bytes of one integer.
    IntegerBytes,
    /// Bytes of one text.
    StringBytes,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input bytes",
            Self::Depth => "depth",
            Self::Nodes => "nodes",
            Self::ExpandedNodes => "expanded nodes",
            Self::ExpandedBytes => "expanded bytes",
            Self::Memo => "memo entries",
            Self::Marks => "marks",
            Self::IntegerBytes => "integer bytes",
            Self::StringBytes => "string bytes",
        })
    }
}

/// Decodes a pickle into a tree.
///
/// # Errors
/// Says why the bytes are no pickle of data within the limits.
pub fn load(bytes: &[u8], limits: &Limits) -> Result<Value, Error> {
    let mut decoder = Decoder::new(*limits);
    Ok(decoder.decode(bytes)?.to_value())
}

#[cfg(test)]
mod tests;
