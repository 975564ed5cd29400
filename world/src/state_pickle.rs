//! How an entity's state is stored: as a pickle, so that any Python can read a row with `pickle.loads`.
//!
//! `{'pos': (x, y, z), 'attributes': {name: value}, 'expires': {name: milliseconds since 1970}, 'behaviour': name or None}`

use std::collections::BTreeMap;

use wire::{Dialect, Value, pickle};

use crate::{
    entity::{Attribute, EntityState},
    position::Position,
};

/// A stored state that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no pickle of data.
    #[error("the stored state is no pickle of data")]
    Pickle(#[from] pickle::Error),
    /// It is a pickle of something else.
    #[error("the stored state has no good {0:?}")]
    Shape(&'static str),
}

/// The pickle of a state.
#[must_use]
pub fn encode(state: &EntityState) -> Vec<u8> {
    let text = |text: &str| Value::Str(text.to_owned());
    let attributes = state
        .attributes
        .iter()
        .map(|(name, attribute)| (text(name), attribute.value.clone()))
        .collect();
    let expires = state
        .attributes
        .iter()
        .filter_map(|(name, attribute)| {
            Some((
                text(name),
                Value::Int(i64::try_from(attribute.expires_ms?).ok()?),
            ))
        })
        .collect();
    let behaviour = state.behaviour.as_deref().map_or(Value::None, text);
    let whole = Value::Dict(vec![
        (text("pos"), state.position.to_value()),
        (text("attributes"), Value::Dict(attributes)),
        (text("expires"), Value::Dict(expires)),
        (text("behaviour"), behaviour),
    ]);
    pickle::encode(&whole, Dialect::Four)
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// Says what is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<EntityState, Error> {
    let whole = pickle::load(bytes, &pickle::Limits::stored())?;
    let part = |name: &'static str| whole.get(name).ok_or(Error::Shape(name));
    let position = Position::from_value(part("pos")?).ok_or(Error::Shape("pos"))?;
    let mut expires = BTreeMap::new();
    for (name, at) in entries(part("expires")?, "expires")? {
        let Value::Int(at) = at else {
            return Err(Error::Shape("expires"));
        };
        expires.insert(
            name,
            u64::try_from(*at).map_err(|_| Error::Shape("expires"))?,
        );
    }
    let attributes = entries(part("attributes")?, "attributes")?
        .into_iter()
        .map(|(name, value)| {
            (
                name.to_owned(),
                Attribute {
                    value: value.clone(),
                    expires_ms: expires.get(name).copied(),
                },
            )
        })
        .collect();
    let behaviour = match part("behaviour")? {
        Value::None => None,
        Value::Str(name) => Some(name.clone()),
        _ => return Err(Error::Shape("behaviour")),
    };
    Ok(EntityState {
        position,
        attributes,
        behaviour,
    })
}

fn entries<'a>(value: &'a Value, name: &'static str) -> Result<Vec<(&'a str, &'a Value)>, Error> {
    let Value::Dict(entries) = value else {
        return Err(Error::Shape(name));
    };
    entries
        .iter()
        .map(|(key, value)| Ok((key.as_str().ok_or(Error::Shape(name))?, value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> EntityState {
        EntityState {
            position: Position {
                x: 1.5,
                y: -2.0,
                z: 3,
            },
            attributes: BTreeMap::from([
                ("gold".to_owned(), Attribute::lasting(Value::Int(5))),
                (
                    "say".to_owned(),
                    Attribute {
                        value: Value::Str("hé".to_owned()),
                        expires_ms: Some(1_700_000_000_000),
                    },
                ),
                (
                    "bag".to_owned(),
                    Attribute::lasting(Value::ByteArray(vec![0, 255])),
                ),
            ]),
            behaviour: Some("guard".to_owned()),
        }
    }

    #[test]
    fn what_is_stored_comes_back() {
        for state in [
            state(),
            EntityState::at(Position {
                x: 0.0,
                y: 0.0,
                z: 0,
            }),
        ] {
            assert_eq!(decode(&encode(&state)).unwrap(), state);
        }
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let list = pickle::encode(&Value::List(vec![]), Dialect::Four);
        for bytes in [&b""[..], b"garbage", &list, &encode(&state())[..20]] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
