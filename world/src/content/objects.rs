//! What is drawn on a map's object layers: warps, spawns, NPCs, starts and named points.

use std::collections::BTreeMap;

use tiled::{LayerType, ObjectShape, PropertyValue};
use wire::Value;

use crate::{
    report::{Report, Severity},
    terrain::{Map, Npc, Spawn, Warp},
};

/// A map with what is still to be connected.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) map: Map,
    pub(super) tile_size: (u32, u32),
    /// Where each of the map's warps is to lead, and the line that says so.
    pub(super) destinations: Vec<(Destination, Option<u32>)>,
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
            "spawn" => spawn(&object, drawn),
            "npc" => npc(&object, &mut titles, drawn),
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

struct Object<'m> {
    data: tiled::Object<'m>,
    tile: (f64, f64),
    line: Option<u32>,
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
    fn size(&self) -> (f64, f64) {
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
    fn centre(&self) -> (f64, f64) {
        let ((x, y), (width, height)) = (self.corner(), self.size());
        (
            (x + width / 2.0) / self.tile.0,
            (y + height / 2.0) / self.tile.1,
        )
    }

    /// The tiles that it touches: from west to before east, from north to before south.
    fn area(&self) -> (i32, i32, i32, i32) {
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

    fn text(&self, name: &str) -> Option<String> {
        match self.data.properties.get(name)? {
            PropertyValue::StringValue(text) | PropertyValue::FileValue(text) => Some(text.clone()),
            PropertyValue::IntValue(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A whole number, however its designer typed it.
    fn number(&self, name: &str) -> Option<i32> {
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

fn spawn(object: &Object<'_>, drawn: &mut Drawn) {
    let is_whole_map = object.size() == (0.0, 0.0);
    let (west, north, east, south) = drawn.map.area();
    let area = if is_whole_map {
        (west, north, east, south)
    } else {
        object.area()
    };
    let being_count_max = object
        .number("max_beings")
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or(1);
    drawn.map.spawns.push(Spawn {
        kind: object.data.name.clone(),
        area,
        being_count_max,
    });
}

fn npc(object: &Object<'_>, titles: &mut BTreeMap<String, usize>, drawn: &mut Drawn) {
    let title = if object.data.name.is_empty() {
        "npc".to_owned()
    } else {
        object.data.name.clone()
    };
    let count = titles.entry(title.clone()).or_default();
    *count += 1;
    let name = if *count == 1 {
        format!("{title}#{}", drawn.map.name)
    } else {
        format!("{title}#{}.{count}", drawn.map.name)
    };
    let mut attributes: BTreeMap<String, Value> = object
        .data
        .properties
        .iter()
        .filter(|(name, _)| {
            name.as_str() != "behaviour" && !crate::settings::RESERVED.contains(&name.as_str())
        })
        .filter_map(|(name, value)| Some((name.clone(), value_of(value)?)))
        .collect();
    attributes
        .entry("visual".to_owned())
        .or_insert_with(|| Value::Str("npc".to_owned()));
    attributes
        .entry("title".to_owned())
        .or_insert_with(|| Value::Str(title));
    let centre = object.centre();
    let position = drawn.map.to_global(centre.0, centre.1);
    drawn.map.npcs.push(Npc {
        name,
        position,
        attributes,
        behaviour: object.text("behaviour"),
    });
}

fn value_of(value: &PropertyValue) -> Option<Value> {
    match value {
        PropertyValue::BoolValue(flag) => Some(Value::Bool(*flag)),
        PropertyValue::FloatValue(number) => Some(Value::Float(f64::from(*number))),
        PropertyValue::IntValue(number) => Some(Value::Int(i64::from(*number))),
        PropertyValue::StringValue(text) | PropertyValue::FileValue(text) => {
            Some(Value::Str(text.clone()))
        }
        _ => None,
    }
}
