//! Reading a world folder: `world.toml`, `.world` files, maps and tilesets, all of them given as bytes.

mod beings;
mod objects;
mod place;
mod read;
mod settle;
mod tilesets;

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use crate::{
    position::Position,
    region_id::RegionId,
    report::{MapSummary, Report, Severity},
    scripts::Scripts,
    settings::Settings,
    terrain::{Map, Terrain},
};
use objects::{Destination, Drawn};
pub use place::{Placement, Placements};

/// Every file of a world, by its name from the world's folder, with `/` between folders.
pub type Files = BTreeMap<String, Bytes>;

/// A world that can be served.
#[derive(Debug, Clone)]
pub struct Content {
    /// What its designer decided.
    pub settings: Settings,
    /// Its ground.
    pub terrain: Terrain,
    /// The places of its maps, and of those that were there before.
    pub placements: Placements,
    /// The text of `client/VERSION`; "0" without one.
    pub client_version: String,
    /// Behaviours of its own.
    pub scripts: Scripts,
    /// A hash of all that each map is made from, by name.
    pub fingerprints: BTreeMap<String, String>,
}

/// What came of reading a world.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The world, if it can be served.
    pub content: Option<Content>,
    /// What there is to say about it.
    pub report: Report,
}

/// Whether a file is a part of the world's own maps, and not of the client's or of scripts.
fn is_of_world(file: &str) -> bool {
    !file.starts_with("client/") && !file.starts_with("behaviours/")
}

/// The name of the map in a file.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Reads a world. `known` are the places that maps have had before: whoever has one keeps it.
#[must_use]
pub fn load(files: &Files, known: &Placements) -> Loaded {
    let mut report = Report::default();
    let settings = read_settings(files, &mut report);
    let mut drawn = read::maps(files, &mut report);
    let placements = place::place(files, &mut drawn, known, &mut report);
    let start = find_start(&drawn, &settings, &mut report);
    connect_warps(&mut drawn, &mut report);
    settle::settle(files, &mut drawn, &settings, &mut report);
    report.maps = drawn
        .values()
        .map(|drawn| summary(drawn, settings.cell_tiles))
        .collect();
    let fingerprints = fingerprints(files, &drawn);
    let client_version = client_version(files, &mut report);
    let (scripts, problems) = Scripts::load(files);
    report.problems.extend(problems);
    if let (Some(start), true) = (start, report.is_servable()) {
        let maps: Vec<Map> = drawn.into_values().map(|drawn| drawn.map).collect();
        let mut terrain = Terrain::new(maps, start, settings.cell_tiles);
        let free = terrain.nearest_free(start);
        if free != start {
            report.add(
                Severity::Warning,
                "world.toml",
                None,
                format!(
                    "the start ({}, {}) is blocked; the nearest free tile is used",
                    start.x, start.y
                ),
            );
            terrain = Terrain::new(
                terrain.maps().map(|map| Map::clone(map)).collect(),
                free,
                settings.cell_tiles,
            );
        }
        let content = Content {
            settings,
            terrain,
            placements,
            client_version,
            scripts,
            fingerprints,
        };
        return Loaded {
            content: Some(content),
            report,
        };
    }
    Loaded {
        content: None,
        report,
    }
}

fn read_settings(files: &Files, report: &mut Report) -> Settings {
    let Some(bytes) = files.get("world.toml") else {
        return Settings::default();
    };
    let parsed = match std::str::from_utf8(bytes) {
        Ok(text) => Settings::parse(text).map_err(|error| (error.line, error.text)),
        Err(_) => Err((None, "not UTF-8".to_owned())),
    };
    parsed.unwrap_or_else(|(line, text)| {
        report.add(Severity::Error, "world.toml", line, text);
        Settings::default()
    })
}

fn client_version(files: &Files, report: &mut Report) -> String {
    let Some(bytes) = files.get("client/VERSION") else {
        return "0".to_owned();
    };
    let version = String::from_utf8_lossy(bytes).trim().to_owned();
    if version.is_empty() || version.chars().count() > 64 || version.chars().any(char::is_control) {
        report.add(
            Severity::Error,
            "client/VERSION",
            Some(1),
            "expected one line of up to 64 characters, such as 1.4.2".to_owned(),
        );
    }
    version
}

/// A map is made from its file, its place and whatever tilesets there are: one that names another file than before has changed itself.
fn fingerprints(files: &Files, drawn: &BTreeMap<String, Drawn>) -> BTreeMap<String, String> {
    let mut tilesets = blake3::Hasher::new();
    for (name, data) in files
        .iter()
        .filter(|(name, _)| is_of_world(name) && name.ends_with(".tsx"))
    {
        tilesets
            .update(name.as_bytes())
            .update(blake3::hash(data).as_bytes());
    }
    let tilesets = tilesets.finalize();
    drawn
        .values()
        .map(|Drawn { map, .. }| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(tilesets.as_bytes());
            hasher.update(files.get(&map.file).map_or(&[][..], |data| data));
            hasher.update(format!("{} {:?}", map.level, map.origin).as_bytes());
            (map.name.clone(), hasher.finalize().to_hex().to_string())
        })
        .collect()
}

/// Where new characters begin: where `world.toml` says, or at the first `start` object, or in the middle of the first map.
fn find_start(
    drawn: &BTreeMap<String, Drawn>,
    settings: &Settings,
    report: &mut Report,
) -> Option<Position> {
    if let Some(start) = &settings.start {
        let Some(Drawn { map, .. }) = drawn.get(&start.map) else {
            report.add(
                Severity::Error,
                "world.toml",
                None,
                format!("start: there is no map {:?}", start.map),
            );
            return None;
        };
        let position = map.to_global(start.x, start.y);
        let (x, y) = position.tile();
        if !map.contains(x, y) {
            report.add(
                Severity::Error,
                "world.toml",
                None,
                format!(
                    "start: ({}, {}) is outside map {:?}",
                    start.x, start.y, start.map
                ),
            );
        }
        return Some(position);
    }
    if let Some((map, start)) = drawn
        .values()
        .find_map(|drawn| Some((&drawn.map, *drawn.starts.first()?)))
    {
        return Some(map.to_global(start.0, start.1));
    }
    let Some(Drawn { map, .. }) = drawn.values().next() else {
        report.add(
            Severity::Error,
            ".",
            None,
            "there is no map: no .tmx file in this folder or below it".to_owned(),
        );
        return None;
    };
    let middle = (
        f64::from(map.width / 2) + 0.5,
        f64::from(map.height / 2) + 0.5,
    );
    let text =
        "there is no start object; new characters begin in the middle of this map".to_owned();
    report.add(Severity::Warning, &map.file, None, text);
    Some(map.to_global(
        middle.0 + f64::from(map.corner.0),
        middle.1 + f64::from(map.corner.1),
    ))
}

/// Turns the warps' destinations into positions.
fn connect_warps(drawn: &mut BTreeMap<String, Drawn>, report: &mut Report) {
    let points: HashMap<(String, String), (f64, f64)> = drawn
        .iter()
        .flat_map(|(map, drawn)| {
            drawn
                .points
                .iter()
                .map(move |(name, place)| ((map.clone(), name.clone()), *place))
        })
        .collect();
    let targets: BTreeMap<String, Map> = drawn
        .iter()
        .map(|(name, drawn)| (name.clone(), drawn.map.clone()))
        .collect();
    let lookup = Terrain::new(
        targets.values().cloned().collect(),
        Position {
            x: 0.0,
            y: 0.0,
            z: 0,
        },
        64,
    );
    for Drawn {
        map, destinations, ..
    } in drawn.values_mut()
    {
        let file = map.file.clone();
        for (warp, (destination, line)) in map.warps.iter_mut().zip(destinations.iter()) {
            match resolve(destination, &targets, &points) {
                Ok(position) => {
                    let free = lookup.nearest_free(position);
                    if free.z != position.z || free.distance(&position) > NEAR_TILES {
                        report.add(
                            Severity::Warning,
                            &file,
                            *line,
                            format!("the warp to {destination} leads into a wall"),
                        );
                        continue;
                    }
                    if free != position {
                        report.add(Severity::Warning, &file, *line, format!("the warp to {destination} leads to a blocked tile; the nearest free one is used"));
                    }
                    warp.destination = Some(free);
                }
                Err(text) => report.add(Severity::Warning, &file, *line, text),
            }
        }
    }
}

/// A warp into a wall leads beside it if there is a free tile this near.
const NEAR_TILES: f64 = 16.0;

fn resolve(
    destination: &Destination,
    maps: &BTreeMap<String, Map>,
    points: &HashMap<(String, String), (f64, f64)>,
) -> Result<Position, String> {
    let map = maps.get(destination.map()).ok_or_else(|| {
        format!(
            "the warp leads to map {:?}, which is not here",
            destination.map()
        )
    })?;
    let place = match destination {
        Destination::Tile { x, y, .. } => (f64::from(*x) + 0.5, f64::from(*y) + 0.5),
        Destination::Point { map, name } => {
            *points.get(&(map.clone(), name.clone())).ok_or_else(|| {
                format!("the warp leads to {destination}, but there is no such point")
            })?
        }
    };
    let position = map.to_global(place.0, place.1);
    let (x, y) = position.tile();
    if map.contains(x, y) {
        Ok(position)
    } else {
        Err(format!(
            "the warp leads to {destination}, which is outside that map"
        ))
    }
}

fn summary(
    Drawn {
        map,
        unknown_classes,
        ..
    }: &Drawn,
    cell_tiles: u32,
) -> MapSummary {
    let (x, y, ..) = map.area();
    let regions: std::collections::BTreeSet<RegionId> = map.regions(cell_tiles).collect();
    MapSummary {
        name: map.name.clone(),
        width: map.width,
        height: map.height,
        level: map.level,
        x,
        y,
        region_count: regions.len(),
        blocked_count: map.blocked_count(),
        warp_count: map.warps.len(),
        dead_warp_count: map
            .warps
            .iter()
            .filter(|warp| warp.destination.is_none())
            .count(),
        spawn_count: map.spawns.len(),
        creature_count: map
            .spawns
            .iter()
            .map(|spawn| u64::from(spawn.being_count_max))
            .sum(),
        npc_count: map.npcs.len(),
        unknown_classes: unknown_classes.clone(),
    }
}
