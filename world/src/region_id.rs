//! The names of regions: square cells of a level. It does not know what a region holds or who owns it.

use std::{fmt, str::FromStr};

use crate::position::{Position, floor};

/// A square cell of one level. Its text form is `level:column:row`, for example `0:3:-2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId {
    /// The level that it is a part of.
    pub level: i32,
    /// `floor(x / cell)`.
    pub column: i32,
    /// `floor(y / cell)`.
    pub row: i32,
}

/// The text is no `level:column:row`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no region: expected level:column:row, such as 0:3:-2")]
pub struct ParseError(String);

impl RegionId {
    /// The region that a position is in, with cells of `cell_tiles` by `cell_tiles`.
    #[must_use]
    pub fn of(position: Position, cell_tiles: u32) -> Self {
        let (x, y) = position.tile();
        Self::of_tile(position.z, x, y, cell_tiles)
    }

    /// The region that a tile is in.
    #[must_use]
    pub fn of_tile(level: i32, x: i32, y: i32, cell_tiles: u32) -> Self {
        let cell = i32::try_from(cell_tiles).unwrap_or(i32::MAX).max(1);
        Self {
            level,
            column: x.div_euclid(cell),
            row: y.div_euclid(cell),
        }
    }

    /// Every cell that the square of `view_distance` tiles around a position touches, whether or not a map is there.
    pub fn in_view(
        position: Position,
        view_distance: f64,
        cell_tiles: u32,
    ) -> impl Iterator<Item = RegionId> {
        let cell = f64::from(cell_tiles.max(1));
        let span = |centre: f64| {
            let (low, high) = (
                floor((centre - view_distance) / cell),
                floor((centre + view_distance) / cell),
            );
            low..=high
        };
        let columns = span(position.x);
        let rows = span(position.y);
        rows.flat_map(move |row| {
            columns.clone().map(move |column| RegionId {
                level: position.z,
                column,
                row,
            })
        })
    }

    /// Every other cell of the level that has a point within `distance_tiles` of this one, along each axis.
    pub fn near(self, distance_tiles: f64, cell_tiles: u32) -> impl Iterator<Item = RegionId> {
        let cells = reach(distance_tiles, cell_tiles);
        (-cells..=cells)
            .flat_map(move |rows| (-cells..=cells).map(move |columns| (columns, rows)))
            .filter(|offset| *offset != (0, 0))
            .filter_map(move |(columns, rows)| {
                Some(RegionId {
                    level: self.level,
                    column: self.column.checked_add(columns)?,
                    row: self.row.checked_add(rows)?,
                })
            })
    }

    /// How far a position is outside of the cell along the worse axis, in tiles: 0 inside, infinite on another level.
    #[must_use]
    pub fn tiles_beyond(self, position: Position, cell_tiles: u32) -> f64 {
        if position.z != self.level {
            return f64::INFINITY;
        }
        let cell = f64::from(cell_tiles.max(1));
        let beyond = |index: i32, place: f64| {
            let low = f64::from(index) * cell;
            (low - place).max(place - (low + cell)).max(0.0)
        };
        beyond(self.column, position.x).max(beyond(self.row, position.y))
    }

    /// How far a position within the cell is from its nearest edge, in tiles; 0 outside.
    #[must_use]
    pub fn tiles_within(self, position: Position, cell_tiles: u32) -> f64 {
        if position.z != self.level {
            return 0.0;
        }
        let cell = f64::from(cell_tiles.max(1));
        let within = |index: i32, place: f64| {
            let low = f64::from(index) * cell;
            (place - low).min(low + cell - place).max(0.0)
        };
        within(self.column, position.x).min(within(self.row, position.y))
    }

    /// Whether the square of `view_distance` tiles around a position touches this region.
    #[must_use]
    pub fn is_in_view(&self, position: Position, view_distance: f64, cell_tiles: u32) -> bool {
        let cell = f64::from(cell_tiles.max(1));
        let touches = |index: i32, centre: f64| {
            let low = f64::from(index) * cell;
            centre + view_distance >= low && centre - view_distance < low + cell
        };
        self.level == position.z
            && touches(self.column, position.x)
            && touches(self.row, position.y)
    }
}

/// How many cells on are reached by a distance from a cell's edge: the next one by any.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, and a distance is a setting or a constant: never that far"
)]
fn reach(distance_tiles: f64, cell_tiles: u32) -> i32 {
    (distance_tiles / f64::from(cell_tiles.max(1))).ceil() as i32
}

impl fmt::Display for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.level, self.column, self.row)
    }
}

impl FromStr for RegionId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut numbers = text.split(':').map(str::parse);
        match (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            numbers.next(),
        ) {
            (Some(Ok(level)), Some(Ok(column)), Some(Ok(row)), None) => {
                Ok(Self { level, column, row })
            }
            _ => Err(ParseError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn negative_tiles_round_down() {
        let id = RegionId::of(
            Position {
                x: -0.5,
                y: 64.0,
                z: 3,
            },
            64,
        );
        assert_eq!(
            id,
            RegionId {
                level: 3,
                column: -1,
                row: 1
            }
        );
    }

    #[test]
    fn text_that_is_no_region_is_refused() {
        for text in ["", "1:2", "1:2:3:4", "a:b:c", "1:2:99999999999"] {
            assert!(text.parse::<RegionId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_form_survives(level: i32, column: i32, row: i32) {
            let id = RegionId { level, column, row };
            prop_assert_eq!(id.to_string().parse::<RegionId>(), Ok(id));
        }

        #[test]
        fn near_is_what_can_be_seen_from_within(
            column in -20i32..20, row in -20i32..20, distance in 0.1..80.0f64, cell in 1u32..100,
            east in -5i32..=5, south in -5i32..=5,
        ) {
            let id = RegionId { level: 0, column, row };
            let other = RegionId { level: 0, column: column + east, row: row + south };
            let gap = |cells: i32| (f64::from(cells.abs()) - 1.0).max(0.0) * f64::from(cell);
            let is_near = id != other && gap(east).max(gap(south)) < distance;
            prop_assert_eq!(id.near(distance, cell).any(|near| near == other), is_near);
        }

        #[test]
        fn how_far_beyond(x in -100.0..100.0f64, y in -100.0..100.0f64, cell in 1u32..50) {
            let position = Position { x, y, z: 0 };
            let home = RegionId::of(position, cell);
            prop_assert_eq!(home.tiles_beyond(position, cell), 0.0);
            let east = RegionId { column: home.column - 1, ..home };
            let beyond = east.tiles_beyond(position, cell);
            prop_assert!((x - f64::from(home.column) * f64::from(cell) - beyond).abs() < 1e-9);
            let other_level = RegionId { level: 1, ..home };
            prop_assert_eq!(other_level.tiles_beyond(position, cell), f64::INFINITY);
        }

        #[test]
        fn the_two_ways_to_ask_what_is_in_view_agree(
            x in -500.0..500.0f64, y in -500.0..500.0f64, distance in 0.0..80.0f64, cell in 1u32..100,
            column in -20i32..20, row in -20i32..20,
        ) {
            let position = Position { x, y, z: 0 };
            let id = RegionId { level: 0, column, row };
            let listed = RegionId::in_view(position, distance, cell).any(|seen| seen == id);
            prop_assert_eq!(listed, id.is_in_view(position, distance, cell));
            prop_assert!(RegionId::in_view(position, distance, cell).any(|seen| seen == RegionId::of(position, cell)));
        }
    }
}
