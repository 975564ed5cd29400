//! The world of a run: six regions of one open level, with a warp from one corner to the other. It does not know who walks in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use world::{
    movement::{self, Budget, Ground},
    position::Position,
    region::Neighbours,
    region_id::RegionId,
    scripts::Scripts,
    settings::{AttributeRule, Settings, UNNAMED, Writer},
    terrain::Path,
};

/// The side of a region, in tiles: small, so that a few steps lead to a border.
pub const CELL_TILES: u32 = 8;
/// How many tiles the world has to the east.
pub const WIDTH: i32 = 24;
/// How many tiles it has to the south.
pub const HEIGHT: i32 = 16;
/// Who steps there comes out at [`WARP_TO`].
const WARP_FROM: (i32, i32) = (2, 2);
const WARP_TO: (i32, i32) = (20, 12);
/// The key of the one game master.
pub const GAME_MASTER: &str = "gm";
/// How many sets one purse remembers: each has a digit of base four in it.
pub const PURSE_SETS: u64 = 30;
/// How many purses an entity has.
pub const PURSE_COUNT: u64 = 8;

/// The ground and the rules.
#[derive(Debug)]
pub struct Yard {
    /// The ground.
    pub ground: Arc<dyn Ground>,
    /// There are none.
    pub scripts: Scripts,
    /// Nobody looks over borders.
    pub neighbours: Arc<dyn Neighbours>,
    /// The rules.
    pub settings: Arc<Settings>,
    /// All game masters.
    pub game_masters: BTreeSet<String>,
}

impl Yard {
    /// The world in which these play.
    #[must_use]
    pub fn new(players: &[String]) -> Self {
        let anybody = AttributeRule {
            write: Writer::Near(1_000.0),
            ..UNNAMED
        };
        let purses = (0..PURSE_COUNT).map(purse);
        let marks = players.iter().map(|author| mark(author));
        let rules = purses.chain(marks).map(|name| (name, anybody.clone()));
        Self {
            ground: Arc::new(Open),
            scripts: Scripts::default(),
            neighbours: Arc::new(BTreeMap::new()),
            settings: Arc::new(Settings {
                cell_tiles: CELL_TILES,
                speed: 1e6,
                speed_burst: 1e6,
                attributes: rules.collect(),
                templates: BTreeMap::new(),
                ..Settings::default()
            }),
            game_masters: BTreeSet::from([GAME_MASTER.to_owned()]),
        }
    }

    /// Every region.
    pub fn regions() -> impl Iterator<Item = RegionId> {
        let cell = i32::try_from(CELL_TILES).unwrap_or(1);
        (0..HEIGHT / cell).flat_map(move |row| {
            (0..WIDTH / cell).map(move |column| RegionId {
                level: 0,
                column,
                row,
            })
        })
    }

    /// Where a step ends; None: something is in the way.
    #[must_use]
    pub fn step(&self, from: Position, offset: (f64, f64)) -> Option<Position> {
        let mut budget = Budget::full(&self.settings, 0);
        movement::step(from, offset, &mut budget, &*self.ground, &self.settings, 0).ok()
    }
}

/// An attribute that many add to.
#[must_use]
pub fn purse(index: u64) -> String {
    format!("purse{index}")
}

/// An attribute that one author sets.
#[must_use]
pub fn mark(author: &str) -> String {
    format!("mark-{author}")
}

/// Nothing but floor.
#[derive(Debug)]
struct Open;

impl Ground for Open {
    fn is_blocked(&self, level: i32, x: i32, y: i32) -> bool {
        level != 0 || !(0..WIDTH).contains(&x) || !(0..HEIGHT).contains(&y)
    }

    fn sweep(&self, from: Position, to: Position) -> bool {
        let is_open = |place: Position| {
            let (x, y) = place.tile();
            !self.is_blocked(place.z, x, y)
        };
        // The world is convex.
        is_open(from) && is_open(to)
    }

    fn warp_at(&self, place: Position) -> Option<Position> {
        (place.tile() == WARP_FROM).then(|| Position::centre_of(WARP_TO.0, WARP_TO.1, 0))
    }

    fn nearest_free(&self, place: Position) -> Option<Position> {
        let (x, y) = place.tile();
        Some(Position::centre_of(
            x.clamp(0, WIDTH - 1),
            y.clamp(0, HEIGHT - 1),
            0,
        ))
    }

    fn place_of_tile(&self, _map: &str, _x: i32, _y: i32) -> Option<Position> {
        None
    }

    fn start(&self) -> Position {
        Position::centre_of(0, 0, 0)
    }

    fn path(&self, _home: Position, _name: &str) -> Option<Arc<Path>> {
        None
    }
}
