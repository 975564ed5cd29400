//! A bounded queue for password hashes, which run on threads that may block. It does not know what a password opens.

use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism, time::Instant};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinError,
};
use tracing::Span;

use crate::{
    Config,
    password::{self, Memory},
};

/// Hashes passwords, a few at once.
#[derive(Debug)]
pub(crate) struct Hasher {
    /// One permit for each hash that runs or waits.
    places: Arc<Semaphore>,
    /// One permit for each hash that runs.
    turns: Arc<Semaphore>,
    /// What is verified for accounts that are not there.
    dummy: Arc<str>,
    /// Memory that no hash uses just now; there is never more than for those that may run.
    spare: Arc<Mutex<Vec<Memory>>>,
}

/// A place in the queue, good for one hash.
#[derive(Debug)]
pub(crate) struct Place {
    turns: Arc<Semaphore>,
    dummy: Arc<str>,
    spare: Arc<Mutex<Vec<Memory>>>,
    held: Held,
}

/// Gives the place back, and is counted while it is held.
#[derive(Debug)]
struct Held {
    _permit: OwnedSemaphorePermit,
    queued: metrics::Gauge,
}

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Password(#[from] password::Error),
    #[error("hashing was interrupted")]
    Interrupted(#[source] JoinError),
}

/// What a hash is for; its text is a label of metrics.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    /// To be stored.
    Create,
    /// To be compared with an account's.
    Verify,
    /// To be compared with nobody's, so that it takes as long.
    Dummy,
}

impl Hasher {
    /// A hasher, once the hash for accounts that are not there is made.
    pub(crate) async fn new(config: &Config) -> Result<Self, Error> {
        let running = config
            .hashes_running_max
            .or_else(|| available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        let dummy = tokio::task::spawn_blocking(password::unknowable)
            .await
            .map_err(Error::Interrupted)??;
        let places = running
            .saturating_add(config.hashes_waiting_max)
            .min(Semaphore::MAX_PERMITS);
        Ok(Self {
            places: Arc::new(Semaphore::new(places)),
            turns: Arc::new(Semaphore::new(running.min(Semaphore::MAX_PERMITS))),
            dummy: dummy.into(),
            spare: Arc::default(),
        })
    }

    /// A place in the queue; None if it is full.
    pub(crate) fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let queued = metrics::gauge!("pymmorpg_auth_hashes_queued");
        queued.increment(1.0);
        Some(Place {
            turns: Arc::clone(&self.turns),
            dummy: Arc::clone(&self.dummy),
            spare: Arc::clone(&self.spare),
            held: Held {
                _permit: permit,
                queued,
            },
        })
    }
}

impl Place {
    /// Hashes a password to be stored.
    pub(crate) async fn hash(self, password: Vec<u8>) -> Result<String, Error> {
        self.run(Purpose::Create, move |memory, _| memory.hash(&password))
            .await
    }

    /// Whether a password is the one of a stored hash; without one it is not, which takes as long to find out.
    pub(crate) async fn verify(
        self,
        password: Vec<u8>,
        stored: Option<String>,
    ) -> Result<bool, Error> {
        match stored {
            Some(stored) => {
                self.run(Purpose::Verify, move |memory, _| {
                    memory.verify(&password, &stored)
                })
                .await
            }
            None => {
                self.run(Purpose::Dummy, move |memory, dummy| {
                    memory
                        .verify(&password, dummy)
                        .map(|_nobody_knows_it| false)
                })
                .await
            }
        }
    }

    async fn run<T: Send + 'static>(
        self,
        purpose: Purpose,
        work: impl FnOnce(&mut Memory, &str) -> Result<T, password::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Self {
            turns,
            dummy,
            spare,
            held,
        } = self;
        let turn = turns.acquire_owned().await.expect("nobody closes it");
        let span = Span::current();
        let duration =
            metrics::histogram!("pymmorpg_auth_hash_seconds", "purpose" => purpose.as_str());
        // The permits go along: a caller that gives up does not make room while the thread is busy.
        tokio::task::spawn_blocking(move || {
            let _held = (turn, held);
            span.in_scope(|| {
                let _span = tracing::debug_span!("hash", purpose = purpose.as_str()).entered();
                let started = Instant::now();
                let mut memory = spare.lock().pop().unwrap_or_default();
                let result = work(&mut memory, &dummy);
                spare.lock().push(memory);
                duration.record(started.elapsed().as_secs_f64());
                result
            })
        })
        .await
        .map_err(Error::Interrupted)?
        .map_err(Error::Password)
    }
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Verify => "verify",
            Self::Dummy => "dummy",
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.queued.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn hasher(running: usize, waiting: usize) -> Hasher {
        Hasher::new(&Config {
            hashes_running_max: NonZeroUsize::new(running),
            hashes_waiting_max: waiting,
            ..Config::default()
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn there_are_as_many_places_as_may_run_and_wait() {
        let hasher = hasher(1, 2).await;
        let mut places: Vec<_> = (0..3).map(|_| hasher.place().unwrap()).collect();
        assert!(hasher.place().is_none());
        let place = places.pop().unwrap();
        let _hash = place.hash(b"x".to_vec()).await.unwrap();
        assert!(hasher.place().is_some(), "a place that was used is free");
        drop(places);
        let again: Vec<_> = (0..4).map_while(|_| hasher.place()).collect();
        assert_eq!(again.len(), 3);
    }

    /// Paused time goes on when nothing else does: not while a hash runs, but while one waits.
    #[tokio::test(start_paused = true)]
    async fn no_more_run_than_may() {
        let hasher = hasher(1, 1).await;
        let running = Arc::clone(&hasher.turns).try_acquire_owned().unwrap();
        let mut waiting = std::pin::pin!(hasher.place().unwrap().hash(b"x".to_vec()));
        let hour = std::time::Duration::from_secs(3_600);
        let early = tokio::time::timeout(hour, waiting.as_mut()).await;
        assert!(early.is_err(), "it did not wait for its turn");
        drop(running);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_has_the_dummys_password() {
        let hasher = hasher(1, 0).await;
        let place = || hasher.place().unwrap();
        let stored = place().hash(b"x".to_vec()).await.unwrap();
        assert!(place().verify(b"x".to_vec(), Some(stored)).await.unwrap());
        assert!(!place().verify(b"x".to_vec(), None).await.unwrap());
    }
}
