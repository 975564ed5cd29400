//! A world in numbers.

use serde::Serialize;
use world::terrain::Terrain;

/// The sums over all maps of a world.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// How many maps.
    pub(crate) maps: usize,
    /// How many regions, each counted once.
    pub(crate) regions: usize,
    /// How many tiles.
    pub(crate) tiles: u64,
    /// Which share of them blocks, from 0 to 1.
    pub(crate) blocked_share: f64,
    /// How many warps.
    pub(crate) warps: usize,
    /// How many of them lead nowhere.
    pub(crate) dead_warps: usize,
    /// How many spawns.
    pub(crate) spawns: usize,
    /// How many creatures they keep alive at the most.
    pub(crate) creatures: u64,
    /// How many NPCs.
    pub(crate) npcs: usize,
}

impl Summary {
    /// Counts what is in a world.
    pub(crate) fn of(terrain: &Terrain) -> Self {
        let mut summary = Self {
            maps: 0,
            regions: terrain.regions().len(),
            tiles: 0,
            blocked_share: 0.0,
            warps: 0,
            dead_warps: 0,
            spawns: 0,
            creatures: 0,
            npcs: 0,
        };
        let mut blocked = 0;
        for map in terrain.maps() {
            summary.maps += 1;
            summary.tiles += u64::from(map.width) * u64::from(map.height);
            blocked += map.blocked_count() as u64;
            summary.warps += map.warps.len();
            summary.dead_warps += map
                .warps
                .iter()
                .filter(|warp| warp.destination.is_none())
                .count();
            summary.spawns += map.spawns.len();
            summary.creatures += map
                .spawns
                .iter()
                .map(|spawn| u64::from(spawn.being_count_max))
                .sum::<u64>();
            summary.npcs += map.npcs.len();
        }
        summary.blocked_share = share(blocked, summary.tiles);
        summary
    }
}

/// A part of a whole, from 0 to 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of tiles are far below 2^52"
)]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {}, {:.1} % blocked, {}",
            count(self.maps, "map"),
            count(self.regions, "region"),
            self.blocked_share * 100.0,
            count(self.warps, "warp"),
        )?;
        if self.dead_warps > 0 {
            let verb = if self.dead_warps == 1 {
                "leads"
            } else {
                "lead"
            };
            write!(f, " ({} {verb} nowhere)", self.dead_warps)?;
        }
        write!(f, ", {}", count(self.npcs, "NPC"))?;
        if self.spawns > 0 {
            write!(
                f,
                ", {} for at most {}",
                count(self.spawns, "spawn"),
                count(self.creatures, "creature")
            )?;
        }
        Ok(())
    }
}

/// "1 map", "2 maps".
pub(crate) fn count(number: impl Into<Count>, noun: &str) -> String {
    let Count(number) = number.into();
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A number of things.
pub(crate) struct Count(u64);

impl From<usize> for Count {
    fn from(number: usize) -> Self {
        Self(number as u64)
    }
}

impl From<u64> for Count {
    fn from(number: u64) -> Self {
        Self(number)
    }
}
