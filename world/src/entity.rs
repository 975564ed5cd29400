//! What an entity is, as far as it lasts. It does not know who owns it or who sees it.

use std::collections::BTreeMap;

use wire::Value;

use crate::position::Position;

/// What is stored of an entity, and comes back after a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityState {
    /// Where it is.
    pub position: Position,
    /// Its attributes by name, without `pos`, `name` and `role`, which are kept elsewhere.
    pub attributes: BTreeMap<String, Attribute>,
    /// The name of its behaviour, if it has one.
    pub behaviour: Option<String>,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// What it is.
    pub value: Value,
    /// When it ceases to be, in milliseconds since the Unix epoch; None: it stays.
    pub expires_ms: Option<u64>,
}

impl Attribute {
    /// An attribute that stays.
    #[must_use]
    pub fn lasting(value: Value) -> Self {
        Self {
            value,
            expires_ms: None,
        }
    }

    /// Whether it is still there at a time.
    #[must_use]
    pub fn is_alive(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|end| now_ms < end)
    }
}

impl EntityState {
    /// An entity with nothing but a place.
    #[must_use]
    pub fn at(position: Position) -> Self {
        Self {
            position,
            attributes: BTreeMap::new(),
            behaviour: None,
        }
    }

    /// The value of an attribute that is alive.
    #[must_use]
    pub fn attribute(&self, name: &str, now_ms: u64) -> Option<&Value> {
        self.attributes
            .get(name)
            .filter(|attribute| attribute.is_alive(now_ms))
            .map(|attribute| &attribute.value)
    }
}
