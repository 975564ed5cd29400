//! The zone server's word that it is alive: sent every half second, and at once when it has something new to say of itself. When the database does
//! not acknowledge it for too long, nobody may speak for this server any more.

use std::{sync::Arc, time::Duration};

use runtime::{health::Part, shutdown::Shutdown};
use store::directory::{HEARTBEAT_INTERVAL, ZoneServer};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

use crate::{count, server::Server, trust::TRUST};

/// How long a heartbeat may take before another is sent in its stead. One that is acknowledged later would hardly count.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// What the directory says of this server besides that it lives.
#[derive(Debug)]
pub(crate) struct Standing(watch::Sender<ZoneServer>);

impl Standing {
    /// As it begins.
    pub(crate) fn new(me: ZoneServer) -> Self {
        Self(watch::Sender::new(me))
    }

    /// What is said now.
    pub(crate) fn get(&self) -> ZoneServer {
        self.0.borrow().clone()
    }

    /// Whether the server gives its regions away.
    pub(crate) fn is_leaving(&self) -> bool {
        self.0.borrow().is_leaving
    }

    /// From now on the server gives its regions away.
    pub(crate) fn leave(&self) {
        self.0
            .send_if_modified(|me| !std::mem::replace(&mut me.is_leaving, true));
    }

    /// This version of the maps is in force in all its regions.
    pub(crate) fn serve_map(&self, version: u64) {
        self.0
            .send_if_modified(|me| std::mem::replace(&mut me.map, version) != version);
    }
}

/// Says so for the first time.
///
/// # Errors
/// The database does not acknowledge it.
pub(crate) async fn begin(server: &Server) -> Result<(), store::Error> {
    let sent = Instant::now();
    let me = server.standing.get();
    server.store.directory().heartbeat(me).await?;
    server.trust.acknowledged(sent);
    Ok(())
}

/// Says so until told to stop.
pub(crate) async fn run(server: Arc<Server>, health: Part, stop: Shutdown) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(HEARTBEAT_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut standing = server.standing.0.subscribe();
    let mut trusted = server.trust.changes();
    let mut sent = Instant::now();
    let mut beat = None;
    let mut is_unsaid = false;
    loop {
        if is_unsaid && beat.is_none() {
            interval.reset_immediately();
            is_unsaid = false;
        }
        let lapse = server.trust.until();
        tokio::select! {
            () = stop.triggered() => return Ok(()),
            () = tokio::time::sleep_until(lapse.unwrap_or(sent)), if lapse.is_some() => server.trust.expire(),
            Ok(()) = trusted.changed() => change(&server, &health, *trusted.borrow_and_update()),
            Ok(()) = standing.changed() => is_unsaid = true,
            _ = interval.tick(), if beat.is_none() => {
                sent = Instant::now();
                let (store, me) = (server.store.clone(), standing.borrow_and_update().clone());
                beat = Some(Box::pin(tokio::time::timeout(ANSWER_TIMEOUT, async move {
                    store.directory().heartbeat(me).await
                })));
            }
            answer = async { beat.as_mut().expect("only polled if there is one").await }, if beat.is_some() => {
                beat = None;
                match answer {
                    Ok(Ok(())) => server.trust.acknowledged(sent),
                    Ok(Err(error)) => {
                        server.trust.missed();
                        tracing::warn!(error = &error as &dyn std::error::Error, "a heartbeat failed");
                    }
                    Err(_elapsed) => {
                        server.trust.missed();
                        tracing::warn!(within = ?ANSWER_TIMEOUT, "a heartbeat is not acknowledged");
                    }
                }
            }
        }
    }
}

/// Trust has come, or gone: then whoever speaks with this server must speak with another.
fn change(server: &Server, health: &Part, is_trusted: bool) {
    count::trusted(is_trusted);
    if is_trusted {
        tracing::info!("the database acknowledges us, and our regions are ours");
        if !server.standing.is_leaving() {
            health.ready();
        }
    } else {
        health.not_ready();
        server.links.forget_all();
        tracing::warn!(since = ?TRUST, "the database does not acknowledge that we are alive");
    }
}
