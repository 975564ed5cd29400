//! A zone server: it owns regions, one task for each around [`world::region`], and speaks with gateways over gRPC. It does not know client sockets,
//! the frames of the client protocol, or how a region decides.
//!
//! In the order in which a player's request meets them: `service` reads a gateway's stream, `regions` has the mailboxes, an `actor` runs a
//! region, `rows` writes what must last, `ground` edits maps, `links` has what is queued for each gateway. Beside them: `recovery` claims
//! rows that nobody has, `roles` knows the game masters, `heartbeat` says that this server lives.

mod actor;
mod answer;
mod audit;
mod cli;
mod clock;
mod config;
mod count;
mod failures;
mod ground;
mod heartbeat;
pub mod holdings;
mod links;
mod lives;
mod neighbours;
mod outage;
mod peers;
mod recovery;
mod regions;
mod roles;
pub mod rows;
mod scene;
mod serve;
mod server;
mod service;
#[cfg(test)]
mod testing;
mod trust;
mod whereabouts;
#[cfg(test)]
#[path = "../tests/zone/yard.rs"]
mod yard;

pub use cli::{main, settle_advertised};
pub use config::Config;
pub use holdings::keeper::NotDrained;
pub use serve::{Error, serve};
