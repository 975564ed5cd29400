//! Where maps are in the world. A map that has had a place keeps it, so that a new map moves nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tiled::Loader;

use super::{Files, is_of_world, objects::Drawn, read::resolve, stem, tilesets::Reader};
use crate::report::{Report, Severity};

/// The place of a map's own tile (0, 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The level.
    pub level: i32,
    /// In tiles.
    pub x: i32,
    /// In tiles.
    pub y: i32,
    /// Whether the map was in the content that was published last: what others have come to rely on.
    pub is_current: bool,
}

/// The places of maps, by name: of those that are there and those that ever were.
pub type Placements = BTreeMap<String, Placement>;

/// Gives each map its place, and returns all places that are taken now or were before.
///
/// Those that have a place keep it, unless their world wants them elsewhere; then come those that have had one before, if nobody has taken it meanwhile;
/// then those that are new in a world, and then those that are in none, each on a level of its own. So is a map that would overlap one that has its place.
pub(super) fn place(
    files: &Files,
    maps: &mut BTreeMap<String, Drawn>,
    known: &Placements,
    report: &mut Report,
) -> Placements {
    let mut in_worlds = BTreeSet::new();
    let mut worlds = Vec::new();
    for world in files
        .keys()
        .filter(|file| is_of_world(file) && file.ends_with(".world"))
    {
        let wanted = read_world(files, world, maps, &mut in_worlds, report);
        report_overlaps(world, &wanted, maps, report);
        worlds.push(wanted);
    }
    let next_level = known
        .values()
        .map(|place| place.level + 1)
        .max()
        .unwrap_or(0);
    let mut placing = Placing {
        maps,
        placed: BTreeMap::new(),
        next_level,
    };
    let wanted: BTreeMap<&str, (i32, i32)> = worlds
        .iter()
        .flatten()
        .map(|(name, place)| (name.as_str(), *place))
        .collect();
    let (current, former): (Vec<_>, Vec<_>) = known.iter().partition(|(_, place)| place.is_current);
    for (name, place) in current.into_iter().chain(former) {
        let is_wanted_there = wanted
            .get(name.as_str())
            .is_none_or(|wanted| *wanted == (place.x, place.y) || (place.x, place.y) == (0, 0));
        if is_wanted_there && placing.is_free(name, *place) {
            let place = Placement {
                is_current: true,
                ..*place
            };
            placing.placed.insert(name.clone(), place);
        }
    }
    for wanted in &worlds {
        placing.place_world(wanted);
    }
    for name in placing.maps.keys() {
        if !placing.placed.contains_key(name) {
            placing.placed.insert(
                name.clone(),
                Placement {
                    level: placing.next_level,
                    x: 0,
                    y: 0,
                    is_current: true,
                },
            );
            placing.next_level += 1;
        }
    }
    let placed = placing.placed;
    for (name, place) in &placed {
        if let Some(drawn) = maps.get_mut(name) {
            move_to(drawn, *place);
        }
    }
    let mut all = known.clone();
    all.values_mut().for_each(|place| place.is_current = false);
    all.extend(placed);
    all
}

struct Placing<'m> {
    maps: &'m BTreeMap<String, Drawn>,
    placed: Placements,
    next_level: i32,
}

impl Placing<'_> {
    /// Puts those maps of a world that have no place yet where the world wants them, on the level where most of its maps are.
    fn place_world(&mut self, wanted: &[(String, (i32, i32))]) {
        let mut votes: BTreeMap<i32, usize> = BTreeMap::new();
        for (name, (x, y)) in wanted {
            if let Some(place) = self
                .placed
                .get(name)
                .filter(|place| (place.x, place.y) == (*x, *y))
            {
                *votes.entry(place.level).or_default() += 1;
            }
        }
        let most = votes
            .into_iter()
            .max_by_key(|&(level, count)| (count, std::cmp::Reverse(level)));
        let level = most.map_or(self.next_level, |(level, _)| level);
        for (name, (x, y)) in wanted {
            let place = Placement {
                level,
                x: *x,
                y: *y,
                is_current: true,
            };
            if !self.placed.contains_key(name) && self.is_free(name, place) {
                self.placed.insert(name.clone(), place);
            }
        }
        self.next_level = self.next_level.max(level + 1);
    }

    /// Whether the map is here, and would overlap no other there.
    fn is_free(&self, name: &str, place: Placement) -> bool {
        let Some(drawn) = self.maps.get(name) else {
            return false;
        };
        self.placed.iter().all(|(other, other_place)| {
            other_place.level != place.level
                || self
                    .maps
                    .get(other)
                    .is_none_or(|other| !overlap(drawn, place, other, *other_place))
        })
    }
}

/// Real worlds overlap, and each pair is worth knowing of; and maps of one level must agree about the size of a tile.
fn report_overlaps(
    world: &str,
    wanted: &[(String, (i32, i32))],
    maps: &BTreeMap<String, Drawn>,
    report: &mut Report,
) {
    let place = |(x, y): (i32, i32)| Placement {
        level: 0,
        x,
        y,
        is_current: true,
    };
    for (index, (name, at)) in wanted.iter().enumerate() {
        let Some(drawn) = maps.get(name) else {
            continue;
        };
        for (other_name, other_at) in &wanted[..index] {
            let Some(other) = maps.get(other_name) else {
                continue;
            };
            if overlap(drawn, place(*at), other, place(*other_at)) {
                let text = format!(
                    "map {name:?} overlaps map {other_name:?}; one of them gets a level of its own"
                );
                report.add(Severity::Warning, world, None, text);
            }
        }
        let first = wanted.first().and_then(|(name, _)| maps.get(name));
        if first.is_some_and(|first| first.tile_size != drawn.tile_size) {
            let text =
                format!("its tiles are of another size than those of the other maps in {world}");
            report.add(Severity::Error, &drawn.map.file, Some(2), text);
        }
    }
}

fn overlap(one: &Drawn, one_place: Placement, two: &Drawn, two_place: Placement) -> bool {
    let area = |drawn: &Drawn, place: Placement| {
        let (west, north) = (
            i64::from(place.x) + i64::from(drawn.map.corner.0),
            i64::from(place.y) + i64::from(drawn.map.corner.1),
        );
        (
            west,
            north,
            west + i64::from(drawn.map.width),
            north + i64::from(drawn.map.height),
        )
    };
    let (one, two) = (area(one, one_place), area(two, two_place));
    one.0 < two.2 && two.0 < one.2 && one.1 < two.3 && two.1 < one.3
}

/// The maps that a `.world` file names and that are here, with their places in tiles.
fn read_world(
    files: &Files,
    world: &str,
    maps: &BTreeMap<String, Drawn>,
    in_worlds: &mut BTreeSet<String>,
    report: &mut Report,
) -> Vec<(String, (i32, i32))> {
    let parsed = match Loader::with_reader(Reader { files }).load_world(world) {
        Ok(parsed) => parsed,
        Err(error) => {
            report.add(Severity::Error, world, None, error.to_string());
            return Vec::new();
        }
    };
    let mut entries = parsed.maps.clone();
    for drawn in maps.values() {
        if let Some(Ok(matched)) = parsed
            .patterns
            .iter()
            .map(|pattern| pattern.match_path(stem_file(&drawn.map.file)))
            .find(Result::is_ok)
        {
            entries.push(matched);
        }
    }
    let mut wanted = Vec::new();
    for entry in entries {
        let file = resolve(world, &entry.filename);
        let Some(drawn) =
            file.and_then(|file| maps.get(stem(&file)).filter(|drawn| drawn.map.file == file))
        else {
            report.add(
                Severity::Warning,
                world,
                None,
                format!("names map {:?}, which is not here", entry.filename),
            );
            continue;
        };
        let (width, height) = (
            drawn.tile_size.0.cast_signed().max(1),
            drawn.tile_size.1.cast_signed().max(1),
        );
        if entry.x % width != 0 || entry.y % height != 0 {
            report.add(
                Severity::Error,
                world,
                None,
                format!(
                    "map {:?} is at ({}, {}), which are no whole tiles",
                    entry.filename, entry.x, entry.y
                ),
            );
        }
        if in_worlds.insert(drawn.map.name.clone()) {
            wanted.push((
                drawn.map.name.clone(),
                (entry.x.div_euclid(width), entry.y.div_euclid(height)),
            ));
        } else {
            report.add(
                Severity::Warning,
                world,
                None,
                format!("map {:?} has a place already", drawn.map.name),
            );
        }
    }
    wanted
}

fn stem_file(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// Moves everything on a map from its own tiles to where it is in the world.
fn move_to(drawn: &mut Drawn, place: Placement) {
    let map = &mut drawn.map;
    map.level = place.level;
    map.origin = (place.x, place.y);
    let moved = |(west, north, east, south): (i32, i32, i32, i32)| {
        let (x, y) = (place.x, place.y);
        (
            west.saturating_add(x),
            north.saturating_add(y),
            east.saturating_add(x),
            south.saturating_add(y),
        )
    };
    for warp in &mut map.warps {
        warp.area = moved(warp.area);
    }
    for spawn in &mut map.spawns {
        spawn.area = moved(spawn.area);
    }
    let npcs = map.npcs.iter_mut().map(|npc| &mut npc.position);
    let paths = map.paths.values_mut().map(Arc::make_mut);
    for position in npcs.chain(paths.flat_map(|path| &mut path.points)) {
        position.x += f64::from(place.x);
        position.y += f64::from(place.y);
        position.z = place.level;
    }
}
