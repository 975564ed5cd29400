//! The client protocol: frame, pickle, command, reply. No I/O.

pub mod value;
pub use value::Value;
