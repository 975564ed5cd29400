//! The gateway's settings. What they protect is said here; how they do it, where they are used.

mod networks;

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

pub use networks::Networks;

/// What an operator may decide about a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where its process listens, for whoever binds its socket. None: as that says.
    pub listen: Option<SocketAddr>,
    /// The account service, for whoever names it to the gateway, as `http://host:port`. None: as that says.
    pub auth: Option<String>,
    /// Connections at once, in all. More are closed as they come.
    pub connection_count_max: usize,
    /// Connections at once from one address. By default no address can take more than half of all places.
    pub connections_per_address_max: usize,
    /// Proxies that say by the PROXY protocol, version 2, whom they bring: whoever connects from there must begin so. Nobody else may.
    pub proxy_protocol: Networks,
    /// The largest message that a client may send, in bytes.
    pub frame_bytes_max: usize,
    /// After this many bad messages in a row the connection is closed.
    pub bad_messages_max: u32,
    /// How long a message may take from its first byte to its last, in milliseconds.
    pub message_timeout_ms: u64,
    /// How long a client may be silent, in milliseconds. Players stand still for an hour; a client that has vanished is found sooner, by TCP keep-alive.
    pub idle_timeout_ms: u64,
    /// How long a client may take none of the bytes that wait for it, in milliseconds.
    pub write_timeout_ms: u64,
    /// How many bytes may wait for one client before no more of its requests are answered. One reply more than this can be waiting.
    pub output_bytes_max: usize,
    /// Messages of one connection in a second, after a burst of as many. Above it they are read later, not refused.
    pub messages_per_second_max: u32,
    /// Bytes of one connection in a second, after a burst of as many. Above it they are read later, not refused.
    pub bytes_per_second_max: u32,
    /// Requests of one connection that may be unanswered before no more are read.
    pub unanswered_count_max: usize,
    /// How long those who are connected when the gateway is asked to stop may play on, in milliseconds. Nobody else is let in meanwhile; it stops when
    /// the last has gone.
    pub linger_timeout_ms: u64,
    /// How long connections have, when the gateway stops, to be answered what was read of them, in milliseconds.
    pub drain_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: None,
            auth: None,
            connection_count_max: 20_000,
            connections_per_address_max: 10_000,
            proxy_protocol: Networks::default(),
            frame_bytes_max: wire::frame::FRAME_BYTES_MAX,
            bad_messages_max: 10,
            message_timeout_ms: 10_000,
            idle_timeout_ms: 7_200_000,
            write_timeout_ms: 10_000,
            output_bytes_max: 256 * 1024,
            messages_per_second_max: 10_000,
            bytes_per_second_max: 4 * 1024 * 1024,
            unanswered_count_max: 256,
            linger_timeout_ms: 0,
            drain_timeout_ms: 5_000,
        }
    }
}

impl Config {
    /// How long a gateway needs to stop.
    #[must_use]
    pub fn stop_within(&self) -> Duration {
        self.linger_timeout() + self.drain_timeout()
    }

    pub(crate) fn linger_timeout(&self) -> Duration {
        Duration::from_millis(self.linger_timeout_ms)
    }

    pub(crate) fn message_timeout(&self) -> Duration {
        Duration::from_millis(self.message_timeout_ms)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(crate) fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}
