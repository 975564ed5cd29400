//! Accounts and the sessions that begin with them, over gRPC. It does not know the world that they play in.
//!
//! In the order in which credentials meet them: the service answers RPCs, the registrar decides, the hasher has a bounded queue for
//! [`password`]s, and the store keeps what lasts.

mod cli;
mod config;
mod hasher;
pub mod password;
mod registrar;
mod serve;
mod service;
mod settings;

pub use cli::main;
pub use config::Config;
pub use serve::{Error, serve};
