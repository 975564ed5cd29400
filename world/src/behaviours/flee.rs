//! Runs away from players who come near, round what is in the way, and goes home when it is alone again.

use std::f64::consts::TAU;

use super::{
    Behaviour, Body, LOOK_TICKS, Numbers, Parameter, STRIDE_TICKS, WATCH_TICKS, Walk,
    wander::Wander,
};
use crate::{position::Position, scheduler::Step};

/// How near players may come, and how far from its home it runs, in tiles, if nobody says otherwise.
const RADIUS: f64 = 5.0;
const LEASH: f64 = 20.0;

/// How much farther than it notices players it runs from them.
const FEAR: f64 = 1.5;

/// How far it looks for a free way, in tiles: what a runner may cover between two looks, and a bend.
const RUN_TILES: f64 = 3.0;

/// In how many directions it looks.
const DIRECTIONS: u32 = 16;

/// How long it stays where it has run to, in ticks, once it is alone.
const CALM_TICKS: u64 = 60;

/// Somebody shy.
pub(super) struct Flee {
    numbers: Numbers,
    state: State,
    look_at: u64,
    aside: Wander,
}

enum State {
    /// It is at home, or on its way there.
    Waits,
    /// None: it is cornered.
    Runs(Option<Position>),
    /// It has got away.
    Listens { until: u64 },
}

impl Flee {
    pub(super) fn new(numbers: Numbers) -> Self {
        Self {
            numbers,
            state: State::Waits,
            look_at: 0,
            aside: Wander::aside(numbers),
        }
    }

    /// Looks round, and runs if there is reason to.
    fn look(&mut self, body: &dyn Body) {
        let radius = self.numbers.of(body, Parameter::Radius, RADIUS);
        let is_running = matches!(self.state, State::Runs(_));
        let radius = if is_running { FEAR * radius } else { radius };
        let seen = body.look(radius).into_iter();
        let players = seen.filter(|seen| seen.is_player);
        let players: Vec<Position> = players.map(|seen| seen.position).collect();
        if !players.is_empty() {
            let leash = self.numbers.of(body, Parameter::Leash, LEASH);
            self.state = State::Runs(way_out(body, &players, leash));
        } else if is_running {
            let until = body.tick() + CALM_TICKS;
            self.state = State::Listens { until };
        }
        let is_running = matches!(self.state, State::Runs(_));
        self.look_at = body.tick() + if is_running { LOOK_TICKS } else { WATCH_TICKS };
    }
}

impl Behaviour for Flee {
    fn resume(&mut self, body: &mut dyn Body) -> Step {
        let now = body.tick();
        if now >= self.look_at {
            self.look(body);
        }
        let go_on = match &mut self.state {
            State::Waits => match self.aside.resume(body) {
                Step::Sleep(tick) => tick,
                step => return step,
            },
            State::Runs(Some(to)) if body.walk(*to) == Walk::Going => now + STRIDE_TICKS,
            State::Runs(_) => self.look_at,
            State::Listens { until } if now < *until => *until,
            State::Listens { .. } => {
                self.state = State::Waits;
                self.aside.wake();
                now + 1
            }
        };
        Step::Sleep(go_on.min(self.look_at))
    }
}

/// Of the places within its leash to which the way is free, and leads past nobody, the one that is farthest from whoever is nearest to it; None: here is no worse.
fn way_out(body: &dyn Body, players: &[Position], leash: f64) -> Option<Position> {
    let here = body.position();
    let danger = |place: Position| {
        let distances = players.iter().map(|player| player.distance(&place));
        distances.fold(f64::INFINITY, f64::min)
    };
    let along = |angle: f64, tiles: f64| Position {
        x: here.x + tiles * angle.cos(),
        y: here.y + tiles * angle.sin(),
        z: here.z,
    };
    let now = danger(here);
    let ways = (0..DIRECTIONS).map(|index| TAU * f64::from(index) / f64::from(DIRECTIONS));
    ways.filter(|&angle| danger(along(angle, RUN_TILES / 2.0)) >= now)
        .map(|angle| along(angle, RUN_TILES))
        .filter(|place| place.distance(&body.home()) <= leash && body.is_clear(*place))
        .map(|place| (danger(place), place))
        .filter(|(distance, _)| *distance > now)
        .max_by(|one, two| one.0.total_cmp(&two.0))
        .map(|(_, place)| place)
}
