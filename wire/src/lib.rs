//! The client protocol: frame, pickle, command, reply. No I/O, and no knowledge of the game.
//!
//! In the order in which a request's bytes meet them: [`frame`] cuts messages out of a stream, [`pickle`] decodes one, [`command`]
//! says what it asks for, [`reply`] writes the answer. [`value`] is the data in all of them.

pub mod command;
pub mod frame;
pub mod pickle;
pub mod reply;
pub mod value;

pub use pickle::Dialect;
pub use value::Value;
