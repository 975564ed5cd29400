//! Many zone servers and gateways in one thread, in virtual time, with everything that can fail failing: which of the promises of DESIGN's "Truth,
//! and who may write it" hold then. The rules are the product's own; the database, the network and the players are made up here. A seed is a run.

pub mod chance;
pub mod schedule;
