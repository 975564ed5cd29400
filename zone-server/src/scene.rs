//! The ground and the rules as they are at one time: an immutable snapshot that regions read. It does not know who changes them.

use std::sync::Arc;

use store::content::World;
use world::{
    region::Creature,
    region_id::RegionId,
    settings::Settings,
    terrain::{Npc, Terrain},
};

/// What a region sees of the content.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// The ground, with all edits in force.
    pub(crate) terrain: Terrain,
    /// The rules.
    pub(crate) settings: Arc<Settings>,
}

impl Scene {
    /// The scene of a world, on a ground that may have been edited.
    pub(crate) fn new(world: &World, terrain: Terrain) -> Self {
        Self {
            terrain,
            settings: Arc::new(world.content.settings.clone()),
        }
    }

    /// The same rules on another ground.
    pub(crate) fn on(&self, terrain: Terrain) -> Self {
        Self {
            terrain,
            settings: Arc::clone(&self.settings),
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

    /// Where new characters begin.
    pub(crate) fn start_region(&self) -> RegionId {
        RegionId::of(self.terrain.start(), self.terrain.cell_tiles())
    }

    /// Whom the content puts into a region.
    pub(crate) fn creatures(&self, region: RegionId) -> Vec<Creature> {
        self.terrain.npcs(region).map(creature).collect()
    }
}

fn creature(npc: &Npc) -> Creature {
    Creature {
        name: npc.name.clone(),
        position: npc.position,
        attributes: npc.attributes.clone(),
        behaviour: npc.behaviour.clone(),
    }
}
