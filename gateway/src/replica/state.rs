//! What is known of the regions that players can see: how news is merged, and what a player sees of it. Pure: time is an argument.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use wire::Dialect;
use world::{
    grid::Grid,
    name,
    position::Position,
    region::{Departed, Shown, Update},
    region_id::RegionId,
};

use super::entity::Entity;
use crate::{zone_link::LinkId, zone_message::News};

/// How long an entity that has gone to another region is kept while that one has not told of it. DESIGN ("Reads scale with gateways") lets it be
/// three seconds; it is looked at four times in each.
pub(crate) const DEPARTURE_MAX: Duration = Duration::from_millis(2_750);

/// An entity's place in the table.
type Slot = u32;

/// The replica.
#[derive(Debug)]
pub(crate) struct State {
    entities: Vec<Option<Entity>>,
    free: Vec<Slot>,
    by_key: HashMap<String, Slot>,
    grid: Grid<Slot>,
    regions: HashMap<RegionId, Region>,
    /// Characters of this gateway's own players, and how many connections they have.
    players: HashMap<String, usize>,
    /// Those who are [`Entity::leaving`].
    leaving: HashSet<Slot>,
}

/// A region that somebody needs, or needed until lately.
#[derive(Debug, Default)]
pub(super) struct Region {
    /// Of the run of a server that speaks for it.
    epoch: u64,
    /// Whether everything in it has been told, and is not too old.
    has_snapshot: bool,
    /// The stream by which everything was told last.
    told_by: Option<LinkId>,
    /// The epoch in which it was.
    told_epoch: u64,
    entities: HashSet<Slot>,
}

impl State {
    /// An empty one. `view_distance` is how far players see, in tiles.
    pub(crate) fn new(view_distance: f64) -> Self {
        Self {
            entities: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            grid: Grid::new(view_distance),
            regions: HashMap::new(),
            players: HashMap::new(),
            leaving: HashSet::new(),
        }
    }

    /// How many entities there are.
    pub(crate) fn entity_count(&self) -> usize {
        self.by_key.len()
    }

    /// How many regions there are.
    pub(crate) fn region_count(&self) -> usize {
        self.regions.len()
    }

    /// Whether everything that is in a region is known.
    pub(crate) fn has(&self, region: RegionId) -> bool {
        self.regions
            .get(&region)
            .is_some_and(|region| region.has_snapshot)
    }

    /// Whether everything that is in a region was told by that stream.
    pub(super) fn is_told(&self, region: RegionId, link: LinkId) -> bool {
        self.regions
            .get(&region)
            .is_some_and(|region| region.told_by == Some(link))
    }

    /// From now on, news of the region is wanted.
    pub(super) fn want(&mut self, region: RegionId) {
        self.regions.entry(region).or_default();
    }

    /// News of the region is not wanted any more, and what is known of it is not true for long.
    pub(super) fn forget(&mut self, region: RegionId) {
        let Some(forgotten) = self.regions.remove(&region) else {
            return;
        };
        for slot in forgotten.entities {
            self.remove(slot);
        }
    }

    /// What is known of the region is too old to be shown. Only our own players' characters stay, so that they see where they are.
    pub(super) fn blank(&mut self, region: RegionId) {
        let Some(blank) = self.regions.get_mut(&region) else {
            return;
        };
        blank.has_snapshot = false;
        blank.told_by = None;
        let old: Vec<Slot> = blank.entities.iter().copied().collect();
        for slot in old {
            if self
                .entity(slot)
                .is_some_and(|entity| !self.players.contains_key(&entity.key))
            {
                self.remove(slot);
            }
        }
    }

    /// A player of this gateway has the character.
    pub(super) fn add_player(&mut self, key: &str) {
        *self.players.entry(key.to_owned()).or_default() += 1;
    }

    /// The opposite.
    pub(super) fn remove_player(&mut self, key: &str) {
        if let Some(count) = self.players.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.players.remove(key);
            }
        }
    }

    /// Where an entity is; and whether it is on its way to another region, so that it may be somewhere else by now.
    pub(crate) fn position(&self, key: &str) -> Option<(Position, bool)> {
        let entity = self.find(key)?;
        Some((entity.position, entity.leaving.is_some()))
    }

    /// An entity.
    pub(super) fn find(&self, key: &str) -> Option<&Entity> {
        self.entity(*self.by_key.get(key)?)
    }

    /// The dicts of everything that is seen from a place.
    pub(crate) fn view(
        &self,
        centre: Position,
        view_distance: f64,
        dialect: Dialect,
    ) -> Vec<&[u8]> {
        self.grid
            .in_square(centre, view_distance)
            .filter_map(|slot| self.entity(*slot))
            .map(|entity| entity.fragment(dialect))
            .collect()
    }

    /// Merges news that has come by a stream.
    pub(crate) fn apply(&mut self, link: LinkId, news: News, now: Instant) {
        match news {
            News::Snapshot(update) => self.snapshot(link, update, now),
            News::Changes(update) => self.changes(update, now),
        }
    }

    /// Takes out who has left and arrived nowhere for too long.
    pub(crate) fn expire(&mut self, now: Instant) {
        let late: Vec<Slot> = self
            .leaving
            .iter()
            .copied()
            .filter(|slot| {
                let entity = self.entity(*slot);
                entity.is_none_or(|entity| entity.leaving.is_none_or(|end| end <= now))
            })
            .collect();
        for slot in late {
            self.leaving.remove(&slot);
            if self
                .entity(slot)
                .is_some_and(|entity| entity.leaving.is_some())
            {
                self.remove(slot);
            }
        }
    }

    /// Whether [`Self::expire`] may have something to do.
    pub(super) fn has_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    fn snapshot(&mut self, link: LinkId, update: Update, now: Instant) {
        let Some(region) = self.regions.get_mut(&update.region) else {
            return;
        };
        if update.epoch < region.epoch {
            return;
        }
        let is_begun_anew = update.epoch > region.told_epoch;
        region.epoch = update.epoch;
        region.has_snapshot = true;
        region.told_by = Some(link);
        region.told_epoch = update.epoch;
        let before = std::mem::take(&mut region.entities);
        for shown in update.changed {
            self.shown(shown, update.region);
        }
        for slot in before {
            self.missed(slot, update.region, is_begun_anew, now);
        }
    }

    /// An entity was in a region, and may not be in what was told of it now.
    fn missed(&mut self, slot: Slot, region: RegionId, is_begun_anew: bool, now: Instant) {
        let is_here = self
            .regions
            .get(&region)
            .is_some_and(|region| region.entities.contains(&slot));
        // Who is on the way to another region is not in this one any more, and not gone either.
        let is_leaving = self
            .entity(slot)
            .is_none_or(|entity| entity.leaving.is_some());
        match (is_here || is_leaving, is_begun_anew) {
            (true, _) => {}
            // Who holds the region now claims rows one by one, and tells of each as it has it.
            (false, true) => self.leaves(slot, now),
            (false, false) => self.remove(slot),
        }
    }

    /// It is kept for a while, and is gone if nobody tells of it.
    fn leaves(&mut self, slot: Slot, now: Instant) {
        if let Some(entity) = self
            .entities
            .get_mut(slot as usize)
            .and_then(Option::as_mut)
        {
            entity.leaving = Some(now + DEPARTURE_MAX);
            self.leaving.insert(slot);
        }
    }

    fn changes(&mut self, update: Update, now: Instant) {
        let Some(region) = self.regions.get_mut(&update.region) else {
            return;
        };
        if update.epoch < region.epoch {
            return;
        }
        region.epoch = update.epoch;
        for shown in update.changed {
            self.shown(shown, update.region);
        }
        for departed in update.departed {
            self.departed(departed, now);
        }
    }

    fn shown(&mut self, shown: Shown, region: RegionId) {
        let key = name::key(&shown.name);
        let said = (shown.own, shown.version);
        let known = self.by_key.get(&key).copied();
        match known {
            Some(slot) => {
                let Some(entity) = self
                    .entities
                    .get_mut(slot as usize)
                    .and_then(Option::as_mut)
                else {
                    return;
                };
                if said < entity.said {
                    return;
                }
                let (old_region, position) = (entity.region, shown.position);
                entity.change(shown, region);
                self.leaving.remove(&slot);
                self.grid.put(&slot, position);
                if old_region != region {
                    self.list(old_region, slot, false);
                }
                self.list(region, slot, true);
            }
            None => {
                let position = shown.position;
                let Some(entity) = Entity::new(key.clone(), shown, region) else {
                    return self.doubt(region);
                };
                let slot = self.insert(entity);
                self.by_key.insert(key, slot);
                self.grid.put(&slot, position);
                self.list(region, slot, true);
            }
        }
    }

    /// Somebody is there of whom nobody has told what it looks like: an earlier one of its name, since gone, has counted for more. Everything is asked
    /// for again.
    fn doubt(&mut self, region: RegionId) {
        if let Some(region) = self.regions.get_mut(&region) {
            region.told_by = None;
        }
    }

    fn departed(&mut self, departed: Departed, now: Instant) {
        let key = name::key(&departed.name);
        let Some(&slot) = self.by_key.get(&key) else {
            return;
        };
        // It will be told of again if it goes where we listen, or if it is a player of ours, whose new place we shall listen to.
        let returns = departed
            .to
            .is_some_and(|to| self.regions.contains_key(&to) || self.players.contains_key(&key));
        let Some(entity) = self
            .entities
            .get_mut(slot as usize)
            .and_then(Option::as_mut)
        else {
            return;
        };
        let said = (departed.own, departed.version);
        if said < entity.said {
            return;
        }
        if returns {
            entity.said = said;
            self.leaves(slot, now);
        } else {
            self.remove(slot);
        }
    }

    fn entity(&self, slot: Slot) -> Option<&Entity> {
        self.entities.get(slot as usize)?.as_ref()
    }

    fn insert(&mut self, entity: Entity) -> Slot {
        match self.free.pop() {
            Some(slot) => {
                self.entities[slot as usize] = Some(entity);
                slot
            }
            None => {
                self.entities.push(Some(entity));
                Slot::try_from(self.entities.len() - 1)
                    .expect("memory ends before four billion entities do")
            }
        }
    }

    fn remove(&mut self, slot: Slot) {
        let Some(entity) = self.entities.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.by_key.remove(&entity.key);
        self.grid.remove(&slot);
        self.list(entity.region, slot, false);
        self.leaving.remove(&slot);
        self.free.push(slot);
    }

    /// Puts an entity on a region's list, or takes it off.
    fn list(&mut self, region: RegionId, slot: Slot, is_there: bool) {
        if let Some(region) = self.regions.get_mut(&region) {
            if is_there {
                region.entities.insert(slot);
            } else {
                region.entities.remove(&slot);
            }
        }
    }
}
