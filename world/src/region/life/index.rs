//! Who is where in a region: what its own entities see of each other, and those of neighbouring regions over the border. It is shared: the region writes
//! it, others read it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
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
    /// Of the key: it is compared and looked for often.
    hash: u64,
}

impl Label {
    pub(in crate::region) fn new(key: &str, name: &str, is_player: bool) -> Self {
        Self {
            key: key.into(),
            name: name.into(),
            is_player,
            hash: hash_of(key),
        }
    }

    /// The [`crate::name::key`].
    pub(in crate::region) fn key(&self) -> &Arc<str> {
        &self.key
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.key, &other.key) || self.key == other.key)
    }
}

impl Eq for Label {}

impl Hash for Label {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

fn hash_of(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
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
        grid.put(label, position);
    }

    pub(super) fn remove(&self, label: &Label) {
        let mut grid = self.0.write().unwrap_or_else(PoisonError::into_inner);
        grid.remove(label);
    }

    /// Who is within so many tiles of a place along each axis, in any order.
    #[must_use]
    pub fn look(&self, place: Position, radius: f64) -> Vec<Seen> {
        let grid = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let near = grid.entries_in_square(place, radius);
        near.map(|(label, position)| Seen {
            name: label.name.to_string(),
            position: *position,
            is_player: label.is_player,
        })
        .collect()
    }
}
