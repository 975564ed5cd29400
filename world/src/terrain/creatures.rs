//! Whom maps put into the world, by the region that counts them. It does not know what becomes of them there.

use std::{collections::BTreeMap, sync::Arc};

use super::{Map, Npc, Spawn};
use crate::{
    position::Position,
    region::{Creature, Respawn},
    region_id::RegionId,
};

/// How long it takes until an NPC is back that has died, in milliseconds. For creatures of a spawn, the map says it.
const NPC_RESPAWN_MS: u64 = 30_000;
/// A creature does not come back sooner, in milliseconds: where the map says nothing, one sees at least that it has died.
const RESPAWN_MS_MIN: u64 = 1_000;

/// All of them.
pub(super) fn of<'m>(
    maps: impl Iterator<Item = &'m Arc<Map>>,
    cell_tiles: u32,
) -> BTreeMap<RegionId, Vec<Creature>> {
    let mut creatures: BTreeMap<RegionId, Vec<Creature>> = BTreeMap::new();
    let mut counts: BTreeMap<(RegionId, String), u32> = BTreeMap::new();
    for map in maps {
        for npc in &map.npcs {
            let region = RegionId::of(npc.position, cell_tiles);
            creatures.entry(region).or_default().push(npc_of(npc));
        }
        for spawn in &map.spawns {
            let (west, north, ..) = spawn.area;
            let region = RegionId::of_tile(map.level, west, north, cell_tiles);
            let count = counts.entry((region, spawn.kind.clone())).or_default();
            let there = creatures.entry(region).or_default();
            for _ in 0..spawn.being_count_max {
                *count += 1;
                let name = format!("{}#{region}.{count}", spawn.kind);
                there.push(being_of(spawn, map.level, name));
            }
        }
    }
    creatures
}

fn npc_of(npc: &Npc) -> Creature {
    Creature {
        name: npc.name.clone(),
        position: npc.position,
        attributes: npc.attributes.clone(),
        behaviour: npc.behaviour.clone(),
        respawn: Some(Respawn {
            after_ms: NPC_RESPAWN_MS,
            area: None,
        }),
    }
}

fn being_of(spawn: &Spawn, level: i32, name: String) -> Creature {
    let (west, north, east, south) = spawn.area;
    let after_ms = spawn.spawn_ms.saturating_add(spawn.death_ms);
    Creature {
        name,
        position: Position::centre_of(west.midpoint(east), north.midpoint(south), level),
        attributes: spawn.attributes.clone(),
        behaviour: Some(spawn.behaviour.clone()).filter(|text| !text.is_empty()),
        respawn: Some(Respawn {
            after_ms: after_ms.max(RESPAWN_MS_MIN),
            area: Some(spawn.area),
        }),
    }
}
