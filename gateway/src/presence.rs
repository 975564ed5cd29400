//! The list of who is logged in here, kept alive where others look for it. A hint: generations in SQL decide whose session counts.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{TryStreamExt, stream};
use parking_lot::Mutex;
use runtime::shutdown::Shutdown;
use store::sessions::{Session, Sessions};
use tokio::sync::Notify;

use crate::{counters::Counters, throttle::Throttle, zone_message::Character};

/// How often all sessions are noted again.
const RENEW_INTERVAL: Duration = Duration::from_secs(10);
/// How long a note lives: two renewals may fail.
const TTL: Duration = Duration::from_secs(35);
/// How many notes are written at a time: as many as hide the way to Redis and back.
const CONCURRENCY: usize = 64;
/// How long one note may take. Redis answers within milliseconds, or is not there.
const NOTE_TIMEOUT: Duration = Duration::from_secs(1);

/// The sessions of this gateway.
#[derive(Debug)]
pub(crate) struct Presence {
    gateway: String,
    /// By [`world::name::key`]: of each character the newest session, so that one that was taken over is not noted again.
    here: Mutex<HashMap<Arc<str>, Character>>,
    /// Whose notes are to be removed; bounded by those who leave while the last are.
    gone: Mutex<Vec<Character>>,
    has_gone: Notify,
    sessions: Arc<dyn Sessions>,
    counters: Arc<Counters>,
    warnings: Throttle,
}

/// Why a session is not noted.
#[derive(Debug, thiserror::Error)]
enum Unnoted {
    /// The store says so.
    #[error("the note was not taken")]
    Failed(#[from] store::Error),
    /// The store says nothing.
    #[error("no answer within {} ms", NOTE_TIMEOUT.as_millis())]
    TimedOut,
}

async fn within(note: impl Future<Output = Result<(), store::Error>>) -> Result<(), Unnoted> {
    let done = tokio::time::timeout(NOTE_TIMEOUT, note).await;
    Ok(done.map_err(|_| Unnoted::TimedOut)??)
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
            warnings: Throttle::default(),
        }
    }

    /// A session has begun. The account service has noted it; from now on it is kept alive.
    pub(crate) fn begun(&self, character: Character) {
        let mut here = self.here.lock();
        let is_older = here
            .get(&character.key)
            .is_some_and(|other| other.generation > character.generation);
        if !is_older {
            here.insert(Arc::clone(&character.key), character);
        }
        self.count(here.len());
    }

    /// A session has ended, and with it the earlier ones of the character.
    pub(crate) fn ended(&self, character: &Character) {
        let mut here = self.here.lock();
        let is_newer = here
            .get(&character.key)
            .is_some_and(|other| other.generation > character.generation);
        if !is_newer {
            here.remove(&character.key);
        }
        self.count(here.len());
        drop(here);
        self.gone.lock().push(character.clone());
        self.has_gone.notify_one();
    }

    /// How many characters are here.
    pub(crate) fn count_here(&self) -> usize {
        self.here.lock().len()
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

    /// Notes all sessions. The first that fails ends it: the others would fail as well, and it is tried again soon enough.
    async fn renew(&self) {
        let here: Vec<Character> = self.here.lock().values().cloned().collect();
        let renewed = stream::iter(here.into_iter().map(Ok))
            .try_for_each_concurrent(CONCURRENCY, |character| self.note(character))
            .await;
        if let Err(error) = renewed
            && self.warnings.is_due()
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "sessions are not noted now"
            );
        }
    }

    async fn note(&self, character: Character) -> Result<(), Unnoted> {
        let session = Session {
            gateway: self.gateway.clone(),
            generation: character.generation,
        };
        within(self.sessions.put(&character.name, session, TTL)).await
    }

    /// A note that is not removed times out.
    async fn remove_gone(&self) {
        let gone = std::mem::take(&mut *self.gone.lock());
        let removed = stream::iter(gone.into_iter().map(Ok))
            .try_for_each_concurrent(CONCURRENCY, |character| async move {
                let remove = self.sessions.remove(&character.name, character.generation);
                within(remove).await
            })
            .await;
        if let Err(error) = removed {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "sessions that have ended are still noted"
            );
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::BoxFuture;
    use store::sessions::InMemory;

    use super::*;
    use crate::zone_message::SessionNumber;

    /// Takes its time for each note, and counts them.
    #[derive(Debug, Default)]
    struct Slow {
        takes: Duration,
        count: AtomicUsize,
    }

    impl Slow {
        fn note(&self) -> BoxFuture<'_, Result<(), store::Error>> {
            Box::pin(async move {
                tokio::time::sleep(self.takes).await;
                self.count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        }
    }

    impl Sessions for Slow {
        fn put<'a>(
            &'a self,
            _name: &'a str,
            _session: Session,
            _ttl: Duration,
        ) -> BoxFuture<'a, Result<(), store::Error>> {
            self.note()
        }

        fn get<'a>(
            &'a self,
            _name: &'a str,
        ) -> BoxFuture<'a, Result<Option<Session>, store::Error>> {
            Box::pin(async { Ok(None) })
        }

        fn remove<'a>(
            &'a self,
            _name: &'a str,
            _generation: u64,
        ) -> BoxFuture<'a, Result<(), store::Error>> {
            self.note()
        }
    }

    /// How long it takes to note a thousand sessions, and how many were noted.
    async fn noting(takes: Duration) -> (Duration, usize) {
        let slow = Arc::new(Slow {
            takes,
            ..Slow::default()
        });
        let counters = Arc::new(Counters::default());
        let presence = Presence::new("gateway".to_owned(), slow.clone(), counters);
        for number in 1..=1_000 {
            presence.begun(Character {
                key: Arc::from(format!("player {number}")),
                ..character(number)
            });
        }
        let began = tokio::time::Instant::now();
        presence.renew().await;
        (began.elapsed(), slow.count.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_sessions_are_noted_while_some_would_be_one_by_one() {
        let (took, count) = noting(Duration::from_millis(10)).await;
        assert_eq!(count, 1_000);
        assert!(took < Duration::from_millis(200), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_not_waited_for_a_thousand_times() {
        let (took, count) = noting(Duration::from_secs(3_600)).await;
        assert_eq!(count, 0);
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    fn character(generation: u64) -> Character {
        Character {
            number: SessionNumber(generation),
            name: Arc::from("Anna"),
            key: Arc::from("anna"),
            generation,
        }
    }

    /// The generations that are kept alive after sessions have begun (true) and ended.
    #[track_caller]
    fn check(events: &[(u64, bool)], expected: &[u64]) {
        let presence = Presence::new(
            "gateway".to_owned(),
            Arc::new(InMemory::default()),
            Arc::new(Counters::default()),
        );
        for &(generation, has_begun) in events {
            if has_begun {
                presence.begun(character(generation));
            } else {
                presence.ended(&character(generation));
            }
        }
        let here = presence.here.lock();
        let kept: Vec<u64> = here.values().map(|one| one.generation).collect();
        assert_eq!(kept, expected, "{events:?}");
    }

    #[test]
    fn a_character_is_here_once_and_gone_with_its_last_session() {
        check(&[(1, true), (2, true)], &[2]);
        check(&[(1, true), (2, true), (1, false)], &[2]);
        check(&[(1, true), (2, true), (2, false)], &[]);
        check(&[(1, true), (2, false)], &[]);
        check(&[(2, true), (1, true)], &[2]);
    }
}
