//! The command: the whole cluster in one process, worlds checked and published, accounts administered, clusters looked at
//! and tended, all that lasts backed up and restored. It knows nothing of the inside of the
//! services that it runs.

mod account;
mod backup;
mod cli;
mod cluster;
mod data;
mod up;
mod utc;
mod world;
mod zone;

pub use cli::main;
