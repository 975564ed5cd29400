//! The data that clients and server exchange: what a pickle may hold, as a tree.

use num_bigint::BigInt;

/// One piece of Python data. Trees are as deep as the limits of [`crate::pickle`] let them be, so plain recursion over
/// one is safe; nothing outside this crate builds a deeper one.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` that fits.
    Int(i64),
    /// An `int` that does not fit [`Value::Int`], never one that does.
    BigInt(Box<BigInt>),
    /// A `float`.
    Float(f64),
    /// A `str`, or a Python 2 byte string that is valid UTF-8.
    Str(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `bytearray`.
    ByteArray(Vec<u8>),
    /// `list`.
    List(Vec<Value>),
    /// `tuple`.
    Tuple(Vec<Value>),
    /// `dict`, in the order of insertion, keys unique and hashable.
    Dict(Vec<(Value, Value)>),
    /// `set`.
    Set(Vec<Value>),
    /// `frozenset`.
    FrozenSet(Vec<Value>),
}
