//! The ground and the rules as they are at one time: an immutable snapshot that regions read. It does not know who changes them.

use std::{collections::BTreeMap, sync::Arc};

use store::content::World;
use world::{
    movement::Ground, name, region::Creature, region_id::RegionId, scripts::Scripts,
    settings::Settings, terrain::Terrain,
};

/// What a region sees of the content.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// The ground, with all edits in force.
    pub(crate) terrain: Terrain,
    /// The same, as regions have it.
    pub(crate) ground: Arc<dyn Ground>,
    /// The rules.
    pub(crate) settings: Arc<Settings>,
    /// Behaviours of the world's own.
    pub(crate) scripts: Scripts,
    /// The region of each of those whom the content puts into the world, by [`name::key`].
    creature_homes: Arc<BTreeMap<String, RegionId>>,
}

impl Scene {
    /// The scene of a world, on a ground that may have been edited.
    pub(crate) fn new(world: &World, terrain: Terrain) -> Self {
        let homes = terrain.regions().iter().flat_map(|region| {
            let creatures = terrain.creatures(*region);
            creatures.map(|creature| (name::key(&creature.name), *region))
        });
        Self {
            creature_homes: Arc::new(homes.collect()),
            ground: Arc::new(terrain.clone()),
            terrain,
            settings: Arc::new(world.content.settings.clone()),
            scripts: world.content.scripts.clone(),
        }
    }

    /// The same rules on another ground.
    pub(crate) fn on(&self, terrain: Terrain) -> Self {
        Self {
            ground: Arc::new(terrain.clone()),
            terrain,
            settings: Arc::clone(&self.settings),
            scripts: self.scripts.clone(),
            creature_homes: Arc::clone(&self.creature_homes),
        }
    }

    /// The region that has what a row says to be in a region: that one, or the start's if there is none such any more.
    pub(crate) fn home(&self, region: RegionId) -> RegionId {
        if self.terrain.regions().contains(&region) {
            region
        } else {
            self.start_region()
        }
    }

    /// The region in which somebody of that name is whom the content puts into the world, unless they were taken elsewhere.
    pub(crate) fn creature_home(&self, key: &str) -> Option<RegionId> {
        self.creature_homes.get(key).copied()
    }

    /// Where new characters begin.
    pub(crate) fn start_region(&self) -> RegionId {
        RegionId::of(self.terrain.start(), self.terrain.cell_tiles())
    }

    /// Whom the content puts into a region.
    pub(crate) fn creatures(&self, region: RegionId) -> Vec<Creature> {
        self.terrain.creatures(region).cloned().collect()
    }
}
