//! Where things are. It does not know what is there.

use serde::{Deserialize, Serialize};
use wire::Value;

/// A place, in tiles from the global origin of its level: x to the east, y to the south, z the level's number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Tiles to the east.
    pub x: f64,
    /// Tiles to the south.
    pub y: f64,
    /// The level.
    pub z: i32,
}

/// The largest coordinate, in tiles, that a position may have: far beyond any map, and small enough that sums of
/// coordinates stay exact to a millionth of a tile.
pub const COORDINATE_MAX: f64 = 1e9;

impl Position {
    /// A position at the centre of a tile.
    #[must_use]
    pub fn centre_of(x: i32, y: i32, z: i32) -> Self {
        Self {
            x: f64::from(x) + 0.5,
            y: f64::from(y) + 0.5,
            z,
        }
    }

    /// Whether both coordinates are finite and within [`COORDINATE_MAX`].
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.x.abs() <= COORDINATE_MAX && self.y.abs() <= COORDINATE_MAX
    }

    /// The tile that this position is in. A position exactly on an edge belongs to the tile to its east or south.
    #[must_use]
    pub fn tile(&self) -> (i32, i32) {
        (floor(self.x), floor(self.y))
    }

    /// Whether the other is on the same level, and no more than `distance` tiles away along each axis: the square that
    /// is a view.
    #[must_use]
    pub fn sees(&self, other: &Position, distance: f64) -> bool {
        self.z == other.z
            && (self.x - other.x).abs() <= distance
            && (self.y - other.y).abs() <= distance
    }

    /// The tuple `(x, y, z)` that clients get.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let z = Value::Int(i64::from(self.z));
        Value::Tuple(vec![Value::Float(self.x), Value::Float(self.y), z])
    }

    /// What [`Position::to_value`] has made of it; None: it is something else.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        let Value::Tuple(parts) = value else {
            return None;
        };
        let [x, y, Value::Int(z)] = parts.as_slice() else {
            return None;
        };
        let (x, y, z) = (x.as_f64()?, y.as_f64()?, i32::try_from(*z).ok()?);
        Some(Self { x, y, z }).filter(Self::is_valid)
    }

    /// The straight distance in tiles; infinite between levels.
    #[must_use]
    pub fn distance(&self, other: &Position) -> f64 {
        if self.z == other.z {
            (self.x - other.x).hypot(self.y - other.y)
        } else {
            f64::INFINITY
        }
    }
}

/// The tile number of one coordinate, saturated to what an `i32` holds.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, and NaN becomes 0; both are outside every map or refused before"
)]
pub(crate) fn floor(coordinate: f64) -> i32 {
    coordinate.floor() as i32
}
