//! What is drawn on a map's object layers: warps, starts and named points, and, for [`beings`], whoever lives there.

use std::collections::BTreeMap;

use tiled::{LayerType, ObjectShape, PropertyValue};

use super::beings;
use crate::{
    report::{Report, Severity},
    terrain::{Map, Warp},
};

/// A map with what is still to be connected.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) map: Map,
    pub(super) tile_size: (u32, u32),
    /// Where each of the map's warps is to lead, and the line that says so.
    pub(super) destinations: Vec<(Destination, Option<u32>)>,
    /// The lines of the map's NPCs and spawns.
    pub(super) npc_lines: Vec<Option<u32>>,
    pub(super) spawn_lines: Vec<Option<u32>>,
    /// Start objects, in the map's own tiles.
    pub(super) starts: Vec<(f64, f64)>,
    /// Named point objects, in the map's own tiles.
    pub(super) points: BTreeMap<String, (f64, f64)>,
    pub(super) unknown_classes: BTreeMap<String, usize>,
}

/// Where a warp is to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    Tile { map: String, x: i32, y: i32 },
    Point { map: String, name: String },
}

impl Destination {
    pub(super) fn map(&self) -> &str {
        match self {
            Self::Tile { map, .. } | Self::Point { map, .. } => map,
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tile { map, x, y } => write!(f, "({x}, {y}) of map {map:?}"),
            Self::Point { map, name } => write!(f, "point {name:?} of map {map:?}"),
        }
    }
}

/// Reads all object layers of a map whose origin is not yet known: places are the map's own, as if it began at (0, 0).
pub(super) fn read(source: &tiled::Map, text: &str, drawn: &mut Drawn, report: &mut Report) {
    let mut objects = Vec::new();
    for layer in source.layers() {
        collect(&layer, &mut objects);
    }
    let mut titles: BTreeMap<String, usize> = BTreeMap::new();
    for object in objects {
        let object = Object::new(object, source, text);
        match object.data.user_type.as_str() {
            "warp" => warp(&object, drawn, report),
            "spawn" => beings::spawn(&object, drawn),
            "npc" => beings::npc(&object, &mut titles, drawn),
            "path" => beings::path(&object, drawn, report),
            "start" => drawn.starts.push(object.centre()),
            "" => {}
            class => *drawn.unknown_classes.entry(class.to_owned()).or_default() += 1,
        }
        if matches!(object.data.shape, ObjectShape::Point(..)) && !object.data.name.is_empty() {
            drawn
                .points
                .insert(object.data.name.clone(), object.centre());
        }
    }
}

/// The objects of a layer, and of those in it. Groups nest as deep as the XML reader lets them.
fn collect<'m>(layer: &tiled::Layer<'m>, objects: &mut Vec<tiled::Object<'m>>) {
    match layer.layer_type() {
        LayerType::Objects(layer) => objects.extend(layer.objects()),
        LayerType::Group(group) => group.layers().for_each(|layer| collect(&layer, objects)),
        LayerType::Tiles(_) | LayerType::Image(_) => {}
    }
}

pub(super) struct Object<'m> {
    pub(super) data: tiled::Object<'m>,
    /// The size of a tile, in pixels.
    pub(super) tile: (f64, f64),
    pub(super) line: Option<u32>,
}

impl<'m> Object<'m> {
    fn new(data: tiled::Object<'m>, map: &tiled::Map, text: &str) -> Self {
        let id = format!("<object id=\"{}\"", data.id());
        let line = text
            .find(&id)
            .map(|at| text[..at].matches('\n').count() + 1)
            .and_then(|line| u32::try_from(line).ok());
        Self {
            tile: (f64::from(map.tile_width), f64::from(map.tile_height)),
            line,
            data,
        }
    }

    /// Width and height in pixels.
    pub(super) fn size(&self) -> (f64, f64) {
        match &self.data.shape {
            ObjectShape::Rect { width, height }
            | ObjectShape::Ellipse { width, height }
            | ObjectShape::Capsule { width, height }
            | ObjectShape::Text { width, height, .. } => (f64::from(*width), f64::from(*height)),
            ObjectShape::Polyline { .. } | ObjectShape::Polygon { .. } | ObjectShape::Point(..) => {
                (0.0, 0.0)
            }
        }
    }

    /// The north-west corner in pixels. Tile objects are anchored at their south-west corner.
    fn corner(&self) -> (f64, f64) {
        let up = if self.data.tile_data().is_some() {
            self.size().1
        } else {
            0.0
        };
        (f64::from(self.data.x), f64::from(self.data.y) - up)
    }

    /// The middle, in tiles.
    pub(super) fn centre(&self) -> (f64, f64) {
        let ((x, y), (width, height)) = (self.corner(), self.size());
        (
            (x + width / 2.0) / self.tile.0,
            (y + height / 2.0) / self.tile.1,
        )
    }

    /// The tiles that it touches: from west to before east, from north to before south.
    pub(super) fn area(&self) -> (i32, i32, i32, i32) {
        let ((x, y), (width, height)) = (self.corner(), self.size());
        let low = |pixels: f64, tile: f64| crate::position::floor(pixels / tile);
        let high = |pixels: f64, tile: f64| crate::position::floor((pixels / tile).ceil());
        let (west, north) = (low(x, self.tile.0), low(y, self.tile.1));
        let (east, south) = (high(x + width, self.tile.0), high(y + height, self.tile.1));
        (
            west,
            north,
            east.max(west.saturating_add(1)),
            south.max(north.saturating_add(1)),
        )
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.data.properties.get(name)? {
            PropertyValue::StringValue(text) | PropertyValue::FileValue(text) => Some(text.clone()),
            PropertyValue::IntValue(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A whole number, however its designer typed it.
    pub(super) fn number(&self, name: &str) -> Option<i32> {
        match self.data.properties.get(name)? {
            PropertyValue::IntValue(number) => Some(*number),
            PropertyValue::FloatValue(number) => Some(crate::position::floor(f64::from(*number))),
            PropertyValue::StringValue(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

fn warp(object: &Object<'_>, drawn: &mut Drawn, report: &mut Report) {
    let Some(map) = object.text("dest_map") else {
        report.add(
            Severity::Warning,
            &drawn.map.file,
            object.line,
            "a warp without dest_map".to_owned(),
        );
        return;
    };
    let map = map.strip_suffix(".tmx").unwrap_or(&map).to_owned();
    let destination = match (
        object.number("dest_x"),
        object.number("dest_y"),
        object.text("dest_name"),
    ) {
        (Some(x), Some(y), _) => Destination::Tile { map, x, y },
        (_, _, Some(name)) => Destination::Point { map, name },
        _ => {
            let text = "a warp with neither dest_x and dest_y nor dest_name".to_owned();
            report.add(Severity::Warning, &drawn.map.file, object.line, text);
            return;
        }
    };
    drawn.map.warps.push(Warp {
        area: object.area(),
        destination: None,
    });
    drawn.destinations.push((destination, object.line));
}
