//! Where maps are in the world. A map that has had a place keeps it, so that a new map moves nobody.

use std::collections::{BTreeMap, BTreeSet};

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
}

/// The places of maps, by name: of those that are there and those that ever were.
pub type Placements = BTreeMap<String, Placement>;

/// Gives each map its place, and returns all places that are taken now or were before.
pub(super) fn place(
    files: &Files,
    maps: &mut BTreeMap<String, Drawn>,
    known: &Placements,
    report: &mut Report,
) -> Placements {
    let mut placing = Placing {
        placed: BTreeMap::new(),
        next_level: known
            .values()
            .map(|place| place.level + 1)
            .max()
            .unwrap_or(0),
        known,
    };
    let mut in_worlds = BTreeSet::new();
    for world in files
        .keys()
        .filter(|file| is_of_world(file) && file.ends_with(".world"))
    {
        let wanted = read_world(files, world, maps, &mut in_worlds, report);
        placing.place_world(world, &wanted, maps, report);
    }
    for (name, drawn) in maps.iter() {
        if !in_worlds.contains(name) {
            placing.place_alone(name, drawn);
        }
    }
    for (name, place) in &placing.placed {
        if let Some(drawn) = maps.get_mut(name) {
            move_to(drawn, *place);
        }
    }
    let mut all = known.clone();
    all.extend(placing.placed);
    all
}

struct Placing<'k> {
    known: &'k Placements,
    placed: Placements,
    next_level: i32,
}

impl Placing<'_> {
    /// Those that have a place on the world's level come first, and then the others in the file's order.
    fn place_world(
        &mut self,
        world: &str,
        wanted: &[(String, (i32, i32))],
        maps: &BTreeMap<String, Drawn>,
        report: &mut Report,
    ) {
        let keeps = |(name, (x, y)): &(String, (i32, i32)), level: i32| {
            self.known
                .get(name)
                .is_some_and(|place| place.level == level && (place.x, place.y) == (*x, *y))
        };
        let stands = |entry: &(String, (i32, i32))| {
            let place = self
                .known
                .get(&entry.0)
                .filter(|place| (place.x, place.y) == entry.1)?;
            Some(place.level)
        };
        // The level on which most of this world's maps stand already.
        let mut votes: BTreeMap<i32, usize> = BTreeMap::new();
        for level in wanted.iter().filter_map(stands) {
            *votes.entry(level).or_default() += 1;
        }
        let taken: BTreeSet<i32> = self.placed.values().map(|place| place.level).collect();
        let level = votes
            .into_iter()
            .filter(|(level, _)| !taken.contains(level))
            .max_by_key(|&(level, count)| (count, -level));
        let level = level.map_or_else(|| self.new_level(), |(level, _)| level);
        let (first, then): (Vec<_>, Vec<_>) = wanted.iter().partition(|entry| keeps(entry, level));
        let mut on_level: Vec<&str> = Vec::new();
        for (name, (x, y)) in first.into_iter().chain(then) {
            let Some(drawn) = maps.get(name) else {
                continue;
            };
            let place = Placement {
                level,
                x: *x,
                y: *y,
            };
            let has_own_level = self
                .known
                .get(name)
                .is_some_and(|known| known.level != level && (known.x, known.y) == (0, 0));
            let overlapped = on_level.iter().copied().find(|other| {
                maps.get(*other)
                    .zip(self.placed.get(*other))
                    .is_some_and(|(drawn_other, other)| overlap(drawn, place, drawn_other, *other))
            });
            let differs = on_level
                .first()
                .and_then(|other| maps.get(*other))
                .is_some_and(|other| other.tile_size != drawn.tile_size);
            if differs {
                report.add(
                    Severity::Error,
                    &drawn.map.file,
                    Some(2),
                    format!(
                        "its tiles are of another size than those of the other maps in {world}"
                    ),
                );
            }
            if let Some(other) = overlapped {
                report.add(
                    Severity::Warning,
                    world,
                    None,
                    format!("map {name:?} overlaps map {other:?}; it gets a level of its own"),
                );
            }
            if overlapped.is_some() || has_own_level {
                self.place_alone(name, drawn);
            } else {
                self.placed.insert(name.clone(), place);
                on_level.push(name);
            }
        }
    }

    /// A level of its own: the one that it has had, if nobody else is there.
    fn place_alone(&mut self, name: &str, _drawn: &Drawn) {
        let known = self.known.get(name).copied();
        let is_alone = |place: &Placement| {
            let elsewhere = |(other, other_place): (&String, &Placement)| {
                other == name || other_place.level != place.level
            };
            self.placed.iter().all(elsewhere) && self.known.iter().all(elsewhere)
        };
        let place = known.filter(is_alone);
        let place = place.unwrap_or_else(|| Placement {
            level: self.new_level(),
            x: 0,
            y: 0,
        });
        self.placed.insert(name.to_owned(), place);
    }

    fn new_level(&mut self) -> i32 {
        self.next_level += 1;
        self.next_level - 1
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
    for npc in &mut map.npcs {
        npc.position.x += f64::from(place.x);
        npc.position.y += f64::from(place.y);
        npc.position.z = place.level;
    }
}
