//! Pickles, protocols 0 to 5: data only. Nothing in a pickle is ever imported, called or resolved.
//!
//! [`Decoder`] turns what a stranger sent into a [`Pickle`]: an arena of nodes with integer handles, checked against [`Limits`]. It does nothing
//! recursive, and allocates only in proportion to bytes that have come. [`encode`] and [`fragment`] write values in one of four [`Dialect`]s.

mod arena;
mod calls;
mod check;
mod decode;
mod dialect;
pub(crate) mod encode;
mod limits;
mod text;
mod view;

pub use decode::Decoder;
pub use dialect::Dialect;
pub use encode::{encode, fragment};
pub use limits::{INTEGER_BYTES_MAX, Limits};
pub use view::{Kind, Pickle, View};

use crate::Value;

/// Why bytes are no pickle of data.
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
    /// A number, text or frame that is written wrongly.
    #[error("a malformed {0}")]
    Malformed(&'static str),
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
    Limit(&'static str),
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
