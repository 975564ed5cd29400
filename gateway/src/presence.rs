//! The list of who is logged in here, kept alive where others look for it. A hint: generations in SQL decide whose session counts.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use runtime::shutdown::Shutdown;
use store::sessions::{Session, Sessions};
use tokio::sync::Notify;

use crate::{
    counters::Counters,
    zone_message::{Character, SessionNumber},
};

/// How often all sessions are noted again.
const RENEW_INTERVAL: Duration = Duration::from_secs(10);
/// How long a note lives: two renewals may fail.
const TTL: Duration = Duration::from_secs(35);

/// The sessions of this gateway.
#[derive(Debug)]
pub(crate) struct Presence {
    gateway: String,
    here: Mutex<HashMap<SessionNumber, Character>>,
    /// Whose notes are to be removed; bounded by those who leave while the last are.
    gone: Mutex<Vec<Character>>,
    has_gone: Notify,
    sessions: Arc<dyn Sessions>,
    counters: Arc<Counters>,
}

impl Presence {
    /// Nobody is here.
    pub(crate) fn new(
        gateway: String,
        sessions: Arc<dyn Sessions>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            gateway,
            here: Mutex::default(),
            gone: Mutex::default(),
            has_gone: Notify::new(),
            sessions,
            counters,
        }
    }

    /// A session has begun. The account service has noted it; from now on it is kept alive.
    pub(crate) fn begun(&self, character: Character) {
        let mut here = self.here.lock();
        here.insert(character.number, character);
        self.count(here.len());
    }

    /// A session has ended.
    pub(crate) fn ended(&self, character: &Character) {
        let mut here = self.here.lock();
        here.remove(&character.number);
        self.count(here.len());
        drop(here);
        self.gone.lock().push(character.clone());
        self.has_gone.notify_one();
    }

    /// Keeps the notes alive, until the shutdown.
    pub(crate) async fn keep(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        let mut renewal = tokio::time::interval(RENEW_INTERVAL);
        renewal.tick().await;
        while !shutdown.is_triggered() {
            tokio::select! {
                _ = renewal.tick() => self.renew().await,
                () = self.has_gone.notified() => {}
                () = shutdown.triggered() => {}
            }
            self.remove_gone().await;
        }
        Ok(())
    }

    async fn renew(&self) {
        let here: Vec<Character> = self.here.lock().values().cloned().collect();
        for character in here {
            let session = Session {
                gateway: self.gateway.clone(),
                generation: character.generation,
            };
            if let Err(error) = self.sessions.put(&character.name, session, TTL).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "sessions are not noted now"
                );
                return;
            }
        }
    }

    /// A note that is not removed times out.
    async fn remove_gone(&self) {
        let gone = std::mem::take(&mut *self.gone.lock());
        for character in gone {
            let removed = self
                .sessions
                .remove(&character.name, character.generation)
                .await;
            if let Err(error) = removed {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a session is still noted"
                );
            }
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge of counts far below 2^53"
    )]
    fn count(&self, player_count: usize) {
        self.counters.players.set(player_count as f64);
    }
}
