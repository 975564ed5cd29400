//! The database: rows of entities, regions, zone servers and accounts, with the conditions that `store`'s SQL has. Every statement is one step: what
//! is uncertain about it, whether and when it is executed and whether anybody hears, is `link`'s to draw. Keep it in step with `store/src/entities.rs`,
//! `edits.rs`, `regions.rs` and `directory.rs`.

mod directory;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use store::{
    entities::{EntityRow, Incarnation},
    regions::Holding,
};
use world::region_id::RegionId;

use crate::{
    mutant::Mutant,
    statement::{AuditId, Response, Statement},
};

/// A row, and whether it is a tombstone.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As `store` knows it.
    pub entity: EntityRow,
    /// Whether the entity was despawned. Tombstones outlast a run.
    pub is_gone: bool,
}

/// A zone server in the directory.
#[derive(Debug, Clone)]
pub struct Listed {
    /// As it says.
    pub server: store::directory::ZoneServer,
    /// When it said so.
    pub heartbeat_ms: u64,
}

/// The tables.
#[derive(Debug, Default)]
pub struct Database {
    /// By key.
    pub rows: BTreeMap<String, Row>,
    /// Every region that was held once.
    pub regions: BTreeMap<RegionId, Holding>,
    /// The directory.
    pub servers: BTreeMap<Incarnation, Listed>,
    /// Accounts' generations, by key.
    pub generations: BTreeMap<String, u64>,
    /// The ids of edits in the audit log.
    pub audit: BTreeSet<AuditId>,
    /// Those of edits that were refused for good.
    pub refused: BTreeSet<AuditId>,
    mutant: Option<Mutant>,
}

/// How a row was changed.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Before; None: there was none.
    pub before: Option<Row>,
    /// After.
    pub after: Row,
}

impl Database {
    /// Empty tables.
    #[must_use]
    pub fn new(mutant: Option<Mutant>) -> Self {
        Self {
            mutant,
            ..Self::default()
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Executes a statement at a time. Whatever row it changed is added to `commits`.
    pub fn execute(
        &mut self,
        statement: Statement,
        now_ms: u64,
        commits: &mut Vec<Commit>,
    ) -> Response {
        match statement {
            Statement::Peek(key) => Response::Row(self.peek(&key).cloned().map(Box::new)),
            Statement::Claim(claim) => Response::Row(self.claim(claim, commits).map(Box::new)),
            Statement::Save(save, None) => Response::Saved(self.save(*save, commits)),
            Statement::Save(save, Some(audit)) => {
                self.audited(audit, |tables| tables.save_edited(*save, commits))
            }
            Statement::Spawn(row, audit) => {
                self.audited(audit, |tables| tables.insert(*row, commits))
            }
            Statement::Despawn {
                key,
                owner,
                own,
                audit,
            } => self.audited(audit, |tables| tables.despawn(&key, owner, own, commits)),
            Statement::IsDone(audit) => Response::IsDone(self.audit.contains(&audit)),
            Statement::Refuse(audit) => Response::IsDone(self.refuse(audit)),
            Statement::NoteAbsent { key, seen, applied } => {
                Response::IsDone(self.note_absent(&key, seen, applied, commits))
            }
            Statement::UndergoneByGone(key) => Response::Undergone(self.undergone_by_gone(&key)),
            Statement::Orphans(live, regions) => Response::Orphans(self.orphans(&live, &regions)),
            Statement::Owned(owner) => Response::Orphans(self.owned(owner)),
            Statement::Heartbeat(server) => {
                self.heartbeat(server, now_ms);
                Response::Done
            }
            Statement::Remove(incarnation) => {
                self.servers.remove(&incarnation);
                Response::Done
            }
            Statement::Holdings => Response::Holdings(self.regions.values().copied().collect()),
            Statement::Live => Response::Live(self.live(now_ms)),
            Statement::Take(me, regions) => Response::Taken(self.take(me, regions, now_ms)),
            Statement::Give(me, to, regions) => Response::Given(self.give(me, to, regions)),
            Statement::BeginSession(key) => self.begin_session(&key),
        }
    }

    /// `accounts().begin_session`
    fn begin_session(&mut self, key: &str) -> Response {
        let generation = self.generations.entry(key.to_owned()).or_default();
        *generation += 1;
        let region = self.rows[key].entity.region;
        Response::Begun(*generation, region)
    }
}
