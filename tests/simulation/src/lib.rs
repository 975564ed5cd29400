//! Many zone servers and gateways in one thread, in virtual time, with everything that can fail failing: which of the promises of DESIGN's "Truth,
//! and who may write it" hold then. The rules are the product's own; the database, the network and the players are made up here. A seed is a run.

pub mod campaign;
pub mod chance;
pub mod database;
mod describe;
pub mod desk;
mod ends;
pub mod faults;
pub mod gateways;
pub mod mutant;
pub mod network;
pub mod players;
pub mod run;
pub mod schedule;
pub mod shared;
pub mod statement;
pub mod watch;
mod wrong;
pub mod yard;
pub mod zone;
