//! The gateway: it owns client connections, answers reads itself and routes writes. How a region decides is not its to know.
//!
//! In the order in which a request's bytes meet them: [`listener`] accepts, [`connection`] owns a socket, [`request`] says what a message comes to,
//! [`session`] decides what is under way; [`login`] asks who somebody is; reads are answered by [`replica`], [`maps`] and [`image`]; writes go by
//! [`router`], which reads from [`holders`] where to, and [`zone_link`]; what comes back finds its session in [`registry`]; [`flags`] are added to
//! replies. [`served`] follows what is published, [`presence`] says who is here, [`counters`] count, [`throttle`] keeps warnings few, and [`grpc`]
//! alone knows how all that is put into protobuf.

mod cli;
mod config;
mod connection;
mod counters;
mod flags;
mod grpc;
pub mod holders;
mod image;
mod listener;
mod login;
mod maps;
mod presence;
mod registry;
mod replica;
pub mod request;
mod router;
mod served;
mod service;
pub mod session;
#[cfg(test)]
mod testing;
mod throttle;
mod zone_link;
pub mod zone_message;

pub use cli::main;
pub use config::{Config, Networks};
pub use service::{Error, Peers, serve};
