//! Which commands an entity has already undergone, so that none takes effect twice or is answered in two ways. Stored in the entity's own row.

use std::collections::BTreeMap;

use wire::{Dialect, Value, pickle};

/// The name of a command, for ever: the generation of its author's session, and the session's count of commands from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CommandId {
    /// The session's generation.
    pub generation: u64,
    /// The session's count of commands, from 1.
    pub counter: u64,
}

/// How long an entry is kept, in milliseconds: longer than any gateway repeats a command (DESIGN, "Exactly once").
pub const KEPT_MS: u64 = 60_000;

/// How many authors a row remembers: more than can hit one monster in a minute, and few enough to be written with each of its changes (60 bytes each).
/// While there are as many, another author's command waits until the oldest is forgotten: none is forgotten before its time, or it could be done twice.
pub const AUTHORS_MAX: usize = 1_024;

/// The last durable command of each author that changed the entity; and which steps of its own player it did not take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    by_author: BTreeMap<String, Entry>,
    refused_steps: u128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    id: CommandId,
    reply: bool,
    at_ms: u64,
}

impl Entry {
    fn is_kept(&self, now_ms: u64) -> bool {
        self.at_ms.saturating_add(KEPT_MS) > now_ms
    }
}

/// What is known of a command that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It has had no effect yet.
    New,
    /// It took effect before, and this was its reply.
    Repeat(bool),
    /// A later one of its author took effect: the author no longer waits for this one.
    Stale,
}

/// Bytes that are no stored list of applied commands.
#[derive(Debug, thiserror::Error)]
#[error("the stored list of applied commands cannot be read")]
pub struct Error;

impl Applied {
    /// Looks a command up. `author` is a [`crate::name::key`].
    #[must_use]
    pub fn seen(&self, author: &str, id: CommandId) -> Seen {
        match self.by_author.get(author) {
            Some(entry) if entry.id == id => Seen::Repeat(entry.reply),
            Some(entry) if entry.id > id => Seen::Stale,
            _ => Seen::New,
        }
    }

    /// Whether an author's command can be recorded now.
    #[must_use]
    pub fn has_room(&self, author: &str, now_ms: u64) -> bool {
        if self.by_author.len() < AUTHORS_MAX || self.by_author.contains_key(author) {
            return true;
        }
        let kept = self
            .by_author
            .values()
            .filter(|entry| entry.is_kept(now_ms));
        kept.count() < AUTHORS_MAX
    }

    /// Notes that a command takes effect now, and forgets what is older than [`KEPT_MS`].
    pub fn record(&mut self, author: &str, id: CommandId, reply: bool, now_ms: u64) {
        self.by_author.retain(|_, entry| entry.is_kept(now_ms));
        self.by_author.insert(
            author.to_owned(),
            Entry {
                id,
                reply,
                at_ms: now_ms,
            },
        );
    }

    /// Which of the steps up to the last one that was taken were not: bit n stands for the n-th before it.
    #[must_use]
    pub fn refused_steps(&self) -> u128 {
        self.refused_steps
    }

    /// Notes which steps were not taken.
    pub fn note_refused_steps(&mut self, refused_steps: u128) {
        self.refused_steps = refused_steps;
    }

    /// The stored form: a pickle of `{author: (generation, counter, reply, milliseconds since 1970)}`, with the bits of refused steps under None, if
    /// there are any.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let int = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let entries = self
            .by_author
            .iter()
            .map(|(author, Entry { id, reply, at_ms })| {
                let entry = vec![
                    int(id.generation),
                    int(id.counter),
                    Value::Bool(*reply),
                    int(*at_ms),
                ];
                (Value::Str(author.clone()), Value::Tuple(entry))
            });
        let steps = (self.refused_steps != 0).then(|| {
            (
                Value::None,
                Value::Bytes(self.refused_steps.to_le_bytes().into()),
            )
        });
        pickle::encode(&Value::Dict(entries.chain(steps).collect()), Dialect::Four)
    }

    /// Reads the stored form. No bytes at all are an empty list.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let value = pickle::load(bytes, &pickle::Limits::stored()).map_err(|_| Error)?;
        let Value::Dict(entries) = value else {
            return Err(Error);
        };
        let mut applied = Self::default();
        for entry in entries {
            match entry {
                (Value::None, Value::Bytes(bits)) => {
                    let bits = bits.as_slice().try_into().map_err(|_| Error)?;
                    applied.refused_steps = u128::from_le_bytes(bits);
                }
                entry => {
                    let (author, entry) = entry_of(entry).ok_or(Error)?;
                    applied.by_author.insert(author, entry);
                }
            }
        }
        Ok(applied)
    }
}

fn entry_of((author, entry): (Value, Value)) -> Option<(String, Entry)> {
    let (Value::Str(author), Value::Tuple(parts)) = (author, entry) else {
        return None;
    };
    let [
        Value::Int(generation),
        Value::Int(counter),
        Value::Bool(reply),
        Value::Int(at_ms),
    ] = parts[..]
    else {
        return None;
    };
    let id = CommandId {
        generation: u64::try_from(generation).ok()?,
        counter: u64::try_from(counter).ok()?,
    };
    Some((
        author,
        Entry {
            id,
            reply,
            at_ms: u64::try_from(at_ms).ok()?,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(generation: u64, counter: u64) -> CommandId {
        CommandId {
            generation,
            counter,
        }
    }

    #[test]
    fn an_equal_command_repeats_a_lower_one_is_stale() {
        let mut applied = Applied::default();
        applied.record("anna", id(2, 5), true, 1_000);
        assert_eq!(applied.seen("anna", id(2, 5)), Seen::Repeat(true));
        assert_eq!(applied.seen("anna", id(2, 4)), Seen::Stale);
        assert_eq!(applied.seen("anna", id(1, 9)), Seen::Stale);
        assert_eq!(applied.seen("anna", id(3, 1)), Seen::New);
        assert_eq!(applied.seen("bert", id(2, 5)), Seen::New);
    }

    #[test]
    fn nobody_is_forgotten_for_another() {
        let mut applied = Applied::default();
        for author in 0..AUTHORS_MAX {
            assert!(applied.has_room("late", 0));
            applied.record(&format!("author {author}"), id(1, 1), true, author as u64);
        }
        assert!(!applied.has_room("late", KEPT_MS - 1));
        assert!(applied.has_room("author 7", KEPT_MS - 1));
        assert!(applied.has_room("late", KEPT_MS), "the first is forgotten");
        assert_eq!(Applied::decode(&applied.encode()).unwrap(), applied);
    }

    #[test]
    fn entries_are_kept_for_their_time_and_stored() {
        let mut applied = Applied::default();
        applied.record("anna", id(1, 1), false, 0);
        applied.record("bert", id(1, 1), true, KEPT_MS - 1);
        assert_eq!(applied.seen("anna", id(1, 1)), Seen::Repeat(false));
        applied.note_refused_steps(1 << 100 | 6);
        let mut read = Applied::decode(&applied.encode()).unwrap();
        assert_eq!(read, applied);
        read.record("bert", id(1, 2), true, KEPT_MS);
        assert_eq!(read.seen("anna", id(1, 1)), Seen::New);
        assert!(Applied::decode(b"nonsense").is_err());
        assert_eq!(Applied::decode(b"").unwrap(), Applied::default());
    }
}
