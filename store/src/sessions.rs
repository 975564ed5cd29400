//! Who is logged in where. A hint for finding a player's gateway: generations in SQL decide whose session counts.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;

use crate::error::Error;

/// A session, as it is announced to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The gateway that holds the connection.
    pub gateway: String,
    /// The session's generation.
    pub generation: u64,
}

/// The sessions of all players. The embedded form is [`InMemory`]; [`crate::redis`] has another.
pub trait Sessions: Send + Sync + std::fmt::Debug {
    /// Notes a session for some time, unless one of a higher generation is noted.
    fn put<'a>(
        &'a self,
        name: &'a str,
        session: Session,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>>;
    /// The session of a name, if one is noted.
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Session>, Error>>;
    /// Forgets a session, if it is still that of this generation.
    fn remove<'a>(&'a self, name: &'a str, generation: u64) -> BoxFuture<'a, Result<(), Error>>;
}

/// Sessions within one process.
#[derive(Debug, Default)]
pub struct InMemory {
    by_key: Mutex<HashMap<String, (Session, Instant)>>,
}

/// Above this many sessions, those that have timed out are looked for and forgotten at each `put`.
const SWEEP_AT: usize = 10_000;

impl InMemory {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Session, Instant)>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions for InMemory {
    fn put<'a>(
        &'a self,
        name: &'a str,
        session: Session,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let now = Instant::now();
            let mut all = self.lock();
            if all.len() > SWEEP_AT {
                all.retain(|_, (_, end)| *end > now);
            }
            let key = world::name::key(name);
            let is_newer = all
                .get(&key)
                .is_none_or(|(known, end)| *end <= now || known.generation <= session.generation);
            if is_newer {
                all.insert(key, (session, now + ttl));
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Session>, Error>> {
        Box::pin(async move {
            let now = Instant::now();
            Ok(self
                .lock()
                .get(&world::name::key(name))
                .filter(|(_, end)| *end > now)
                .map(|(session, _)| session.clone()))
        })
    }

    fn remove<'a>(&'a self, name: &'a str, generation: u64) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let key = world::name::key(name);
            let mut all = self.lock();
            if all
                .get(&key)
                .is_some_and(|(session, _)| session.generation == generation)
            {
                all.remove(&key);
            }
            Ok(())
        })
    }
}
