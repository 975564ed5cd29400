//! Who is a game master: read again each second, so that `pymmorpg account grant` counts within one.

use std::{sync::Arc, time::Duration};

use runtime::shutdown::Shutdown;
use tokio::time::MissedTickBehavior;

use crate::{outage::Outage, server::Server};

/// How often roles are read (DESIGN, "Presence and sessions").
const INTERVAL: Duration = Duration::from_secs(1);

/// Reads them until told to stop.
pub(crate) async fn run(server: Arc<Server>, stop: Shutdown) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let outage = Outage::default();
    loop {
        tokio::select! {
            () = stop.triggered() => return Ok(()),
            _ = interval.tick() => {}
        }
        match server.store.accounts().game_masters().await {
            Ok(game_masters) => {
                if outage.ends() {
                    tracing::info!("roles are read again");
                }
                if game_masters != **server.game_masters.load() {
                    server.game_masters.store(Arc::new(game_masters));
                }
            }
            Err(error) if outage.begins() => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "roles cannot be read; they stay as they were"
            ),
            Err(_) => {}
        }
    }
}
