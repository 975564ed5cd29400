//! A zone server as gateways know it: a real database in a folder of its own, and `zone.proto` over a socket.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where it finds something else than it expects"
)]

mod across;
mod attributes;
mod cluster;
mod content;
mod edits;
mod gateway;
mod life;
mod moves;
mod ownership;
mod pair;
mod protocol;
mod sessions;
mod swarm;
mod telemetry;
mod watch;
mod yard;
