//! Rows of entities and the fence in each of them: `store/src/entities.rs` and `store/src/edits.rs`.

use store::{
    edits::Outcome,
    entities::{Claim, EntityRow, Incarnation, Orphan, Save, Saved},
};
use world::{applied::Applied, region_id::RegionId};

use super::{Commit, Database, Row};
use crate::{
    mutant::Mutant,
    statement::{AuditId, Response},
};

impl Database {
    /// A row that is no tombstone.
    #[must_use]
    pub fn peek(&self, key: &str) -> Option<&EntityRow> {
        let row = self.rows.get(key).filter(|row| !row.is_gone)?;
        Some(&row.entity)
    }

    pub(super) fn claim(&mut self, claim: Claim, commits: &mut Vec<Commit>) -> Option<EntityRow> {
        let is_claimed = !self.is(Mutant::LoadWithoutClaim);
        let may_lower = self.is(Mutant::LowerGenerations);
        let forgets = self.is(Mutant::NoDeduplication);
        let row = self.rows.get_mut(&claim.key).filter(|row| !row.is_gone)?;
        let before = row.clone();
        if row.entity.own != claim.seen {
            return None;
        }
        if let Some(generation) = claim.enter {
            if row.entity.generation > generation && !may_lower {
                return None;
            }
            row.entity.generation = generation;
            row.entity.present = true;
        }
        if is_claimed {
            row.entity.owner = Some(claim.me);
            row.entity.own += 1;
        }
        commits.push(Commit {
            before: Some(before),
            after: row.clone(),
        });
        let mut claimed = row.entity.clone();
        if forgets {
            claimed.applied = Default::default();
        }
        Some(claimed)
    }

    pub(super) fn save(&mut self, save: Save, commits: &mut Vec<Commit>) -> Saved {
        let is_unfenced = self.is(Mutant::SaveWithoutFence);
        let is_unclaimed = self.is(Mutant::LoadWithoutClaim);
        let forgets = self.is(Mutant::ForgetAppliedAtHandoff);
        let Some(row) = self.rows.get_mut(&save.key).filter(|row| !row.is_gone) else {
            return Saved::Fenced;
        };
        let is_owner = row.entity.owner == Some(save.owner) && row.entity.own == save.own;
        if !is_owner && !is_unfenced && !is_unclaimed {
            return Saved::Fenced;
        }
        let before = row.clone();
        let entity = &mut row.entity;
        entity.owner = (!save.release).then_some(save.owner);
        entity.own += u64::from(save.release);
        entity.region = save.region;
        entity.present = save.present;
        entity.generation = save.generation;
        entity.moved = save.moved;
        entity.applied = save.applied;
        entity.state = save.state;
        if forgets && save.release {
            entity.applied = Default::default();
        }
        commits.push(Commit {
            before: Some(before),
            after: row.clone(),
        });
        Saved::Committed
    }

    /// The effect of `edits().save`.
    pub(super) fn save_edited(&mut self, save: Save, commits: &mut Vec<Commit>) -> bool {
        self.save(save, commits) == Saved::Committed
    }

    pub(super) fn insert(&mut self, entity: EntityRow, commits: &mut Vec<Commit>) -> bool {
        if self.rows.contains_key(&entity.key) {
            return false;
        }
        let row = Row {
            entity,
            is_gone: false,
        };
        commits.push(Commit {
            before: None,
            after: row.clone(),
        });
        self.rows.insert(row.entity.key.clone(), row);
        true
    }

    pub(super) fn despawn(
        &mut self,
        key: &str,
        owner: Incarnation,
        own: u64,
        commits: &mut Vec<Commit>,
    ) -> bool {
        let Some(row) = self.rows.get_mut(key) else {
            return false;
        };
        let is_owner = row.entity.owner == Some(owner) && row.entity.own == own;
        if row.is_gone || row.entity.player || !is_owner {
            return false;
        }
        let before = row.clone();
        row.is_gone = true;
        row.entity.present = false;
        row.entity.owner = None;
        row.entity.own += 1;
        commits.push(Commit {
            before: Some(before),
            after: row.clone(),
        });
        true
    }

    pub(super) fn orphans(&self, live: &[Incarnation], regions: &[RegionId]) -> Vec<Orphan> {
        self.present(|row| {
            regions.contains(&row.region) && row.owner.is_none_or(|owner| !live.contains(&owner))
        })
    }

    pub(super) fn owned(&self, owner: Incarnation) -> Vec<Orphan> {
        self.present(|row| row.owner == Some(owner))
    }

    fn present(&self, is_one: impl Fn(&EntityRow) -> bool) -> Vec<Orphan> {
        let rows = self.rows.values().filter(|row| !row.is_gone);
        rows.map(|row| &row.entity)
            .filter(|row| row.present && is_one(row))
            .map(|row| Orphan {
                key: row.key.clone(),
                region: row.region,
                own: row.own,
            })
            .collect()
    }

    /// Refuses an edit for good, unless it was done; whether it was.
    pub(super) fn refuse(&mut self, audit: AuditId) -> bool {
        let is_done = self.audit.contains(&audit);
        if !is_done {
            self.refused.insert(audit);
        }
        is_done
    }

    pub(super) fn note_absent(
        &mut self,
        key: &str,
        seen: u64,
        applied: Applied,
        commits: &mut Vec<Commit>,
    ) -> bool {
        let Some(row) = self.rows.get_mut(key).filter(|row| !row.is_gone) else {
            return false;
        };
        let entity = &mut row.entity;
        if entity.own != seen || entity.owner.is_some() || entity.present {
            return false;
        }
        let before = Row {
            entity: entity.clone(),
            is_gone: false,
        };
        entity.applied = applied;
        entity.own += 2;
        commits.push(Commit {
            before: Some(before),
            after: row.clone(),
        });
        true
    }

    pub(super) fn undergone_by_gone(&self, key: &str) -> Option<Applied> {
        let gone = self.rows.get(key).filter(|row| row.is_gone)?;
        Some(gone.entity.applied.clone())
    }

    /// Writes the audit row, and then the effect, unless the audit row is there already. An effect that fails is undone with its audit row.
    pub(super) fn audited(
        &mut self,
        audit: AuditId,
        effect: impl FnOnce(&mut Self) -> bool,
    ) -> Response {
        if self.audit.contains(&audit) {
            return Response::Edited(Outcome::Repeated);
        }
        if self.refused.contains(&audit) {
            return Response::Edited(Outcome::Denied);
        }
        if !effect(self) {
            return Response::Edited(Outcome::Refused);
        }
        self.audit.insert(audit);
        Response::Edited(Outcome::Done(()))
    }
}
