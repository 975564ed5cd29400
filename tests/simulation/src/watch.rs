//! What was promised, and whether it is kept: everything that players asked and were answered, what regions did, and what was committed. It sees
//! everything and changes nothing. The first broken promise ends a run.

mod copies;
mod lives;
mod purses;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};

use store::entities::Incarnation;
use world::{applied::CommandId, region::Body, region_id::RegionId};

use crate::{database::Commit, schedule::Micros};
use lives::Life;
pub use wishes::{Reply, Want, Wish, WishId};

/// Everything that is known of a run.
#[derive(Debug, Default)]
pub struct Watch {
    /// All that players have asked for, in its order.
    pub wishes: Vec<Wish>,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// Sessions by their numbers: whose, and of which generation.
    pub sessions: BTreeMap<u64, (String, u64)>,
    /// What the commands under way are, by author and id.
    commands: BTreeMap<(String, CommandId), Body>,
    /// Characters as their present and past owners have them: by key, owner, and what its claim returned.
    lives: BTreeMap<(String, Incarnation, u64), Life>,
    /// The `own` that an owner's last claim of a row returned.
    claims: BTreeMap<(String, Incarnation), u64>,
    /// Where living copies are, each with its `own`.
    copies: BTreeMap<String, BTreeMap<(Incarnation, RegionId), u64>>,
    /// Since when each entity is in the world without interruption, as rows say.
    present_since: BTreeMap<String, Micros>,
    /// Sets that were answered True, by target, purse and digit.
    granted: BTreeMap<String, BTreeSet<(u64, u64)>>,
    /// Sets that players were answered False, likewise.
    refused: BTreeMap<String, BTreeSet<(u64, u64)>>,
    /// Who is put somewhere by game masters.
    pub teleported: BTreeSet<String>,
    /// How long moves may stay unsaved, beyond the second, in this run.
    pub lateness_max: Micros,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Micros,
    /// Which.
    pub text: String,
}

impl Watch {
    /// Notes that a promise is broken, if it is the first.
    pub fn broken(&mut self, at: Micros, text: String) {
        self.violation.get_or_insert(Violation { at, text });
    }

    /// A row has changed.
    pub fn committed(&mut self, commit: &Commit, now: Micros) {
        let after = &commit.after.entity;
        let is_present = after.present && !commit.after.is_gone;
        if !is_present {
            self.present_since.remove(&after.key);
        } else if !self.present_since.contains_key(&after.key) {
            self.present_since.insert(after.key.clone(), now);
        }
        if let Some(before) = &commit.before {
            let before = &before.entity;
            if after.generation < before.generation {
                let text = format!(
                    "the generation of {} fell from {} to {}",
                    after.key, before.generation, after.generation
                );
                self.broken(now, text);
            }
            if after.own != before.own {
                self.changed_hands(before, commit, now);
            }
        }
        self.check_purses(commit, now);
        if commit.after.is_gone {
            self.check_despawn(&after.key.clone(), now);
        }
        self.check_copies(&after.key.clone(), Some(after), now);
    }

    /// Whether an entity has been in the world ever since, as its row says.
    fn is_present_since(&self, key: &str, since: Micros) -> bool {
        self.present_since.get(key).is_some_and(|at| *at <= since)
    }
}
