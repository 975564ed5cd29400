//! One entity as clients see it: a dict that is pickled once per dialect and change, and only by the first who needs it. A step rewrites
//! sixteen bytes of it.

use std::{sync::OnceLock, time::Instant};

use bytes::Bytes;
use wire::{
    Dialect, Value,
    pickle::{self, Limits},
};
use world::{position::Position, region::Shown, region_id::RegionId};

/// An entity.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) key: String,
    pub(super) name: String,
    /// `(own, version)`: orders all that is ever said of a name.
    pub(super) said: (u64, u64),
    /// The region that spoke of it last.
    pub(super) region: RegionId,
    pub(super) position: Position,
    /// Until when it is kept after a departure, while the arrival has not come.
    pub(super) leaving: Option<Instant>,
    /// A dict: what `update` shows besides name and place.
    attributes: Value,
    pickled: Bytes,
    fragments: [OnceLock<Fragment>; 4],
}

/// Its dict, ready to be copied into a reply.
#[derive(Debug)]
struct Fragment {
    bytes: Vec<u8>,
    /// Where the position's first float is.
    position_at: usize,
}

/// A float: an opcode and eight bytes.
const FLOAT_BYTES: usize = 9;

impl Entity {
    /// A new one; None: what is said of it does not say what it looks like.
    pub(super) fn new(key: String, shown: Shown, region: RegionId) -> Option<Self> {
        let pickled = shown.attributes?;
        let attributes = dict(&pickled)?;
        Some(Self {
            key,
            name: shown.name,
            said: (shown.own, shown.version),
            region,
            position: shown.position,
            leaving: None,
            attributes,
            pickled,
            fragments: Default::default(),
        })
    }

    /// Takes over what is said of it now.
    pub(super) fn change(&mut self, shown: Shown, region: RegionId) {
        self.said = (shown.own, shown.version);
        self.region = region;
        self.leaving = None;
        self.step_to(shown.position);
        let attributes = shown
            .attributes
            .filter(|pickled| *pickled != self.pickled)
            .and_then(|pickled| Some((dict(&pickled)?, pickled)));
        if let Some((attributes, pickled)) = attributes {
            self.attributes = attributes;
            self.pickled = pickled;
            self.fragments = Default::default();
        }
        if shown.name != self.name {
            self.name = shown.name;
            self.fragments = Default::default();
        }
    }

    /// One of the attributes that `update` shows.
    pub(super) fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name)
    }

    /// Its dict in a dialect.
    pub(super) fn fragment(&self, dialect: Dialect) -> &[u8] {
        let fragment = self.fragments[dialect.index()].get_or_init(|| self.write_fragment(dialect));
        &fragment.bytes
    }

    fn step_to(&mut self, position: Position) {
        let is_same_level = position.z == self.position.z;
        self.position = position;
        for cell in &mut self.fragments {
            match cell.get_mut() {
                Some(fragment) if is_same_level => fragment.step_to(position),
                Some(_) => *cell = OnceLock::new(),
                None => {}
            }
        }
    }

    fn write_fragment(&self, dialect: Dialect) -> Fragment {
        let mut bytes = b"}(".to_vec();
        pickle::fragment(&Value::Str("pos".to_owned()), dialect, &mut bytes);
        let position_at = bytes.len();
        pickle::fragment(&position_value(self.position), dialect, &mut bytes);
        pickle::fragment(&Value::Str("name".to_owned()), dialect, &mut bytes);
        pickle::fragment(&Value::Str(self.name.clone()), dialect, &mut bytes);
        if let Value::Dict(entries) = &self.attributes {
            for (name, value) in entries {
                pickle::fragment(name, dialect, &mut bytes);
                pickle::fragment(value, dialect, &mut bytes);
            }
        }
        bytes.push(b'u');
        Fragment { bytes, position_at }
    }
}

impl Fragment {
    fn step_to(&mut self, position: Position) {
        for (index, coordinate) in [position.x, position.y].into_iter().enumerate() {
            let at = self.position_at + index * FLOAT_BYTES + 1;
            self.bytes[at..at + FLOAT_BYTES - 1].copy_from_slice(&coordinate.to_be_bytes());
        }
    }
}

/// `(x, y, z)`
pub(crate) fn position_value(position: Position) -> Value {
    let Position { x, y, z } = position;
    Value::Tuple(vec![
        Value::Float(x),
        Value::Float(y),
        Value::Int(i64::from(z)),
    ])
}

fn dict(pickled: &[u8]) -> Option<Value> {
    let value = pickle::load(pickled, &Limits::stored()).ok();
    value.filter(|value| matches!(value, Value::Dict(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Str(text.to_owned())
    }

    fn shown(version: u64, x: f64, z: i32, hp: Option<i64>) -> Shown {
        let attributes = hp.map(|hp| {
            let dict = Value::Dict(vec![
                (text("visual"), text("sprite")),
                (text("hp"), Value::Int(hp)),
            ]);
            pickle::encode(&dict, Dialect::Four).into()
        });
        Shown {
            name: "Jörg".to_owned(),
            own: 1,
            version,
            position: Position { x, y: -2.0, z },
            is_player: true,
            attributes,
        }
    }

    fn dict_of(entity: &Entity, dialect: Dialect) -> Value {
        let whole = [
            &[0x80, dialect.protocol()][..],
            entity.fragment(dialect),
            b".",
        ]
        .concat();
        pickle::load(&whole, &Limits::default()).unwrap()
    }

    #[test]
    fn a_fragment_is_what_the_entity_is_now() {
        let region = RegionId {
            level: 0,
            column: 0,
            row: 0,
        };
        for dialect in Dialect::ALL {
            let mut entity =
                Entity::new("jörg".to_owned(), shown(1, 0.5, 0, Some(7)), region).unwrap();
            let check = |entity: &Entity, x: f64, z: i64, hp: i64| {
                let expected = Value::Dict(vec![
                    (
                        text("pos"),
                        Value::Tuple(vec![Value::Float(x), Value::Float(-2.0), Value::Int(z)]),
                    ),
                    (text("name"), text("Jörg")),
                    (text("visual"), text("sprite")),
                    (text("hp"), Value::Int(hp)),
                ]);
                assert_eq!(dict_of(entity, dialect), expected, "{dialect:?}");
            };
            check(&entity, 0.5, 0, 7);
            entity.change(shown(2, 1.25, 0, None), region);
            check(&entity, 1.25, 0, 7);
            entity.change(shown(3, 1.5, 300, None), region);
            check(&entity, 1.5, 300, 7);
            entity.change(shown(4, 2.0, 300, Some(8)), region);
            check(&entity, 2.0, 300, 8);
        }
    }

    #[test]
    fn who_is_not_described_is_not_shown() {
        let region = RegionId {
            level: 0,
            column: 0,
            row: 0,
        };
        assert!(Entity::new("a".to_owned(), shown(1, 0.0, 0, None), region).is_none());
    }
}
