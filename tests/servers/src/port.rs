//! Ports, and waiting for a server behind one.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// A port that nobody listens at now.
pub(crate) fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    address.port()
}

/// Waits until a server is ready, and fails with what it has said if that takes too long.
pub(crate) fn wait_until(what: &str, mut is_ready: impl FnMut() -> bool, log: impl Fn() -> String) {
    let deadline = Instant::now() + START_TIMEOUT;
    while !is_ready() {
        assert!(
            Instant::now() < deadline,
            "{what} does not start:\n{}",
            log()
        );
        std::thread::sleep(PAUSE);
    }
}
