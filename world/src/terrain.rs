//! The ground: which tiles there are, which of them block, where warps lead. An immutable snapshot, cheap to clone; an edit makes a new one.

mod creatures;
mod map;
mod sweep;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) use map::{Bits, Layer, Tileset, blocks as map_blocks};
pub use map::{EditError, Map, Npc, Path, Spawn, Warp};

use crate::{
    movement::{self, Ground},
    position::Position,
    region::Creature,
    region_id::RegionId,
};

/// A change of one tile, in the map's own tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileEdit {
    /// The map's name.
    pub map: String,
    /// The layer's name.
    pub layer: String,
    /// Tiles to the east.
    pub x: i32,
    /// Tiles to the south.
    pub y: i32,
    /// The tile, as the map's file numbers it; 0 for none.
    pub gid: u32,
}

/// How far [`Terrain::nearest_free`] looks, in tiles.
const SEARCH_TILES: i32 = 128;

/// All maps of a world.
#[derive(Debug, Clone)]
pub struct Terrain {
    maps: BTreeMap<String, Arc<Map>>,
    by_level: BTreeMap<i32, Vec<Arc<Map>>>,
    regions: Arc<BTreeSet<RegionId>>,
    creatures: Arc<BTreeMap<RegionId, Vec<Creature>>>,
    start: Position,
    cell_tiles: u32,
}

impl Terrain {
    /// A terrain of maps that do not overlap, whose new characters begin at `start`.
    pub(crate) fn new(maps: Vec<Map>, start: Position, cell_tiles: u32) -> Self {
        let maps: BTreeMap<String, Arc<Map>> = maps
            .into_iter()
            .map(|map| (map.name.clone(), Arc::new(map)))
            .collect();
        let regions = maps
            .values()
            .flat_map(|map| map.regions(cell_tiles))
            .collect();
        let by_level = by_level(&maps);
        Self {
            creatures: Arc::new(creatures::of(maps.values(), cell_tiles)),
            maps,
            by_level,
            regions: Arc::new(regions),
            start,
            cell_tiles,
        }
    }

    /// Every map, by name.
    pub fn maps(&self) -> impl Iterator<Item = &Arc<Map>> {
        self.maps.values()
    }

    /// The map of a name.
    #[must_use]
    pub fn map(&self, name: &str) -> Option<&Arc<Map>> {
        self.maps.get(name)
    }

    /// The map that a tile belongs to.
    #[must_use]
    pub fn map_at(&self, level: i32, x: i32, y: i32) -> Option<&Arc<Map>> {
        self.by_level
            .get(&level)?
            .iter()
            .find(|map| map.contains(x, y))
    }

    /// Whether nobody can be on a tile. Where no map is, nobody can.
    #[must_use]
    pub fn is_blocked(&self, level: i32, x: i32, y: i32) -> bool {
        self.map_at(level, x, y)
            .is_none_or(|map| map.is_blocked(x, y))
    }

    /// Whether somebody can be there.
    #[must_use]
    pub fn is_free(&self, position: Position) -> bool {
        movement::is_free(self, position)
    }

    /// Whether one can walk straight from one place to another on its level.
    #[must_use]
    pub fn sweep(&self, from: Position, to: Position) -> bool {
        from.z == to.z
            && to.is_valid()
            && sweep::is_clear(from, to, |x, y| self.is_blocked(from.z, x, y))
    }

    /// Where the warp leads that one is on.
    #[must_use]
    pub fn warp_at(&self, position: Position) -> Option<Position> {
        let (x, y) = position.tile();
        self.map_at(position.z, x, y)?
            .warps
            .iter()
            .find(|warp| warp.covers(x, y))?
            .destination
    }

    /// Every region that a map has a part of.
    #[must_use]
    pub fn regions(&self) -> &BTreeSet<RegionId> {
        &self.regions
    }

    /// The side of a region, in tiles.
    #[must_use]
    pub fn cell_tiles(&self) -> u32 {
        self.cell_tiles
    }

    /// Where new characters begin.
    #[must_use]
    pub fn start(&self) -> Position {
        self.start
    }

    /// Whom the maps put into a region: NPCs whose place is there, and those of spawns whose north-western tile is.
    pub fn creatures(&self, region: RegionId) -> impl Iterator<Item = &Creature> {
        self.creatures.get(&region).into_iter().flatten()
    }

    /// The path of a name: that of the map where somebody is at home, else of the first map by name that has one.
    #[must_use]
    pub fn path(&self, home: Position, name: &str) -> Option<&Arc<Path>> {
        let (x, y) = home.tile();
        let at_home = self.map_at(home.z, x, y);
        let mut maps = at_home.into_iter().chain(self.maps());
        maps.find_map(|map| map.paths.get(name))
    }

    /// The centre of the free tile that is nearest to a position; the position itself if it is free. If nothing near is free, the same of the start,
    /// which an edit may have blocked.
    #[must_use]
    pub fn nearest_free(&self, position: Position) -> Position {
        self.free_near(position)
            .or_else(|| self.free_near(self.start))
            .unwrap_or(self.start)
    }

    fn free_near(&self, position: Position) -> Option<Position> {
        if self.is_free(position) {
            return Some(position);
        }
        // Nothing is near on a level that is not there any more.
        self.by_level.get(&position.z)?;
        let (x, y) = position.tile();
        let (x, y) = (i64::from(x), i64::from(y));
        for radius in 0..=i64::from(SEARCH_TILES) {
            let ring = (-radius..=radius).flat_map(|step| {
                [
                    (step, -radius),
                    (step, radius),
                    (-radius, step),
                    (radius, step),
                ]
            });
            let nearest = ring
                .filter_map(|(east, south)| {
                    Some((
                        i32::try_from(x + east).ok()?,
                        i32::try_from(y + south).ok()?,
                    ))
                })
                .filter(|&(x, y)| !self.is_blocked(position.z, x, y))
                .map(|(x, y)| Position::centre_of(x, y, position.z))
                .min_by(|one, two| one.distance(&position).total_cmp(&two.distance(&position)));
            if nearest.is_some() {
                return nearest;
            }
        }
        None
    }

    /// Whether a tile could be changed so.
    ///
    /// # Errors
    /// Names what there is not: the map, the layer, the tile, the number.
    pub fn check_edit(&self, edit: &TileEdit) -> Result<(), EditError> {
        let map = self
            .map(&edit.map)
            .ok_or_else(|| EditError::Map(edit.map.clone()))?;
        map.check_edit(edit)
    }

    /// The terrain after edits. Those that do not fit it are left out.
    #[must_use]
    pub fn with_edits(&self, edits: &[TileEdit]) -> Terrain {
        let mut maps = self.maps.clone();
        for edit in edits {
            if let Some(map) = maps.get_mut(&edit.map)
                && map.check_edit(edit).is_ok()
            {
                Arc::make_mut(map).apply(edit);
            }
        }
        let by_level = by_level(&maps);
        Terrain {
            maps,
            by_level,
            ..self.clone()
        }
    }

    /// The terrain with one map as it is in another: without its edits, for example.
    #[must_use]
    pub fn with_map_of(&self, other: &Terrain, name: &str) -> Terrain {
        let mut maps = self.maps.clone();
        if let Some(map) = other.maps.get(name) {
            maps.insert(name.to_owned(), map.clone());
        }
        let by_level = by_level(&maps);
        Terrain {
            maps,
            by_level,
            ..self.clone()
        }
    }
}

impl Ground for Terrain {
    fn is_blocked(&self, level: i32, x: i32, y: i32) -> bool {
        Terrain::is_blocked(self, level, x, y)
    }

    fn sweep(&self, from: Position, to: Position) -> bool {
        Terrain::sweep(self, from, to)
    }

    fn warp_at(&self, place: Position) -> Option<Position> {
        Terrain::warp_at(self, place)
    }

    fn nearest_free(&self, place: Position) -> Option<Position> {
        Some(Terrain::nearest_free(self, place))
    }

    fn place_of_tile(&self, map: &str, x: i32, y: i32) -> Option<Position> {
        let map = self.map(map)?;
        let (x, y) = (map.origin.0.checked_add(x)?, map.origin.1.checked_add(y)?);
        map.contains(x, y)
            .then(|| Position::centre_of(x, y, map.level))
    }

    fn start(&self) -> Position {
        Terrain::start(self)
    }

    fn path(&self, home: Position, name: &str) -> Option<Arc<Path>> {
        Terrain::path(self, home, name).cloned()
    }
}

fn by_level(maps: &BTreeMap<String, Arc<Map>>) -> BTreeMap<i32, Vec<Arc<Map>>> {
    let mut by_level: BTreeMap<i32, Vec<Arc<Map>>> = BTreeMap::new();
    for map in maps.values() {
        by_level.entry(map.level).or_default().push(map.clone());
    }
    by_level
}
