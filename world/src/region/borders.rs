//! Going on to another region, and what a change of the ground does to those who stand on it.

use super::{
    Creature, HYSTERESIS_TILES, Now, Output, Passage, Region, Resident, message::elsewhere,
    residents::Seat,
};
use crate::{movement, region_id::RegionId};

impl Region {
    /// Notes whether an entity stands beyond the border; who does is looked at when the input has been taken.
    pub(super) fn look_outside(&mut self, key: &str, cell_tiles: u32) {
        if let Some(seat) = self.residents.seat(key) {
            self.look_outside_at(seat, cell_tiles);
        }
    }

    /// The same of whoever is kept there.
    pub(super) fn look_outside_at(&mut self, seat: Seat, cell_tiles: u32) {
        let Some(resident) = self.residents.at(seat) else {
            return;
        };
        self.note_place(resident);
        let key = &resident.key;
        if RegionId::of(resident.state.position, cell_tiles) != self.id {
            self.outside.insert(key.clone());
            self.at_border.insert(key.clone());
        } else if !self.outside.is_empty() {
            self.outside.remove(key);
        }
    }

    /// Lets those go on who stand beyond the border and whose rows are not being written: to another region of this server as they are, to another
    /// server by their rows, or by a word if they have none. Who cannot or need not go yet stays, and is served here.
    pub(super) fn let_out(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        for key in std::mem::take(&mut self.at_border) {
            let Some(resident) = self.residents.get(&key) else {
                continue;
            };
            if resident.writing.is_some() || !self.outside.contains(&key) {
                continue;
            }
            let to = RegionId::of(resident.state.position, now.settings.cell_tiles);
            let passage = now.around.passage(to);
            if passage == Passage::Open && !self.is_draining {
                self.hand_over(&key, to, now, out);
                continue;
            }
            let goes = passage == Passage::Away && self.must_go(resident, now);
            if goes && resident.is_creature() {
                // Whoever has put it there is answered when it has come.
                if !self.is_draining {
                    self.cross(&key, to, out);
                }
                continue;
            }
            self.pay(&key, out);
            if goes {
                self.let_go(&key, now, out);
            } else {
                self.go_on(&key, now, out);
            }
        }
    }

    /// Whether an entity is too far beyond the border of a region of another server to be kept here, as after a warp. Near it, it stays: a border that is
    /// danced on costs nothing.
    fn must_go(&self, resident: &Resident, now: &Now<'_>) -> bool {
        let position = resident.state.position;
        let beyond = self.id.tiles_beyond(position, now.settings.cell_tiles);
        beyond >= HYSTERESIS_TILES
    }

    fn hand_over(&mut self, key: &str, to: RegionId, now: &Now<'_>, out: &mut Vec<Output>) {
        self.goes(key, to, now.ms, out);
        self.outside.remove(key);
        let Some(mut resident) = self.residents.remove(key) else {
            return;
        };
        self.forget_expiry(resident.expiry_ms.take(), key);
        self.forget(&mut resident);
        self.publisher.depart(&mut resident, Some(to), out);
        out.push(Output::HandOver(to, Box::new(resident)));
    }

    /// An entity comes over the border.
    pub(super) fn arrive(&mut self, resident: Resident, now: &Now<'_>, out: &mut Vec<Output>) {
        let (key, session) = (resident.key.clone(), resident.session());
        let here = self.residents.get(&key);
        let is_later = |here: &Resident| match resident.is_creature() {
            // All that its home makes of it have the same `own`.
            true => here.said() >= resident.said(),
            false => here.own >= resident.own,
        };
        if here.is_some_and(is_later) {
            return self.turn_away(resident, now, out);
        }
        if resident.is_creature() && self.is_outdated(&key, resident.said()) {
            out.push(Output::Gone(key));
            return self.turn_away(resident, now, out);
        }
        let waiting = self.drop_resident(&key, Some(self.id), out);
        self.settle(resident, now, out);
        if let Some(resident) = self.residents.get_mut(&key) {
            // Its row names the region that it comes from.
            resident.walked(now.ms);
            resident.waiting.extend(waiting);
        }
        self.note_arrival(&key);
        self.note_home(&key, out);
        self.pay(&key, out);
        if !self.is_draining {
            self.tell_moved(session, out);
        }
        self.go_on(&key, now, out);
    }

    /// A later claim of its row is here: what comes counts for nothing, and who speaks or waits for it finds the other.
    fn turn_away(&mut self, mut resident: Resident, now: &Now<'_>, out: &mut Vec<Output>) {
        let session = resident.session();
        out.extend(resident.owed.take().map(|asker| asker.done(true)));
        out.extend(session.map(|session| elsewhere(session, 0, 0, None)));
        self.start_again(resident.waiting, now, out);
    }

    /// The ground or the rules are other ones.
    pub(super) fn changed(
        &mut self,
        creatures: Option<Vec<Creature>>,
        afresh: bool,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        self.renew_scripts(now);
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
            let free = movement::free_place(now.ground(), resident.state.position);
            if free != resident.state.position {
                resident.state.position = free;
                resident.walked(now.ms);
                self.publisher.touch(resident, false);
                self.look_outside(&key, now.settings.cell_tiles);
            }
        }
    }
}
