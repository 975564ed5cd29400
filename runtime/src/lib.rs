//! How any of our processes starts, is watched and stops. It does not know what the process does.
//!
//! In the order in which a process meets them: [`settings`] are read, [`telemetry`] begins, [`tasks`] run, [`health`] says when they are ready,
//! [`admin`] shows it, [`trace`] follows requests through them, and [`shutdown`] ends them. [`process`] puts these together.

pub mod admin;
pub mod health;
pub mod process;
pub mod settings;
pub mod shutdown;
pub mod tasks;
pub mod telemetry;
pub mod trace;

/// What every service is handed at its start.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// When to stop.
    pub shutdown: shutdown::Shutdown,
    /// What asks the whole process to stop, as a signal does: its services stop in their order.
    pub end: shutdown::Shutdown,
    /// Where operators look, if anywhere.
    pub admin: Option<std::net::SocketAddr>,
    /// Where to say that it is ready.
    pub health: health::Health,
}
