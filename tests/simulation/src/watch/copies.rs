//! Living copies. Of a name there is at most one whose owner may write it.

use store::entities::{EntityRow, Incarnation};
use world::region_id::RegionId;

use super::Watch;
use crate::{database::Database, schedule::Micros};

impl Watch {
    /// A region has an entity from now on.
    pub fn here(&mut self, me: Incarnation, region: RegionId, key: &str, database: &Database, now: Micros) {
        self.copies
            .entry(key.to_owned())
            .or_default()
            .insert((me, region));
        let row = database.rows.get(key).map(|row| &row.entity);
        self.check_copies(key, row, now);
    }

    /// A region does not have an entity any more.
    pub fn not_here(&mut self, me: Incarnation, region: RegionId, key: &str) {
        if let Some(copies) = self.copies.get_mut(key) {
            copies.remove(&(me, region));
        }
    }

    pub(super) fn check_copies(&mut self, key: &str, row: Option<&EntityRow>, now: Micros) {
        let (Some(copies), Some(row)) = (self.copies.get(key), row) else {
            return;
        };
        let fenced: Vec<_> = copies
            .iter()
            .filter(|(me, _)| {
                let life = self.lives.get(&(*me, key.to_owned()));
                row.owner == Some(*me) && life.is_some_and(|life| life.own == row.own)
            })
            .collect();
        if fenced.len() > 1 {
            let text = format!("{key} lives in {fenced:?}, and each may write it");
            self.broken(now, text);
        }
    }

    /// Where living copies of an entity are.
    #[must_use]
    pub fn copies(&self, key: &str) -> Vec<(Incarnation, RegionId)> {
        self.copies.get(key).into_iter().flatten().copied().collect()
    }

    /// Every name that lives somewhere.
    #[must_use]
    pub fn living(&self) -> Vec<String> {
        let living = self.copies.iter().filter(|(_, copies)| !copies.is_empty());
        living.map(|(key, _)| key.clone()).collect()
    }
}
