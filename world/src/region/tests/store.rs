//! Rows in memory, and what is asked of them: the row protocol as the zone server speaks it, over a store that may lose, delay and repeat nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use super::yard::At;
use crate::{
    applied::{Applied, CommandId},
    entity::EntityState,
    position::Position,
    state_pickle,
};

/// A row, as the store would keep it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) claimed: Claimed,
    pub(super) region: RegionId,
    pub(super) present: bool,
    pub(super) owner: Option<i64>,
}

/// All rows, and the audit log.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) all: BTreeMap<String, Row>,
    pub(super) audit: BTreeSet<(String, CommandId)>,
    /// Edits that were refused for good.
    denied: BTreeSet<(String, CommandId)>,
    /// How many saves have found their row.
    pub(super) save_count: usize,
}

/// One thing that is asked of the store. Those that change a row are one transaction each.
#[derive(Debug, Clone)]
pub(super) enum Statement {
    /// Whether a session's character can be claimed here.
    Peek(Enter),
    /// Claim it as it was seen.
    Claim(Enter, u64),
    /// Claim for nobody, as it was seen.
    Adopt {
        key: String,
        seen: u64,
        session: Option<Session>,
    },
    /// See what became of a row.
    Recover {
        key: String,
        session: Option<Session>,
    },
    /// A row of ours that no region of ours is for.
    GiveUp {
        key: String,
        own: u64,
    },
    Save(Box<Save>),
    Spawn(Asker, Box<Claimed>, Audit),
    Despawn {
        key: String,
        own: u64,
        audit: Audit,
    },
    Note {
        key: String,
        own: u64,
    },
    Absent(Ask),
    WasDone(Asker),
}

impl Statement {
    /// Whose row it is about, if it may change it.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Claim(enter, _) => Some(&enter.key),
            Self::Adopt { key, .. }
            | Self::Recover { key, .. }
            | Self::GiveUp { key, .. }
            | Self::Despawn { key, .. } => Some(key),
            Self::Save(save) => Some(&save.key),
            Self::Spawn(_, row, _) => Some(&row.key),
            Self::Peek(_) | Self::Note { .. } | Self::Absent(_) | Self::WasDone(_) => None,
        }
    }

    /// Whether it changes a row; what does not is of no use to anybody but who asked.
    pub(super) fn is_write(&self) -> bool {
        self.key().is_some() && !matches!(self, Self::Recover { .. })
    }

    /// What is told to the region when nobody knows what became of it.
    pub(super) fn unknown(self, at: At) -> Option<(At, Input)> {
        let outcome = Outcome::Unknown;
        let input = match self {
            Self::Peek(enter) | Self::Claim(enter, _) => {
                Input::Entered(enter, ClaimOutcome::Failed)
            }
            Self::Save(save) => Input::Saved {
                key: save.key,
                own: save.own,
                outcome,
            },
            Self::Despawn { key, own, .. } | Self::Note { key, own } => {
                Input::Saved { key, own, outcome }
            }
            Self::Spawn(asker, row, _) => Input::Spawned(asker, row, outcome),
            Self::Adopt { .. }
            | Self::Recover { .. }
            | Self::GiveUp { .. }
            | Self::Absent(_)
            | Self::WasDone(_) => return None,
        };
        Some((at, input))
    }
}

impl Rows {
    /// Adds a character that is not in the world.
    pub(super) fn account(&mut self, key: &str, position: Position) {
        let claimed = Claimed {
            key: key.to_owned(),
            name: key.to_owned(),
            is_player: true,
            own: 1,
            generation: 0,
            moved: CommandId::default(),
            applied: Applied::default(),
            state: EntityState::at(position),
        };
        let row = Row {
            claimed,
            region: RegionId::of(position, 8),
            present: false,
            owner: None,
        };
        self.all.insert(key.to_owned(), row);
    }

    pub(super) fn claim(
        &mut self,
        key: &str,
        seen: u64,
        me: i64,
        generation: Option<u64>,
    ) -> Option<Claimed> {
        let row = self.all.get_mut(key)?;
        let is_earlier = generation.is_some_and(|one| one < row.claimed.generation);
        if row.claimed.own != seen || is_earlier {
            return None;
        }
        row.claimed.own += 1;
        row.owner = Some(me);
        if let Some(generation) = generation {
            row.claimed.generation = generation;
            row.present = true;
        }
        Some(row.claimed.clone())
    }

    pub(super) fn save(&mut self, save: &Save, me: i64) -> Outcome {
        let id = save.audit.as_ref().map(|one| (one.author.clone(), one.id));
        if let Some(outcome) = id.as_ref().and_then(|id| self.before(id)) {
            return outcome;
        }
        let row = self.all.get_mut(&save.key);
        let Some(row) = row.filter(|row| row.owner == Some(me) && row.claimed.own == save.own)
        else {
            return Outcome::Refused;
        };
        self.audit.extend(id);
        self.save_count += 1;
        // What is stored is bytes: nothing that cannot be read back may be counted on.
        row.claimed.state = state_pickle::decode(&state_pickle::encode(&save.state)).unwrap();
        row.claimed.applied = Applied::decode(&save.applied.encode()).unwrap();
        row.claimed.generation = save.generation;
        row.claimed.moved = save.moved;
        row.region = save.region;
        row.present = save.present;
        if save.release {
            row.owner = None;
            row.claimed.own += 1;
        }
        Outcome::Done
    }

    pub(super) fn spawn(&mut self, row: &Claimed, log: &Audit, (me, region): At) -> Outcome {
        let id = (log.author.clone(), log.id);
        if let Some(outcome) = self.before(&id) {
            return outcome;
        }
        if self.all.contains_key(&row.key) {
            return Outcome::Refused;
        }
        self.audit.insert(id);
        let stored = Row {
            claimed: row.clone(),
            region,
            present: true,
            owner: Some(me),
        };
        self.all.insert(row.key.clone(), stored);
        Outcome::Done
    }

    pub(super) fn despawn(&mut self, key: &str, own: u64, log: &Audit, me: i64) -> Outcome {
        let id = (log.author.clone(), log.id);
        if let Some(outcome) = self.before(&id) {
            return outcome;
        }
        let row = self.all.get(key);
        if !row.is_some_and(|row| row.owner == Some(me) && row.claimed.own == own) {
            return Outcome::Refused;
        }
        self.audit.insert(id);
        self.all.remove(key);
        Outcome::Done
    }

    /// What became of an edit that has come before.
    fn before(&self, id: &(String, CommandId)) -> Option<Outcome> {
        if self.audit.contains(id) {
            return Some(Outcome::Repeated);
        }
        self.denied.contains(id).then_some(Outcome::Denied)
    }

    /// Refuses an edit for good, unless it was done; whether it was.
    pub(super) fn deny(&mut self, asker: &Asker) -> bool {
        let id = (asker.key.clone(), asker.id);
        let is_done = self.audit.contains(&id);
        if !is_done {
            self.denied.insert(id);
        }
        is_done
    }

    /// A row that is nobody's learns of a command that was refused.
    pub(super) fn refuse(&mut self, key: &str, asker: &Asker, now_ms: u64) {
        if let Some(row) = self.all.get_mut(key) {
            row.claimed.own += 1;
            let applied = &mut row.claimed.applied;
            applied.record(&asker.key, asker.id, false, now_ms);
        }
    }

    pub(super) fn give_up(&mut self, key: &str, own: u64, me: i64) {
        let row = self.all.get_mut(key);
        if let Some(row) = row.filter(|row| row.owner == Some(me) && row.claimed.own == own) {
            row.owner = None;
            row.claimed.own += 1;
        }
    }
}
