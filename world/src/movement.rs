//! How players move: what a step asks of the ground, and how far a player may go in a time. It does not know regions.

use std::{fmt, sync::Arc};

use crate::{position::Position, settings::Settings, terrain::Path};

/// What the rules ask of the ground. [`crate::terrain::Terrain`] is the real one.
pub trait Ground: fmt::Debug + Send + Sync {
    /// Whether nobody can be on a tile. Outside every map is blocked.
    fn is_blocked(&self, level: i32, x: i32, y: i32) -> bool;
    /// Whether the whole straight way is free, its ends among it. Both are on one level.
    fn sweep(&self, from: Position, to: Position) -> bool;
    /// Where the warp at a place leads.
    fn warp_at(&self, place: Position) -> Option<Position>;
    /// The nearest place that is free; None: the level has none.
    fn nearest_free(&self, place: Position) -> Option<Position>;
    /// Where a map's own tile is; None: there is no such map or tile.
    fn place_of_tile(&self, map: &str, x: i32, y: i32) -> Option<Position>;
    /// Where new characters begin: always free.
    fn start(&self) -> Position;
    /// The path of a name, for whoever is at home at a place.
    fn path(&self, home: Position, name: &str) -> Option<Arc<Path>>;
}

/// Whether somebody can stand at a place.
#[must_use]
pub fn is_free(ground: &dyn Ground, place: Position) -> bool {
    let (x, y) = place.tile();
    place.is_valid() && !ground.is_blocked(place.z, x, y)
}

/// The place itself if it is free, else the nearest that is, else the start.
#[must_use]
pub fn free_place(ground: &dyn Ground, place: Position) -> Position {
    if is_free(ground, place) {
        return place;
    }
    place
        .is_valid()
        .then(|| ground.nearest_free(place))
        .flatten()
        .unwrap_or_else(|| ground.start())
}

/// Why a step is not taken. All or nothing: the player stays where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No number, or out of the world's bounds.
    #[error("the offset is no step")]
    NotAStep,
    /// Something is in the way.
    #[error("the way is blocked")]
    Blocked,
    /// It would be faster than players are.
    #[error("too fast")]
    TooFast,
}

/// Takes a step: where it ends, warps included. The budget pays for it only if it is taken.
///
/// # Errors
/// Says why the player stays.
pub fn step(
    from: Position,
    (dx, dy): (f64, f64),
    budget: &mut Budget,
    ground: &dyn Ground,
    settings: &Settings,
    now_ms: u64,
) -> Result<Position, Refusal> {
    let to = Position {
        x: from.x + dx,
        y: from.y + dy,
        z: from.z,
    };
    // An infinity or NaN makes the sum one.
    if !to.is_valid() {
        return Err(Refusal::NotAStep);
    }
    // The budget is asked first: it bounds the way that is swept.
    let distance = from.distance(&to);
    if !budget.has(distance, settings, now_ms) {
        return Err(Refusal::TooFast);
    }
    if !ground.sweep(from, to) {
        return Err(Refusal::Blocked);
    }
    budget.spend(distance);
    Ok(ground
        .warp_at(to)
        .map_or(to, |warped| free_place(ground, warped)))
}

/// A token bucket of tiles: full after a rest, so that honest bursts pass, and filled at the speed of the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    tiles: f64,
    at_ms: u64,
}

/// What rounding may cost a step that uses the budget up exactly, in tiles.
const ROUNDING: f64 = 1e-9;

impl Budget {
    /// A full one.
    #[must_use]
    pub fn full(settings: &Settings, now_ms: u64) -> Self {
        Self {
            tiles: settings.speed_burst,
            at_ms: now_ms,
        }
    }

    /// Fills it up to now, and says whether it covers a distance. A clock that goes back fills nothing.
    #[expect(
        clippy::cast_precision_loss,
        reason = "any time long enough to lose a bit fills the bucket"
    )]
    fn has(&mut self, distance: f64, settings: &Settings, now_ms: u64) -> bool {
        let seconds = now_ms.saturating_sub(self.at_ms) as f64 / 1000.0;
        self.at_ms = self.at_ms.max(now_ms);
        self.tiles = (self.tiles + seconds * settings.speed).min(settings.speed_burst);
        distance <= self.tiles + ROUNDING
    }

    fn spend(&mut self, distance: f64) {
        self.tiles = (self.tiles - distance).max(0.0);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A level drawn in text: `#` is blocked, `*` warps to the tile drawn `o`; whatever is not drawn is blocked.
    #[derive(Debug, Clone)]
    pub(crate) struct Picture {
        rows: Vec<Vec<u8>>,
    }

    impl Picture {
        pub(crate) fn new(rows: &[&str]) -> Self {
            Self {
                rows: rows.iter().map(|row| row.as_bytes().to_vec()).collect(),
            }
        }

        /// Nothing but floor.
        pub(crate) fn open(width: usize, height: usize) -> Self {
            Self {
                rows: vec![vec![b'.'; width]; height],
            }
        }

        pub(crate) fn block(&mut self, x: usize, y: usize) {
            self.rows[y][x] = b'#';
        }

        fn at(&self, x: i32, y: i32) -> Option<u8> {
            self.rows
                .get(usize::try_from(y).ok()?)?
                .get(usize::try_from(x).ok()?)
                .copied()
        }

        fn tiles(&self) -> impl Iterator<Item = (i32, i32, u8)> {
            let rows = self.rows.iter().zip(0i32..);
            rows.flat_map(|(row, y)| row.iter().zip(0i32..).map(move |(&tile, x)| (x, y, tile)))
        }
    }

    impl Ground for Picture {
        fn is_blocked(&self, level: i32, x: i32, y: i32) -> bool {
            level != 0 || self.at(x, y).is_none_or(|tile| tile == b'#')
        }

        /// By samples a hundredth of a tile apart: enough for tests.
        fn sweep(&self, from: Position, to: Position) -> bool {
            let count = (from.distance(&to) * 100.0).ceil().max(1.0);
            (0..=count as u32).all(|index| {
                let part = f64::from(index) / count;
                let place = Position {
                    x: from.x + (to.x - from.x) * part,
                    y: from.y + (to.y - from.y) * part,
                    z: from.z,
                };
                let (x, y) = place.tile();
                !self.is_blocked(place.z, x, y)
            }) && !self.is_blocked(to.z, to.tile().0, to.tile().1)
        }

        fn warp_at(&self, place: Position) -> Option<Position> {
            let (x, y) = place.tile();
            (self.at(x, y) == Some(b'*')).then_some(())?;
            let (x, y, _) = self.tiles().find(|(.., tile)| *tile == b'o')?;
            Some(Position::centre_of(x, y, 0))
        }

        fn nearest_free(&self, place: Position) -> Option<Position> {
            self.tiles()
                .filter(|(.., tile)| *tile != b'#')
                .map(|(x, y, _)| Position::centre_of(x, y, 0))
                .min_by(|one, two| {
                    let key = |p: &Position| (p.x - place.x).hypot(p.y - place.y);
                    key(one).total_cmp(&key(two))
                })
        }

        fn place_of_tile(&self, _map: &str, x: i32, y: i32) -> Option<Position> {
            Some(Position::centre_of(x, y, 0))
        }

        fn start(&self) -> Position {
            self.nearest_free(Position::centre_of(0, 0, 0)).unwrap()
        }

        fn path(&self, _home: Position, _name: &str) -> Option<Arc<Path>> {
            None
        }
    }

    fn at(x: f64, y: f64) -> Position {
        Position { x, y, z: 0 }
    }

    #[test]
    fn steps() {
        let ground = Picture::new(&["..#....", "..#.*..", "......o"]);
        let settings = Settings {
            speed_burst: 4.0,
            ..Settings::default()
        };
        let cases = [
            ((0.5, 0.5), (1.0, 0.0), Ok(at(1.5, 0.5))),
            ((0.5, 0.5), (0.0, 0.0), Ok(at(0.5, 0.5))),
            ((0.5, 0.5), (2.0, 0.0), Err(Refusal::Blocked)),
            ((0.5, 0.5), (3.0, 0.0), Err(Refusal::Blocked)),
            ((0.5, 0.5), (-1.0, 0.0), Err(Refusal::Blocked)),
            ((0.5, 2.5), (4.0, 0.0), Ok(at(4.5, 2.5))),
            ((0.5, 2.5), (4.5, 0.0), Err(Refusal::TooFast)),
            ((4.5, 0.5), (0.0, 1.0), Ok(at(6.5, 2.5))),
            ((0.5, 0.5), (f64::NAN, 0.0), Err(Refusal::NotAStep)),
            ((0.5, 0.5), (0.0, f64::INFINITY), Err(Refusal::NotAStep)),
            ((0.5, 0.5), (1e308, 1e308), Err(Refusal::NotAStep)),
        ];
        for ((x, y), offset, expected) in cases {
            let mut budget = Budget::full(&settings, 0);
            let result = step(at(x, y), offset, &mut budget, &ground, &settings, 0);
            assert_eq!(result, expected, "({x}, {y}) + {offset:?}");
            let is_untouched = budget == Budget::full(&settings, 0);
            assert_eq!(
                is_untouched,
                expected.is_err() || offset == (0.0, 0.0),
                "who stays pays nothing"
            );
        }
    }

    #[test]
    fn what_is_not_free_is_replaced() {
        let ground = Picture::new(&["##.", "##."]);
        assert_eq!(free_place(&ground, at(2.1, 1.9)), at(2.1, 1.9));
        assert_eq!(free_place(&ground, at(0.5, 1.5)), at(2.5, 1.5));
        assert_eq!(free_place(&ground, at(f64::NAN, 0.0)), at(2.5, 0.5));
    }

    proptest! {
        #[test]
        fn nobody_goes_farther_than_burst_and_speed_let(
            steps in prop::collection::vec((0u64..2_000, 0.0..30.0f64, any::<bool>()), 1..60),
            speed in 0.1..20.0f64, speed_burst in 1.0..40.0f64,
        ) {
            let settings = Settings { speed, speed_burst, ..Settings::default() };
            let mut budget = Budget::full(&settings, 5_000);
            let (mut latest_ms, mut walked) = (5_000, 0.0);
            for (wait_ms, distance, goes_back) in steps {
                // A clock that is set back now and then must not give anybody more.
                let now_ms = if goes_back { latest_ms - wait_ms.min(latest_ms) } else { latest_ms + wait_ms };
                latest_ms = latest_ms.max(now_ms);
                if budget.has(distance, &settings, now_ms) {
                    budget.spend(distance);
                    walked += distance;
                }
                let seconds = (latest_ms - 5_000) as f64 / 1000.0;
                prop_assert!(walked <= speed_burst + speed * seconds + 1e-6, "{walked} tiles in {seconds} s");
            }
        }

        #[test]
        fn who_rests_can_walk_again(distance in 0.0..16.0f64) {
            let settings = Settings::default();
            let mut budget = Budget::full(&settings, 0);
            budget.spend(settings.speed_burst);
            prop_assert!(!budget.has(0.1, &settings, 0));
            prop_assert!(budget.has(distance, &settings, 2_000));
        }
    }
}
