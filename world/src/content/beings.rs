//! Whoever lives on a map, as it is drawn: NPCs, spawns, and the paths that they walk along. What world.toml says of them is [`super::settle`]'s.

use std::{collections::BTreeMap, sync::Arc};

use tiled::{ObjectShape, PropertyValue};
use wire::Value;

use super::objects::{Drawn, Object};
use crate::{
    position::Position,
    report::{Report, Severity},
    settings::RESERVED,
    terrain::{Npc, Path, Spawn},
};

/// Properties of a spawn that say how it works, and are no attributes of those who live there.
const OF_SPAWNS: [&str; 3] = ["max_beings", "spawn", "death"];

/// What a creature is called if its spawn has no name.
const NAMELESS: &str = "creature";

pub(super) fn spawn(object: &Object<'_>, drawn: &mut Drawn) {
    let is_whole_map = object.size() == (0.0, 0.0);
    let area = if is_whole_map {
        drawn.map.area()
    } else {
        object.area()
    };
    let count = |name| object.number(name).and_then(|count| count.try_into().ok());
    let time_ms = |name| object.number(name).and_then(|ms| ms.try_into().ok());
    let template = object.text("template");
    let name = Some(object.data.name.clone()).filter(|name| !name.is_empty());
    let kind = name.or_else(|| template.clone());
    let kind = kind.unwrap_or_else(|| NAMELESS.to_owned());
    let mut attributes = attributes(object);
    attributes.retain(|name, _| !OF_SPAWNS.contains(&name.as_str()));
    drawn.map.spawns.push(Spawn {
        template: template.unwrap_or_else(|| kind.clone()),
        kind,
        area,
        being_count_max: count("max_beings").unwrap_or(1),
        spawn_ms: time_ms("spawn").unwrap_or_default(),
        death_ms: time_ms("death").unwrap_or_default(),
        attributes,
        behaviour: object.text("behaviour").unwrap_or_default(),
    });
    drawn.spawn_lines.push(object.line);
}

pub(super) fn npc(object: &Object<'_>, titles: &mut BTreeMap<String, usize>, drawn: &mut Drawn) {
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
    let mut attributes = attributes(object);
    attributes
        .entry("title".to_owned())
        .or_insert_with(|| Value::Str(title));
    let centre = object.centre();
    let position = drawn.map.to_global(centre.0, centre.1);
    drawn.map.npcs.push(Npc {
        name,
        position,
        template: object.text("template"),
        attributes,
        behaviour: object.text("behaviour"),
    });
    drawn.npc_lines.push(object.line);
}

pub(super) fn path(object: &Object<'_>, drawn: &mut Drawn, report: &mut Report) {
    let mut warn = |text: &str| {
        let (file, text) = (&drawn.map.file, text.to_owned());
        report.add(Severity::Warning, file, object.line, text);
    };
    let name = object.data.name.clone();
    if name.is_empty() {
        return warn("a path without a name, by which nobody can be told to walk along it");
    }
    let (points, mut is_closed) = match &object.data.shape {
        ObjectShape::Polyline { points } => (points, false),
        ObjectShape::Polygon { points } => (points, true),
        _ => return warn("a path that is neither a polyline nor a polygon"),
    };
    let mut points: Vec<Position> = points
        .iter()
        .map(|&(x, y)| {
            let x = (f64::from(object.data.x) + f64::from(x)) / object.tile.0;
            let y = (f64::from(object.data.y) + f64::from(y)) / object.tile.1;
            drawn.map.to_global(x, y)
        })
        .collect();
    if points.len() > 2 && points.first() == points.last() {
        points.pop();
        is_closed = true;
    }
    if drawn.map.paths.contains_key(&name) {
        return warn(&format!("there is a path {name:?} on this map already"));
    }
    let path = Arc::new(Path { points, is_closed });
    drawn.map.paths.insert(name, path);
}

/// What is written beside an object and is an attribute of whoever it stands for.
fn attributes(object: &Object<'_>) -> BTreeMap<String, Value> {
    let properties = object.data.properties.iter();
    let properties = properties.filter(|(name, _)| {
        let name = name.as_str();
        name != "behaviour" && name != "template" && !RESERVED.contains(&name)
    });
    properties
        .filter_map(|(name, value)| Some((name.clone(), value_of(value)?)))
        .collect()
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
