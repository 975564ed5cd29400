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
    known: Mutex<Known>,
}

/// Up to so many sessions nobody looks for those that have timed out. After a look, as many again have to come before the next: it costs little for
/// each of them, however many there are.
const SWEEP_AT: usize = 10_000;

#[derive(Debug, Default)]
struct Known {
    by_key: HashMap<String, (Session, Instant)>,
    /// How many stayed at the last look.
    stayed: usize,
}

impl Known {
    fn sweep(&mut self, now: Instant) {
        if self.by_key.len() >= SWEEP_AT.max(2 * self.stayed) {
            self.by_key.retain(|_, (_, end)| *end > now);
            self.stayed = self.by_key.len();
        }
    }
}

impl InMemory {
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
            let mut known = self.lock();
            known.sweep(now);
            let key = world::name::key(name);
            let is_newer = known
                .by_key
                .get(&key)
                .is_none_or(|(other, end)| *end <= now || other.generation <= session.generation);
            if is_newer {
                known.by_key.insert(key, (session, now + ttl));
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Session>, Error>> {
        Box::pin(async move {
            let now = Instant::now();
            Ok(self
                .lock()
                .by_key
                .get(&world::name::key(name))
                .filter(|(_, end)| *end > now)
                .map(|(session, _)| session.clone()))
        })
    }

    fn remove<'a>(&'a self, name: &'a str, generation: u64) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let key = world::name::key(name);
            let by_key = &mut self.lock().by_key;
            if by_key
                .get(&key)
                .is_some_and(|(session, _)| session.generation == generation)
            {
                by_key.remove(&key);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_have_timed_out_are_forgotten_without_a_look_at_all_of_them_each_time() {
        let begin = Instant::now();
        let mut known = Known::default();
        let mut looks = 0;
        for n in 0..100_000_u64 {
            let now = begin + Duration::from_millis(n);
            let before = known.by_key.len();
            known.sweep(now);
            looks += usize::from(known.by_key.len() < before);
            let session = Session {
                gateway: String::new(),
                generation: n,
            };
            let end = now + Duration::from_secs(8);
            known.by_key.insert(n.to_string(), (session, end));
            // Of the last eight seconds, and as many again.
            assert!(known.by_key.len() <= 20_000);
        }
        assert!((5..=20).contains(&looks), "{looks} looks");
    }
}
