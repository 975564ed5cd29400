//! Which flags a connection has to be sent, and the note of it that outlives the connection (PROTOCOL, "Flags"). It does not know what a map is.

use std::{
    collections::HashMap,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use runtime::shutdown::Shutdown;
use store::Store;
use wire::reply::Flag;

use crate::throttle::Throttle;

/// The versions that clients are told of, as this gateway serves them.
#[derive(Debug, Default)]
pub(crate) struct Current {
    map: AtomicU64,
    client: AtomicU64,
}

impl Current {
    /// Publishes new versions. They never go back.
    pub(crate) fn raise(&self, map: u64, client: u64) {
        self.map.fetch_max(map, Ordering::Relaxed);
        self.client.fetch_max(client, Ordering::Relaxed);
    }

    fn map(&self) -> u64 {
        self.map.load(Ordering::Relaxed)
    }

    fn client(&self) -> u64 {
        self.client.load(Ordering::Relaxed)
    }
}

/// What one connection has been told.
#[derive(Debug)]
pub(crate) struct Told {
    map: u64,
    client: u64,
    /// The map version of the last `map` flag on this connection, whoever was logged in.
    flagged_map: u64,
    /// A map version that the character's player was told of and that is not noted yet.
    unnoted: Option<u64>,
}

/// At most one flag of each kind.
pub(crate) type Flags = ([Flag; 2], usize);

impl Told {
    /// A new connection: what has changed before it is no news to it.
    pub(crate) fn new(current: &Current) -> Self {
        Self {
            map: current.map(),
            client: current.client(),
            flagged_map: 0,
            unnoted: None,
        }
    }

    /// A character has come whose player was last told of this map version.
    pub(crate) fn login(&mut self, map_told: u64) {
        self.map = map_told.max(self.flagged_map);
        self.unnoted = Some(self.flagged_map).filter(|flagged| *flagged > map_told);
    }

    /// The flags of the reply that goes out now.
    pub(crate) fn flags(&mut self, current: &Current, has_character: bool) -> Flags {
        let mut flags = ([Flag::Map; 2], 0);
        let map = current.map();
        if map > self.map {
            self.map = map;
            self.flagged_map = map;
            self.unnoted = has_character.then_some(map);
            flags.0[flags.1] = Flag::Map;
            flags.1 += 1;
        }
        let client = current.client();
        if client > self.client {
            self.client = client;
            flags.0[flags.1] = Flag::Client;
            flags.1 += 1;
        }
        flags
    }

    /// The map version to note with the character, once the reply that told of it has left.
    pub(crate) fn take_unnoted(&mut self) -> Option<u64> {
        self.unnoted.take()
    }
}

/// How often notes are written: together, because one commit serves all players.
const NOTE_INTERVAL: Duration = Duration::from_secs(1);

/// Notes, with the characters, which map version their players were told of. A note that is lost makes a flag come twice, never not at all.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Unwritten>);

/// By [`world::name::key`]; bounded by the players who log in within a [`NOTE_INTERVAL`], or while the database does not answer.
#[derive(Debug, Default)]
struct Unwritten {
    waiting: HashMap<Arc<str>, u64>,
    /// Those that are being written now.
    writing: HashMap<Arc<str>, u64>,
}

impl Notes {
    /// Notes a version for a character.
    pub(crate) fn note(&self, key: Arc<str>, map: u64) {
        let mut unwritten = self.0.lock();
        let entry = unwritten.waiting.entry(key).or_default();
        *entry = map.max(*entry);
    }

    /// What is noted of a character and may not be written yet; 0: nothing. Whoever asks before reading what is written misses nothing.
    pub(crate) fn noted(&self, key: &str) -> u64 {
        let unwritten = self.0.lock();
        let maps = [&unwritten.waiting, &unwritten.writing].map(|notes| notes.get(key).copied());
        maps.into_iter().flatten().max().unwrap_or(0)
    }

    /// Writes notes until the shutdown, and then what is left.
    pub(crate) async fn keep(
        self: Arc<Self>,
        store: Store,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        let warnings = Throttle::default();
        while !shutdown.is_triggered() {
            tokio::select! {
                () = tokio::time::sleep(NOTE_INTERVAL) => {}
                () = shutdown.triggered() => {}
            }
            self.write(&store, &warnings).await;
        }
        Ok(())
    }

    async fn write(&self, store: &Store, warnings: &Throttle) {
        let told: Vec<(String, u64)> = {
            let mut unwritten = self.0.lock();
            unwritten.writing = std::mem::take(&mut unwritten.waiting);
            let notes = unwritten.writing.iter();
            notes.map(|(key, map)| (key.to_string(), *map)).collect()
        };
        if told.is_empty() {
            return;
        }
        let result = store.accounts().told(told).await;
        let writing = std::mem::take(&mut self.0.lock().writing);
        if let Err(error) = result {
            if warnings.is_due() {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what players were told is not noted yet"
                );
            }
            for (key, map) in writing {
                self.note(key, map);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current(map: u64, client: u64) -> Current {
        let current = Current::default();
        current.raise(map, client);
        current
    }

    fn flags(told: &mut Told, current: &Current, has_character: bool) -> Vec<Flag> {
        let (flags, count) = told.flags(current, has_character);
        flags[..count].to_vec()
    }

    #[test]
    fn several_changes_make_one_flag_and_none_comes_twice() {
        let current = current(5, 1);
        let mut told = Told::new(&current);
        assert_eq!(flags(&mut told, &current, false), []);
        current.raise(6, 1);
        current.raise(8, 2);
        assert_eq!(flags(&mut told, &current, false), [Flag::Map, Flag::Client]);
        assert_eq!(flags(&mut told, &current, false), []);
        assert_eq!(told.take_unnoted(), None, "nobody is logged in");
        current.raise(8, 3);
        assert_eq!(flags(&mut told, &current, false), [Flag::Client]);
    }

    #[test]
    fn a_character_hears_what_changed_while_it_was_away() {
        let current = current(5, 1);
        let mut told = Told::new(&current);
        told.login(3);
        assert_eq!(flags(&mut told, &current, true), [Flag::Map]);
        assert_eq!(told.take_unnoted(), Some(5));
        assert_eq!(told.take_unnoted(), None);
        told.login(5);
        assert_eq!(flags(&mut told, &current, true), []);
        assert_eq!(told.take_unnoted(), None);
    }

    #[test]
    fn a_connection_that_was_told_before_the_login_is_not_told_again() {
        let current = current(5, 1);
        let mut told = Told::new(&current);
        current.raise(6, 1);
        assert_eq!(flags(&mut told, &current, false), [Flag::Map]);
        told.login(3);
        assert_eq!(flags(&mut told, &current, true), []);
        assert_eq!(
            told.take_unnoted(),
            Some(6),
            "but it is noted with the character"
        );
    }

    #[test]
    fn a_version_that_this_gateway_has_not_seen_yet_is_no_news_when_it_does() {
        let current = current(5, 1);
        let mut told = Told::new(&current);
        told.login(6);
        assert_eq!(flags(&mut told, &current, true), []);
        current.raise(6, 1);
        assert_eq!(flags(&mut told, &current, true), []);
    }

    #[test]
    fn notes_keep_the_highest() {
        let notes = Notes::default();
        notes.note(Arc::from("anna"), 5);
        notes.note(Arc::from("anna"), 4);
        assert_eq!((notes.noted("anna"), notes.noted("bert")), (5, 0));
    }
}
