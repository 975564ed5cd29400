//! A uniform grid: which of many things are in a square. It does not know what the things are.

use std::{collections::HashMap, hash::Hash};

use crate::position::{Position, floor};

/// Things by place. A query looks at the cells that its square touches and at nothing else.
#[derive(Debug, Clone)]
pub struct Grid<K> {
    cell_tiles: f64,
    cells: HashMap<(i32, i32, i32), Vec<(K, Position)>>,
    places: HashMap<K, Position>,
}

impl<K: Clone + Eq + Hash> Grid<K> {
    /// An empty grid. Cells about as wide as the usual query's reach serve it best.
    #[must_use]
    pub fn new(cell_tiles: f64) -> Self {
        Self {
            cell_tiles: cell_tiles.max(1.0),
            cells: HashMap::new(),
            places: HashMap::new(),
        }
    }

    /// Puts a thing somewhere, from wherever it was.
    pub fn put(&mut self, key: &K, position: Position) {
        let cell = self.cell_of(position);
        if let Some(place) = self.places.get_mut(key) {
            let old = std::mem::replace(place, position);
            let old_cell = self.cell_of(old);
            if old_cell == cell {
                if let Some(entry) = self
                    .cells
                    .get_mut(&cell)
                    .and_then(|all| all.iter_mut().find(|entry| entry.0 == *key))
                {
                    entry.1 = position;
                }
                return;
            }
            self.take_from(old_cell, key);
        } else {
            self.places.insert(key.clone(), position);
        }
        let there = self.cells.entry(cell).or_default();
        there.push((key.clone(), position));
    }

    /// Takes a thing out; None if it was not there.
    pub fn remove(&mut self, key: &K) -> Option<Position> {
        let position = self.places.remove(key)?;
        self.take_from(self.cell_of(position), key);
        Some(position)
    }

    /// Where a thing is.
    #[must_use]
    pub fn position(&self, key: &K) -> Option<Position> {
        self.places.get(key).copied()
    }

    /// How many things there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Everything within `distance` of a position along each axis, on its level, in no particular order.
    pub fn in_square(&self, centre: Position, distance: f64) -> impl Iterator<Item = &K> {
        let entries = self.entries_in_square(centre, distance);
        entries.map(|(key, _)| key)
    }

    /// The same with their positions.
    pub fn entries_in_square(
        &self,
        centre: Position,
        distance: f64,
    ) -> impl Iterator<Item = (&K, &Position)> {
        let (west, north) = self.index(centre.x - distance, centre.y - distance);
        let (east, south) = self.index(centre.x + distance, centre.y + distance);
        (north..=south)
            .flat_map(move |row| (west..=east).map(move |column| (centre.z, column, row)))
            .filter_map(|cell| self.cells.get(&cell))
            .flatten()
            .filter(move |(_, position)| centre.sees(position, distance))
            .map(|(key, position)| (key, position))
    }

    fn index(&self, x: f64, y: f64) -> (i32, i32) {
        (floor(x / self.cell_tiles), floor(y / self.cell_tiles))
    }

    fn cell_of(&self, position: Position) -> (i32, i32, i32) {
        let (column, row) = self.index(position.x, position.y);
        (position.z, column, row)
    }

    fn take_from(&mut self, cell: (i32, i32, i32), key: &K) {
        let Some(all) = self.cells.get_mut(&cell) else {
            return;
        };
        if let Some(index) = all.iter().position(|entry| entry.0 == *key) {
            all.swap_remove(index);
        }
        if all.is_empty() {
            self.cells.remove(&cell);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Put(u8, Position),
        Remove(u8),
    }

    fn position() -> impl Strategy<Value = Position> {
        (-60.0..60.0f64, -60.0..60.0f64, 0..2i32).prop_map(|(x, y, z)| Position { x, y, z })
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0u8..20, position()).prop_map(|(key, position)| Step::Put(key, position)),
            1 => (0u8..20).prop_map(Step::Remove),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_brute_force(steps in prop::collection::vec(step(), 0..60), centre in position(), distance in 0.0..50.0f64) {
            let mut grid = Grid::new(16.0);
            let mut plain = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Put(key, position) => { grid.put(&key, position); plain.insert(key, position); }
                    Step::Remove(key) => prop_assert_eq!(grid.remove(&key), plain.remove(&key)),
                }
            }
            let expected: BTreeSet<u8> =
                plain.iter().filter(|(_, position)| centre.sees(position, distance)).map(|(key, _)| *key).collect();
            let found: Vec<u8> = grid.in_square(centre, distance).copied().collect();
            prop_assert_eq!(found.len(), expected.len(), "something is listed twice");
            prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
            prop_assert_eq!(grid.len(), plain.len());
        }
    }
}
