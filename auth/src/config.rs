//! What an operator may set of the auth service.

use std::{net::SocketAddr, num::NonZeroUsize};

use serde::{Deserialize, Serialize};

/// Settings of the auth service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where its process listens, for whoever binds its socket. None: as that says.
    pub listen: Option<SocketAddr>,
    /// How many passwords are hashed at once, each of which takes one processor and 19 MiB for some 40 ms. None: one for each processor.
    pub hashes_running_max: Option<NonZeroUsize>,
    /// How many requests wait for their turn to hash. Further ones are told that the service is busy. With the default, two processors and 40 ms
    /// for a hash nobody waits longer than 3 s.
    pub hashes_waiting_max: usize,
    /// How long a session is known without being noted again by its gateway, in milliseconds.
    pub session_ttl_ms: u64,
}

/// The default of [`Config::hashes_waiting_max`].
const HASHES_WAITING_MAX: usize = 128;

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: None,
            hashes_running_max: None,
            hashes_waiting_max: HASHES_WAITING_MAX,
            session_ttl_ms: 60_000,
        }
    }
}
