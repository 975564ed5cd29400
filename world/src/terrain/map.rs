//! One map, where it is in the world: its blocking tiles, and the things that were drawn on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use wire::Value;

use super::TileEdit;
use crate::{position::Position, region_id::RegionId};

/// Tiled keeps four flags of how a tile is turned in the top bits of its number.
const GID_MASK: u32 = 0x0FFF_FFFF;

/// A map.
#[derive(Debug, Clone)]
pub struct Map {
    /// Its name: its file's, without the ending.
    pub name: String,
    /// Its file, from the world's folder.
    pub file: String,
    /// The level that it is on.
    pub level: i32,
    /// Global tile of its own tile (0, 0).
    pub origin: (i32, i32),
    /// Its own tile that is its north-west corner: (0, 0), but for infinite maps.
    pub corner: (i32, i32),
    /// In tiles.
    pub width: u32,
    /// In tiles.
    pub height: u32,
    pub(crate) tilesets: Vec<Tileset>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) blocked: Bits,
    /// Its warps.
    pub warps: Vec<Warp>,
    /// Those who stand on it.
    pub npcs: Vec<Npc>,
    /// Its spawns.
    pub spawns: Vec<Spawn>,
    /// Its paths, by name.
    pub paths: BTreeMap<String, Arc<Path>>,
}

/// What is known of a tileset.
#[derive(Debug, Clone)]
pub(crate) struct Tileset {
    pub(crate) first_gid: u32,
    pub(crate) tile_count: u32,
    pub(crate) blocking: BTreeSet<u32>,
}

/// What is known of a tile layer.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) name: String,
    /// Whether each tile on it blocks, by its property.
    pub(crate) is_blocking: bool,
    pub(crate) blocked: Bits,
}

/// A truth value for each tile of a map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn get(&self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub(crate) fn set(&mut self, index: usize, value: bool) {
        let word = index / 64;
        if value && self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            let bit = 1 << (index % 64);
            *word = if value { *word | bit } else { *word & !bit };
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// A place that leads to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Warp {
    /// Global tiles: from west to before east, from north to before south.
    pub(crate) area: (i32, i32, i32, i32),
    /// Where it leads; None: nowhere.
    pub destination: Option<Position>,
}

impl Warp {
    pub(crate) fn covers(&self, x: i32, y: i32) -> bool {
        let (west, north, east, south) = self.area;
        (west..east).contains(&x) && (north..south).contains(&y)
    }

    /// The tiles that it covers, globally.
    pub fn tiles(&self) -> impl Iterator<Item = (i32, i32)> + use<> {
        let (west, north, east, south) = self.area;
        (north..south).flat_map(move |y| (west..east).map(move |x| (x, y)))
    }
}

/// Somebody who was drawn on a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Npc {
    /// `Title#map`.
    pub name: String,
    /// Where.
    pub position: Position,
    /// Which template of `world.toml` it is of; None: of none.
    pub template: Option<String>,
    /// What its template gives it, and over that what was written beside it, `visual` and `title` among it.
    pub attributes: BTreeMap<String, Value>,
    /// What it does.
    pub behaviour: Option<String>,
}

/// A place where creatures live.
#[derive(Debug, Clone, PartialEq)]
pub struct Spawn {
    /// The object's name: the creatures' kind.
    pub kind: String,
    /// Global tiles: from west to before east, from north to before south.
    pub area: (i32, i32, i32, i32),
    /// How many live at once.
    pub being_count_max: u32,
    /// How long it takes until one is there that is missing, in milliseconds.
    pub spawn_ms: u64,
    /// How long it takes longer than that if one has died, in milliseconds.
    pub death_ms: u64,
    /// Which template of `world.toml` they are of. There need not be one.
    pub template: String,
    /// What each begins with: what its template gives it, and over that what was written beside it, `visual` and `title` among it.
    pub attributes: BTreeMap<String, Value>,
    /// What each does.
    pub behaviour: String,
}

/// A line that was drawn on a map to be walked along.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Its points, in the order in which they were drawn.
    pub points: Vec<Position>,
    /// Whether the last is followed by the first.
    pub is_closed: bool,
}

impl Path {
    /// The index of the point that is nearest to a place; None: none is on its level.
    #[must_use]
    pub fn nearest(&self, place: Position) -> Option<usize> {
        let distances = self.points.iter().map(|point| point.distance(&place));
        let near = distances
            .enumerate()
            .filter(|(_, distance)| distance.is_finite());
        near.min_by(|one, two| one.1.total_cmp(&two.1))
            .map(|(index, _)| index)
    }
}

/// Why a tile cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such map.
    #[error("there is no map {0:?}")]
    Map(String),
    /// The map has no such tile layer.
    #[error("map {map:?} has no tile layer {layer:?}")]
    Layer {
        /// The map.
        map: String,
        /// The layer that it has not.
        layer: String,
    },
    /// The tile is outside the map.
    #[error("tile ({x}, {y}) is outside map {map:?}")]
    Outside {
        /// The map.
        map: String,
        /// East.
        x: i32,
        /// South.
        y: i32,
    },
    /// None of the map's tilesets has such a tile.
    #[error("no tileset of map {map:?} has tile {gid}")]
    Gid {
        /// The map.
        map: String,
        /// The number.
        gid: u32,
    },
}

impl Map {
    /// Global tiles of its edges: west, north, and the first beyond east and south.
    #[must_use]
    pub fn area(&self) -> (i32, i32, i32, i32) {
        let west = self.origin.0 + self.corner.0;
        let north = self.origin.1 + self.corner.1;
        (
            west,
            north,
            west.saturating_add_unsigned(self.width),
            north.saturating_add_unsigned(self.height),
        )
    }

    /// Whether a global tile is on it.
    #[must_use]
    pub fn contains(&self, x: i32, y: i32) -> bool {
        let (west, north, east, south) = self.area();
        (west..east).contains(&x) && (north..south).contains(&y)
    }

    /// Whether a global tile blocks.
    #[must_use]
    pub fn is_blocked(&self, x: i32, y: i32) -> bool {
        self.index(
            x.saturating_sub(self.origin.0),
            y.saturating_sub(self.origin.1),
        )
        .is_none_or(|index| self.blocked.get(index))
    }

    /// How many tiles block.
    #[must_use]
    pub fn blocked_count(&self) -> usize {
        self.blocked.count()
    }

    /// The position of a place in the map's own tiles.
    #[must_use]
    pub fn to_global(&self, x: f64, y: f64) -> Position {
        Position {
            x: x + f64::from(self.origin.0),
            y: y + f64::from(self.origin.1),
            z: self.level,
        }
    }

    /// The regions that it has a part of.
    pub fn regions(&self, cell_tiles: u32) -> impl Iterator<Item = RegionId> + use<> {
        let (west, north, east, south) = self.area();
        let level = self.level;
        let first = RegionId::of_tile(level, west, north, cell_tiles);
        let last = RegionId::of_tile(level, east - 1, south - 1, cell_tiles);
        (first.row..=last.row).flat_map(move |row| {
            (first.column..=last.column).map(move |column| RegionId { level, column, row })
        })
    }

    pub(crate) fn check_edit(&self, edit: &TileEdit) -> Result<(), EditError> {
        let map = || self.name.clone();
        if !self.layers.iter().any(|layer| layer.name == edit.layer) {
            return Err(EditError::Layer {
                map: map(),
                layer: edit.layer.clone(),
            });
        }
        if self.index(edit.x, edit.y).is_none() {
            return Err(EditError::Outside {
                map: map(),
                x: edit.x,
                y: edit.y,
            });
        }
        let gid = edit.gid & GID_MASK;
        let is_known =
            |(tileset, id): (&Tileset, u32)| tileset.tile_count == 0 || id < tileset.tile_count;
        if gid != 0 && !self.tileset(gid).is_some_and(is_known) {
            return Err(EditError::Gid {
                map: map(),
                gid: edit.gid,
            });
        }
        Ok(())
    }

    /// Changes a tile for which [`Map::check_edit`] found nothing wrong.
    pub(crate) fn apply(&mut self, edit: &TileEdit) {
        let Some(index) = self.index(edit.x, edit.y) else {
            return;
        };
        let Some(layer) = self
            .layers
            .iter()
            .position(|layer| layer.name == edit.layer)
        else {
            return;
        };
        let blocks = self.blocks(layer, edit.gid);
        self.layers[layer].blocked.set(index, blocks);
        let is_blocked = self.layers.iter().any(|layer| layer.blocked.get(index));
        self.blocked.set(index, is_blocked);
    }

    /// Whether a tile blocks on a layer (DESIGN, "Content").
    fn blocks(&self, layer: usize, gid: u32) -> bool {
        let Some((tileset, id)) = self.tileset(gid & GID_MASK) else {
            return false;
        };
        blocks(&self.layers[layer], tileset, id)
    }

    fn tileset(&self, gid: u32) -> Option<(&Tileset, u32)> {
        let tileset = self
            .tilesets
            .iter()
            .filter(|tileset| tileset.first_gid <= gid)
            .max_by_key(|tileset| tileset.first_gid)?;
        Some((tileset, gid - tileset.first_gid))
    }

    /// The place of one of the map's own tiles in its tables.
    pub(crate) fn index(&self, x: i32, y: i32) -> Option<usize> {
        let column = u32::try_from(i64::from(x) - i64::from(self.corner.0))
            .ok()
            .filter(|&column| column < self.width)?;
        let row = u32::try_from(i64::from(y) - i64::from(self.corner.1))
            .ok()
            .filter(|&row| row < self.height)?;
        Some(row as usize * self.width as usize + column as usize)
    }
}

/// Whether a tile that is there blocks: on a blocking layer, by its own property, or on the layer of The Mana World's convention.
pub(crate) fn blocks(layer: &Layer, tileset: &Tileset, id: u32) -> bool {
    layer.is_blocking || tileset.blocking.contains(&id) || (layer.name == "Collision" && id != 0)
}
