//! The command: the whole cluster in one process, worlds checked and published, accounts administered. It knows nothing of the inside of the
//! services that it runs.

mod account;
mod cli;
mod data;
mod up;
mod utc;
mod world;

pub use cli::main;
