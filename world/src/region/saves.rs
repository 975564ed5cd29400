//! Saving positions: those of a region together, each second. Who goes from region to region is nowhere when its region saves, or is not there yet;
//! so it is saved for itself, a second after it first went on unsaved, wherever it is then.

use std::collections::BTreeSet;

use super::{Output, Region, Resident, SAVE_INTERVAL_MS, resident::Writing};
use crate::region_id::RegionId;

impl Region {
    /// Writes the places of those who have walked.
    pub(super) fn save_positions(&mut self, out: &mut Vec<Output>) {
        for key in &self.cared_for {
            if let Some(resident) = self.residents.get_mut(key) {
                save_position(resident, self.id, out);
            }
        }
    }

    /// Somebody has come over a border, and must not wait longer than those who stay.
    pub(super) fn note_arrival(&mut self, key: &str) {
        let since_ms = self.residents.get(key).and_then(|one| one.unsaved_since_ms);
        let due_ms = since_ms.map(|since_ms| since_ms.saturating_add(SAVE_INTERVAL_MS));
        self.arrivals
            .extend(due_ms.map(|due_ms| (due_ms, key.to_owned())));
    }

    /// Writes the places of those who have come and whose second is over.
    pub(super) fn save_arrivals(&mut self, now_ms: u64, out: &mut Vec<Output>) {
        let is_due = |arrivals: &BTreeSet<(u64, String)>| {
            let first = arrivals.first();
            first.is_some_and(|(due_ms, _)| *due_ms <= now_ms)
        };
        while is_due(&self.arrivals)
            && let Some((_, key)) = self.arrivals.pop_first()
        {
            if let Some(resident) = self.residents.get_mut(&key) {
                save_position(resident, self.id, out);
            }
        }
    }
}

/// Writes a place, if the row is behind it and free.
fn save_position(resident: &mut Resident, here: RegionId, out: &mut Vec<Output>) {
    let is_behind = resident.unsaved_since_ms.is_some() && !resident.is_creature();
    if is_behind && resident.writing.is_none() {
        resident.unsaved_since_ms = None;
        resident.writing = Some(Writing::Position);
        let save = resident.save(here);
        out.push(Output::Save(Box::new(save)));
    }
}
