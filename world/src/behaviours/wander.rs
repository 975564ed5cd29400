//! Goes here and there within a leash round its home, and rests in between: most of the time it sleeps, and it never searches for a way but home.

use super::{Behaviour, Body, NO_WAY_TICKS, Numbers, Parameter, STRIDE_TICKS, Walk, route::Route};
use crate::{position::Position, scheduler::Step};

/// How far from home a wanderer goes, in tiles, if nobody says otherwise.
const LEASH: f64 = 5.0;

/// How far a walk goes along each axis at most, in tiles.
const WALK_TILES: f64 = 3.0;

/// How long a walk may take, in ticks: who is slower stops where it is.
const WALK_TICKS_MAX: u64 = 100;

/// How long it rests, in ticks: three to nine seconds.
const REST_TICKS: std::ops::Range<u32> = 60..180;

/// How far beyond its leash it may be without going home, in tiles: what walking may round.
const SLACK_TILES: f64 = 0.1;

/// How often it looks for another place if one is beyond the leash.
const TRIES: usize = 4;

/// A wanderer.
pub(super) struct Wander {
    numbers: Numbers,
    leash: (Parameter, f64),
    state: State,
}

enum State {
    /// It was only just put here, or has come from another region. Those who were put here together do not start together; who is on its way home goes on.
    Begins,
    Rests {
        until: u64,
    },
    Walks {
        to: Position,
        until: u64,
    },
    GoesHome(Route),
}

impl Wander {
    pub(super) fn new(numbers: Numbers) -> Self {
        Self {
            numbers,
            leash: (Parameter::Leash, LEASH),
            state: State::Begins,
        }
    }

    /// What somebody does who has something else to do: stands at home, unless it is told how far it wanders.
    pub(super) fn aside(numbers: Numbers) -> Self {
        Self {
            leash: (Parameter::Wander, 0.0),
            ..Self::new(numbers)
        }
    }

    /// Ends its rest: it goes home now, if it is beyond its leash.
    pub(super) fn wake(&mut self) {
        self.state = State::Rests { until: 0 };
    }

    fn rest(&mut self, body: &mut dyn Body, ticks: std::ops::Range<u32>) -> Step {
        let ticks = ticks.start + body.chance(ticks.len() as u32);
        let until = body.tick() + u64::from(ticks);
        self.state = State::Rests { until };
        Step::Sleep(until)
    }

    fn is_astray(&self, body: &dyn Body) -> bool {
        let leash = self.numbers.of(body, self.leash.0, self.leash.1);
        body.position().distance(&body.home()) > leash + SLACK_TILES
    }

    /// Chooses a place to go to, and sets off.
    fn start(&mut self, body: &mut dyn Body) -> Step {
        let leash = self.numbers.of(body, self.leash.0, self.leash.1);
        let (home, here) = (body.home(), body.position());
        if self.is_astray(body) {
            self.state = State::GoesHome(Route::to(home));
            return self.resume(body);
        }
        let reach = WALK_TILES.min(2.0 * leash);
        for _ in 0..if leash > 0.0 { TRIES } else { 0 } {
            let to = Position {
                x: here.x + between(body, -reach, reach),
                y: here.y + between(body, -reach, reach),
                z: here.z,
            };
            if to.distance(&home) <= leash {
                let until = body.tick() + WALK_TICKS_MAX;
                self.state = State::Walks { to, until };
                return self.resume(body);
            }
        }
        self.rest(body, REST_TICKS)
    }
}

impl Behaviour for Wander {
    fn resume(&mut self, body: &mut dyn Body) -> Step {
        let now = body.tick();
        if matches!(self.state, State::Begins) && self.is_astray(body) {
            return self.start(body);
        }
        match &mut self.state {
            State::Begins => self.rest(body, 0..REST_TICKS.end),
            State::Rests { until } if now < *until => Step::Sleep(*until),
            State::Rests { .. } => self.start(body),
            State::Walks { to, until } => {
                if now < *until && body.walk(*to) == Walk::Going {
                    Step::Sleep(now + STRIDE_TICKS)
                } else {
                    self.rest(body, REST_TICKS)
                }
            }
            State::GoesHome(route) => match route.go(body) {
                Walk::Going => Step::Sleep(now + STRIDE_TICKS),
                Walk::Arrived => self.rest(body, REST_TICKS),
                Walk::Blocked => {
                    let until = now + NO_WAY_TICKS;
                    self.state = State::Rests { until };
                    Step::Sleep(until)
                }
            },
        }
    }
}

/// A number from `low` to `high`.
fn between(body: &mut dyn Body, low: f64, high: f64) -> f64 {
    const PARTS: u32 = 1 << 16;
    low + (high - low) * f64::from(body.chance(PARTS)) / f64::from(PARTS - 1)
}
