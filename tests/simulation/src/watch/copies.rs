//! Living copies. Of a name there is at most one whose owner may write it.

use store::entities::{EntityRow, Incarnation};
use world::region_id::RegionId;

use super::Watch;
use crate::{database::Database, schedule::Micros};

impl Watch {
    /// A region has an entity from now on: with this `own`, or with that of its server's last claim.
    pub fn here(
        &mut self,
        (me, region): (Incarnation, RegionId),
        key: &str,
        own: Option<u64>,
        database: &Database,
        now: Micros,
    ) {
        let last = self.claims.get(&(key.to_owned(), me));
        let own = own.or(last.copied()).unwrap_or_default();
        let copies = self.copies.entry(key.to_owned()).or_default();
        copies.insert((me, region), own);
        let row = database.rows.get(key).map(|row| &row.entity);
        self.check_copies(key, row, now);
    }

    /// A region does not have an entity any more; the `own` that it had it with.
    pub fn not_here(&mut self, me: Incarnation, region: RegionId, key: &str) -> Option<u64> {
        self.copies.get_mut(key)?.remove(&(me, region))
    }

    pub(super) fn check_copies(&mut self, key: &str, row: Option<&EntityRow>, now: Micros) {
        let (Some(copies), Some(row)) = (self.copies.get(key), row) else {
            return;
        };
        let is_fenced = |(me, own): (Incarnation, u64)| row.owner == Some(me) && row.own == own;
        let fenced = copies
            .iter()
            .filter(|((me, _), own)| is_fenced((*me, **own)));
        if fenced.count() > 1 {
            let text = format!("{key} lives in {copies:?}, and more than one may write it");
            self.broken(now, text);
        }
    }
}
