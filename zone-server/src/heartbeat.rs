//! The zone server's word that it is alive. One whose word does not reach the database for too long is not ready.

use std::{sync::Arc, time::Duration};

use runtime::{health::Part, shutdown::Shutdown};
use store::directory::{HEARTBEAT_INTERVAL, ZoneServer};
use tokio::time::{Instant, MissedTickBehavior};

use crate::server::Server;

/// How old the last acknowledged heartbeat may be, counted from its sending: less than others wait before they take over.
const TRUST: Duration = Duration::from_millis(1_500);

/// Says so until told to stop.
pub(crate) async fn run(
    server: Arc<Server>,
    me: ZoneServer,
    health: Part,
    stop: Shutdown,
) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(HEARTBEAT_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_trusted = true;
    let mut acknowledged = Instant::now();
    let mut sent = Instant::now();
    let mut beat = None;
    loop {
        let distrust_at = acknowledged + TRUST;
        tokio::select! {
            () = stop.triggered() => return Ok(()),
            () = tokio::time::sleep_until(distrust_at), if is_trusted => {
                is_trusted = false;
                health.not_ready();
                tracing::warn!(since = ?TRUST, "the database does not acknowledge that we are alive");
            }
            _ = interval.tick(), if beat.is_none() => {
                sent = Instant::now();
                let (server, me) = (Arc::clone(&server), me.clone());
                beat = Some(Box::pin(async move { server.store.directory().heartbeat(me).await }));
            }
            answer = async { beat.as_mut().expect("only polled if there is one").await }, if beat.is_some() => {
                beat = None;
                match answer {
                    Ok(()) => {
                        acknowledged = sent;
                        if !is_trusted && acknowledged.elapsed() < TRUST {
                            is_trusted = true;
                            health.ready();
                            tracing::info!("the database acknowledges us again");
                        }
                    }
                    Err(error) => tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a heartbeat failed"
                    ),
                }
            }
        }
    }
}
