//! Going on to another region, and what a change of the ground does to those who stand on it.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{
    Creature, Now, Output, Passage, Region, Resident,
    resident::{Kind, Speaker},
};
use crate::{movement, name, region_id::RegionId};

impl Region {
    /// Notes whether an entity stands beyond the border.
    pub(super) fn look_outside(&mut self, key: &str, now: &Now<'_>) {
        let Some(resident) = self.residents.get(key) else {
            return;
        };
        if RegionId::of(resident.state.position, now.settings.cell_tiles) == self.id {
            self.outside.remove(key);
        } else {
            self.outside.insert(key.to_owned());
        }
    }

    /// Hands over those who stand beyond the border and whose rows are not being written. Who cannot be taken over yet stays, and is served here.
    pub(super) fn let_out(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        let keys: Vec<String> = self.outside.iter().cloned().collect();
        for key in keys {
            let Some(resident) = self.residents.get(&key) else {
                self.outside.remove(&key);
                continue;
            };
            if resident.writing.is_some() {
                continue;
            }
            let to = RegionId::of(resident.state.position, now.settings.cell_tiles);
            if self.is_draining || now.around.passage(to) != Passage::Open {
                self.pay(&key, out);
                self.go_on(&key, now, out);
            } else {
                self.hand_over(&key, to, out);
            }
        }
    }

    fn hand_over(&mut self, key: &str, to: RegionId, out: &mut Vec<Output>) {
        self.outside.remove(key);
        let Some(mut resident) = self.residents.remove(key) else {
            return;
        };
        self.forget_expiry(resident.expiry_ms.take(), key);
        self.publisher.depart(&mut resident, Some(to), out);
        out.push(Output::HandOver(to, Box::new(resident)));
    }

    /// An entity comes over the border.
    pub(super) fn arrive(&mut self, mut resident: Resident, now: &Now<'_>, out: &mut Vec<Output>) {
        let (key, session) = (resident.key.clone(), resident.session());
        if self.is_draining {
            resident.speaker = Speaker::Leaving;
        }
        self.settle(resident, now, out);
        self.pay(&key, out);
        self.tell_moved(session, out);
        self.go_on(&key, now, out);
    }

    /// The ground or the rules are other ones.
    pub(super) fn changed(
        &mut self,
        creatures: Option<Vec<Creature>>,
        afresh: bool,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        if let Some(creatures) = creatures {
            self.change_creatures(creatures, afresh, now, out);
        }
        let keys: Vec<String> = self.residents.keys().cloned().collect();
        for key in keys {
            let Some(resident) = self.residents.get_mut(&key) else {
                continue;
            };
            if resident.refresh(now.settings, now.ms) {
                self.publisher.touch(resident, true);
            }
            let free = movement::free_place(now.ground, resident.state.position);
            if free != resident.state.position {
                resident.state.position = free;
                resident.is_unsaved = true;
                self.publisher.touch(resident, false);
                self.look_outside(&key, now);
            }
        }
    }

    /// Those whom the content puts here are here, and no others of their kind.
    fn change_creatures(
        &mut self,
        creatures: Vec<Creature>,
        afresh: bool,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let mut wanted: BTreeMap<String, Creature> = creatures
            .into_iter()
            .map(|creature| (name::key(&creature.name), creature))
            .collect();
        let mut ended = Vec::new();
        for (key, resident) in &self.residents {
            let Kind::Creature(present) = &resident.kind else {
                continue;
            };
            match wanted.entry(key.clone()) {
                Entry::Occupied(creature) if !afresh && creature.get() == &**present => {
                    creature.remove();
                }
                _ => ended.push(key.clone()),
            }
        }
        for key in ended {
            for waiting in self.drop_resident(&key, out) {
                if let super::resident::Waiting::Ask(ask) = waiting {
                    out.push(ask.asker.try_again());
                }
            }
        }
        for creature in wanted.into_values() {
            // A later creature of a name must have a higher version than an earlier one had at its end: time goes on faster than changes do.
            let epoch = self.publisher.epoch();
            let creature = Resident::creature(creature, epoch, now.ms, now.settings, now.ms);
            self.settle(creature, now, out);
        }
    }
}
