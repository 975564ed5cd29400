//! Who is where in a region: what its own entities see of each other, and those of neighbouring regions over the border. It is shared: the region writes
//! it, others read it.

use std::{
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock},
};

use crate::{behaviours::Seen, grid::Grid, position::Position};

/// The side of a cell of the index, in tiles: a crowd of a few dozen stands in one.
const CELL_TILES: f64 = 4.0;

/// What is seen of somebody from afar, besides the place.
#[derive(Debug, Clone)]
pub(in crate::region) struct Label {
    key: Arc<str>,
    name: Arc<str>,
    is_player: bool,
}

impl Label {
    pub(in crate::region) fn new(key: &str, name: &str, is_player: bool) -> Self {
        Self {
            key: key.into(),
            name: name.into(),
            is_player,
        }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Label {}

impl Hash for Label {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// Everybody in a region, by place.
#[derive(Debug)]
pub struct Index(RwLock<Grid<Label>>);

impl Index {
    pub(super) fn new() -> Self {
        Self(RwLock::new(Grid::new(CELL_TILES)))
    }

    pub(super) fn put(&self, label: &Label, position: Position) {
        let mut grid = self.0.write().unwrap_or_else(PoisonError::into_inner);
        grid.put(label.clone(), position);
    }

    pub(super) fn remove(&self, label: &Label) {
        let mut grid = self.0.write().unwrap_or_else(PoisonError::into_inner);
        grid.remove(label);
    }

    /// Who is within so many tiles of a place along each axis, in any order.
    #[must_use]
    pub fn look(&self, place: Position, radius: f64) -> Vec<Seen> {
        let grid = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let near = grid.in_square(place, radius);
        near.filter_map(|label| {
            Some(Seen {
                name: label.name.to_string(),
                position: grid.position(label)?,
                is_player: label.is_player,
            })
        })
        .collect()
    }
}
