//! What an operator may set of a zone server.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Settings of a zone server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where its process listens, for whoever binds its socket. None: as that says.
    pub listen: Option<SocketAddr>,
    /// Where gateways reach it, such as `http://10.0.0.7:7800`; `{hostname}` in it is the name of its host. None: at the address that it listens on, which must be one then.
    pub advertise: Option<String>,
    /// How often a quiet gateway is asked whether it is there, in milliseconds.
    pub keep_alive_interval_ms: u64,
    /// How long it may take to say so, in milliseconds. After that its stream is closed; its characters stay for 10 s more.
    pub keep_alive_timeout_ms: u64,
    /// How long regions may take to save and release everything when the server stops, in milliseconds.
    pub drain_timeout_ms: u64,
    /// Whether no other zone server can have its database: then a database that is busy costs it no trust. Not for operators: whoever holds the lock on
    /// an embedded database knows it.
    #[serde(skip)]
    pub is_alone: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: None,
            advertise: None,
            keep_alive_interval_ms: 2_000,
            keep_alive_timeout_ms: 3_000,
            drain_timeout_ms: 10_000,
            is_alone: false,
        }
    }
}
