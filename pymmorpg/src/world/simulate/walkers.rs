//! Players who walk about: straight on until something is in the way or they think better of it.

use world::{chance::Chance, position::Position, region::Body, terrain::Terrain};

/// A walker takes a step every so many ticks: ten in a second.
pub(super) const STEP_TICKS: u64 = 2;
/// How much of the speed that the world allows it uses: a client does not know the server's clock to the millisecond.
const SPEED_PART: f64 = 0.95;
/// One step in so many turns.
const STEPS_PER_TURN: u32 = 40;
/// How many tiles are tried for somebody who is put on a map.
const PLACES_MAX: u32 = 200;

/// Somebody's way.
#[derive(Debug, Default)]
pub(super) struct Walker {
    heading: f64,
}

impl Walker {
    /// The next step, in a world of that speed, in tiles per second.
    pub(super) fn step(&mut self, was_refused: bool, speed: f64, chance: &mut Chance) -> Body {
        if was_refused || chance.below(STEPS_PER_TURN) == 0 {
            self.heading = chance.part() * std::f64::consts::TAU;
        }
        let (sin, cos) = self.heading.sin_cos();
        let steps_per_second = 20.0 / 2.0;
        let length = speed * SPEED_PART / steps_per_second;
        Body::Move {
            dx: cos * length,
            dy: sin * length,
        }
    }
}

/// A free place for the player of a number: each map has its turn.
pub(super) fn place(terrain: &Terrain, number: u32, chance: &mut Chance) -> Position {
    let map_count = terrain.maps().count().max(1);
    let Some(map) = terrain.maps().nth(number as usize % map_count) else {
        return terrain.start();
    };
    let (west, north) = map.origin;
    let places = (0..PLACES_MAX).map(|_| {
        let x = west.saturating_add_unsigned(chance.below(map.width));
        let y = north.saturating_add_unsigned(chance.below(map.height));
        Position::centre_of(x, y, map.level)
    });
    let mut free = places.filter(|place| terrain.is_free(*place));
    let found = free.next();
    found.unwrap_or_else(|| terrain.nearest_free(terrain.start()))
}
