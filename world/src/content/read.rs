//! Reading the maps of a world, one by one, with the `tiled` crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    path::Path,
};

use tiled::{LayerType, Loader, PropertyValue, TileLayer};

use super::{
    Files, is_of_world,
    objects::{self, Drawn},
    stem,
    tilesets::Reader,
};
use crate::{
    report::{Report, Severity},
    terrain::{Layer, Map, Tileset, map_blocks},
};

/// The widest and highest map, in tiles.
const MAP_TILES_MAX: u32 = 16_384;

/// Reads every map that there is, by name. Their places are still to be found.
pub(super) fn maps(files: &Files, report: &mut Report) -> BTreeMap<String, Drawn> {
    let mut loader = Loader::with_reader(Reader { files });
    let mut maps: BTreeMap<String, Drawn> = BTreeMap::new();
    for (file, data) in files
        .iter()
        .filter(|(file, _)| is_of_world(file) && file.ends_with(".tmx"))
    {
        let name = stem(file);
        if let Some(other) = maps.get(name) {
            report.add(
                Severity::Error,
                file,
                None,
                format!("a map of the same name is in {}", other.map.file),
            );
            continue;
        }
        match loader.load_tmx_map(file) {
            Ok(source) => {
                let text = String::from_utf8_lossy(data);
                if let Some(drawn) = read(file, name, &source, &text, report) {
                    maps.insert(name.to_owned(), drawn);
                }
            }
            Err(error) => report.add(Severity::Error, file, None, chain(&error)),
        }
    }
    maps
}

fn read(
    file: &str,
    name: &str,
    source: &tiled::Map,
    text: &str,
    report: &mut Report,
) -> Option<Drawn> {
    if source.orientation != tiled::Orientation::Orthogonal {
        report.add(
            Severity::Error,
            file,
            Some(2),
            format!(
                "orientation {:?}: only orthogonal maps are served",
                source.orientation
            ),
        );
        return None;
    }
    let (corner, width, height) = extent(source);
    if width == 0 || height == 0 || width > MAP_TILES_MAX || height > MAP_TILES_MAX {
        report.add(
            Severity::Error,
            file,
            Some(2),
            format!("a map of {width} by {height} tiles; 1 to {MAP_TILES_MAX} are served"),
        );
        return None;
    }
    let map = Map {
        name: name.to_owned(),
        file: file.to_owned(),
        level: 0,
        origin: (0, 0),
        corner,
        width,
        height,
        tilesets: tilesets(file, source, text, report),
        layers: Vec::new(),
        blocked: crate::terrain::Bits::default(),
        warps: Vec::new(),
        npcs: Vec::new(),
        spawns: Vec::new(),
        paths: BTreeMap::new(),
    };
    let mut drawn = Drawn {
        map,
        tile_size: (source.tile_width, source.tile_height),
        destinations: Vec::new(),
        npc_lines: Vec::new(),
        spawn_lines: Vec::new(),
        starts: Vec::new(),
        points: BTreeMap::new(),
        unknown_classes: BTreeMap::new(),
    };
    for layer in source.layers() {
        read_layer(&layer, false, &mut drawn.map);
    }
    objects::read(source, text, &mut drawn, report);
    Some(drawn)
}

/// The own tile that is the north-west corner, and the size. Of an infinite map, of the chunks that have tiles.
fn extent(source: &tiled::Map) -> ((i32, i32), u32, u32) {
    if !source.infinite() {
        return ((0, 0), source.width, source.height);
    }
    let mut chunks = Vec::new();
    for layer in source.layers() {
        collect_chunks(&layer, &mut chunks);
    }
    let side = |axis: fn(&(i32, i32)) -> i32, size: u32| {
        let low = chunks.iter().map(axis).min().unwrap_or(0);
        let high = chunks.iter().map(axis).max().map_or(0, |high| high + 1);
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        (
            low.saturating_mul(size),
            high.saturating_sub(low).saturating_mul(size).unsigned_abs(),
        )
    };
    let (west, width) = side(|chunk| chunk.0, tiled::ChunkData::WIDTH);
    let (north, height) = side(|chunk| chunk.1, tiled::ChunkData::HEIGHT);
    ((west, north), width, height)
}

fn collect_chunks(layer: &tiled::Layer<'_>, chunks: &mut Vec<(i32, i32)>) {
    match layer.layer_type() {
        LayerType::Tiles(TileLayer::Infinite(tiles)) => {
            chunks.extend(tiles.chunk_data().map(|(place, _)| place))
        }
        LayerType::Group(group) => group
            .layers()
            .for_each(|layer| collect_chunks(&layer, chunks)),
        _ => {}
    }
}

fn read_layer(layer: &tiled::Layer<'_>, is_in_blocking: bool, map: &mut Map) {
    let is_blocking = is_in_blocking || is_true(layer.properties.get("blocked"));
    let tiles = match layer.layer_type() {
        LayerType::Group(group) => {
            return group
                .layers()
                .for_each(|layer| read_layer(&layer, is_blocking, map));
        }
        LayerType::Tiles(tiles) => tiles,
        LayerType::Objects(_) | LayerType::Image(_) => return,
    };
    let mut read = Layer {
        name: layer.name.clone(),
        is_blocking,
        blocked: crate::terrain::Bits::default(),
    };
    let can_block = is_blocking
        || read.name == "Collision"
        || map
            .tilesets
            .iter()
            .any(|tileset| !tileset.blocking.is_empty());
    if can_block {
        for row in 0..map.height.cast_signed() {
            for column in 0..map.width.cast_signed() {
                let (x, y) = (map.corner.0 + column, map.corner.1 + row);
                let Some(tile) = tiles.get_tile(x, y) else {
                    continue;
                };
                let Some(tileset) = map.tilesets.get(tile.tileset_index()) else {
                    continue;
                };
                if map_blocks(&read, tileset, tile.id())
                    && let Some(index) = map.index(x, y)
                {
                    read.blocked.set(index, true);
                    map.blocked.set(index, true);
                }
            }
        }
    }
    map.layers.push(read);
}

/// The map's tilesets, with the numbers at which they begin: the `tiled` crate keeps those to itself.
fn tilesets(file: &str, source: &tiled::Map, text: &str, report: &mut Report) -> Vec<Tileset> {
    let first_gids = text.split("firstgid=").skip(1).map(|rest| {
        let quoted = rest.trim_start_matches(['"', '\'']);
        quoted[..quoted.find(['"', '\'']).unwrap_or(0)]
            .parse()
            .unwrap_or(1)
    });
    let tilesets = source.tilesets().iter().zip(first_gids);
    tilesets
        .map(|(tileset, first_gid)| {
            if tileset.tilecount == 0 && tileset.image.is_some() {
                let text = format!(
                    "tileset {:?} does not say how large its image is; its tiles are not counted",
                    tileset.name
                );
                report.add(Severity::Warning, file, None, text);
            }
            let blocking: BTreeSet<u32> = tileset
                .tiles()
                .filter(|(_, tile)| is_true(tile.properties.get("blocked")))
                .map(|(id, _)| id)
                .collect();
            Tileset {
                first_gid,
                tile_count: tileset.tilecount,
                blocking,
            }
        })
        .collect()
}

fn is_true(property: Option<&PropertyValue>) -> bool {
    matches!(property, Some(PropertyValue::BoolValue(true)))
}

/// An error and all that is behind it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// The last part of a path, for `.world` files, whose maps may be anywhere below them.
pub(super) fn resolve(world_file: &str, map_file: &str) -> Option<String> {
    let folder = Path::new(world_file).parent().unwrap_or(Path::new(""));
    super::tilesets::normal(&folder.join(map_file))
}
