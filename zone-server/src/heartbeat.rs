//! The zone server's word that it is alive: sent every half second, and at once when it has something new to say of itself. When the database does
//! not acknowledge it for too long, nobody may speak for this server any more.

use std::{sync::Arc, time::Duration};

use runtime::shutdown::Shutdown;
use store::directory::{HEARTBEAT_INTERVAL, ZoneServer};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

use crate::server::Server;

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

/// Says so once, and waits until it counts.
///
/// # Errors
/// The database does not acknowledge it.
pub(crate) async fn say(server: &Server) -> Result<(), store::Error> {
    let sent = Instant::now();
    let me = server.standing.get();
    server.store.directory().heartbeat(me).await?;
    server.trust.acknowledged(sent);
    Ok(())
}

/// Says so until told to stop. When an operator has asked for it, it asks for the `end` of the process.
pub(crate) async fn run(server: Arc<Server>, end: Shutdown, stop: Shutdown) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(HEARTBEAT_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut standing = server.standing.0.subscribe();
    let mut sent = Instant::now();
    let mut beat = None;
    let mut is_unsaid = false;
    let mut has_failed = false;
    loop {
        if is_unsaid && beat.is_none() {
            interval.reset_immediately();
            is_unsaid = false;
        }
        let lapse = server.trust.until();
        tokio::select! {
            () = stop.triggered() => return Ok(()),
            () = tokio::time::sleep_until(lapse.unwrap_or(sent)), if lapse.is_some() => server.trust.expire(),
            Ok(()) = standing.changed() => is_unsaid = true,
            _ = interval.tick(), if beat.is_none() => {
                sent = Instant::now();
                let (store, me) = (server.store.clone(), standing.borrow_and_update().clone());
                beat = Some(Box::pin(async move { store.directory().heartbeat(me).await }));
            }
            answer = answered(beat.as_mut(), sent), if beat.is_some() => {
                beat = None;
                match answer {
                    Ok(is_drain_requested) => {
                        server.trust.acknowledged(sent);
                        has_failed = false;
                        if is_drain_requested && !end.is_triggered() {
                            tracing::info!("an operator wants the regions handed over, and the process to stop");
                            end.trigger();
                        }
                    }
                    Err(error) => {
                        server.trust.missed();
                        if !std::mem::replace(&mut has_failed, true) && !server.trust.is_alone() {
                            tracing::warn!(error = &error as &dyn std::error::Error, "a heartbeat is not acknowledged");
                        }
                    }
                }
            }
        }
    }
}

/// Why a heartbeat does not count.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("the database has refused it")]
    Refused(#[source] store::Error),
    #[error("the database has not answered within {ANSWER_TIMEOUT:?}")]
    Late,
}

/// Waits for the answer to a heartbeat that was sent then.
async fn answered(
    beat: Option<impl Future<Output = Result<bool, store::Error>> + Unpin>,
    sent: Instant,
) -> Result<bool, Unanswered> {
    let Some(beat) = beat else {
        return std::future::pending().await;
    };
    match tokio::time::timeout_at(sent + ANSWER_TIMEOUT, beat).await {
        Ok(answer) => answer.map_err(Unanswered::Refused),
        Err(_elapsed) => Err(Unanswered::Late),
    }
}
