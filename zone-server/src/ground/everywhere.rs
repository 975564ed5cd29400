//! Waiting until every zone server has a version of the maps in force: what each says so of itself is in the directory. Nobody is asked.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::server::Server;

/// How often the directory is read.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long it is waited. A server that does not follow for so long cannot reach the database, and does not count as alive soon.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whether every zone server that lives has a version in force, at the end of the wait if not before.
pub(super) async fn is_served(server: &Server, version: u64) -> bool {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let next = Instant::now() + INTERVAL;
        match server.store.directory().live().await {
            Ok(live) if live.iter().all(|other| other.map >= version) => return true,
            Ok(_) => {}
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the list of zone servers cannot be read"
            ),
        }
        if next > deadline {
            return false;
        }
        sleep_until(next).await;
    }
}
