//! Goes for somebody, hits, gives up and goes home: the chaser, who is after players who come near, and the guard, who keeps them from its post.

use wire::Value;

use super::{
    Behaviour, Body, Event, LOOK_TICKS, NO_WAY_TICKS, Numbers, Parameter, STRIDE_TICKS, Seen,
    WATCH_TICKS, Walk, route::Route, wander::Wander,
};
use crate::scheduler::Step;

/// What holds if neither what is written nor an attribute says otherwise: distances in tiles, `hp`, and milliseconds.
const CHASER: Manner = Manner {
    radius: 8.0,
    leash: 20.0,
    is_guard: false,
};
const GUARD: Manner = Manner {
    radius: 3.0,
    leash: 8.0,
    is_guard: true,
};
const DAMAGE: f64 = 1.0;
const REACH: f64 = 1.5;
const COOLDOWN_MS: f64 = 1_000.0;

/// How much farther than it notices somebody it keeps its eye on them.
const EYE: f64 = 1.5;

/// How chasers and guards differ.
#[derive(Clone, Copy)]
struct Manner {
    radius: f64,
    leash: f64,
    /// It is where the other is that counts for a guard's leash: it drives them away from its post, and follows nobody who leaves.
    is_guard: bool,
}

/// A chaser or a guard.
pub(super) struct Hunter {
    numbers: Numbers,
    manner: Manner,
    state: State,
    look_at: u64,
    hit_at: u64,
    aside: Wander,
}

enum State {
    Waits,
    Follows {
        name: String,
        route: Route,
        is_in_reach: bool,
    },
    GoesHome(Route),
}

impl Hunter {
    /// Is after players within `radius`, as far as its own leash.
    pub(super) fn chaser(numbers: Numbers) -> Self {
        Self::new(numbers, CHASER)
    }

    /// Is after players within `radius`, as long as they are no farther from its post than its leash.
    pub(super) fn guard(numbers: Numbers) -> Self {
        Self::new(numbers, GUARD)
    }

    fn new(numbers: Numbers, manner: Manner) -> Self {
        Self {
            numbers,
            manner,
            state: State::Waits,
            look_at: 0,
            hit_at: 0,
            aside: Wander::aside(numbers),
        }
    }

    fn leash(&self, body: &dyn Body) -> f64 {
        let default = self.manner.leash;
        self.numbers.of(body, Parameter::Leash, default)
    }

    fn radius(&self, body: &dyn Body) -> f64 {
        let default = self.manner.radius;
        self.numbers.of(body, Parameter::Radius, default)
    }

    /// Whom it sees: who is near enough to be followed.
    fn seen(&self, body: &dyn Body) -> Vec<Seen> {
        body.look((EYE * self.radius(body)).max(self.leash(body)))
    }

    /// Whoever has hit it, else the nearest player within its radius; nobody who stays beyond its leash.
    fn foe(&self, body: &dyn Body, hitter: Option<&str>) -> Option<Seen> {
        let home = body.home();
        let (radius, leash) = (self.radius(body), self.leash(body));
        let is_within = |seen: &Seen| seen.position.distance(&home) <= leash;
        if let Some(hitter) = hitter {
            let mut seen = self.seen(body).into_iter();
            let seen = seen.find(|seen| seen.name == hitter && is_within(seen));
            if seen.is_some() {
                return seen;
            }
        }
        let mut seen = body.look(radius).into_iter();
        seen.find(|seen| seen.is_player && is_within(seen))
    }

    fn wait(&mut self, body: &mut dyn Body, hitter: Option<&str>) -> Step {
        let now = body.tick();
        if now >= self.look_at || hitter.is_some() {
            self.look_at = now + WATCH_TICKS;
            if let Some(seen) = self.foe(body, hitter) {
                self.look_at = now;
                self.state = State::Follows {
                    name: seen.name,
                    route: Route::to(seen.position),
                    is_in_reach: false,
                };
                return self.follow(body, None);
            }
        }
        match self.aside.resume(body) {
            Step::Sleep(tick) => Step::Sleep(tick.min(self.look_at)),
            step => step,
        }
    }

    fn follow(&mut self, body: &mut dyn Body, hitter: Option<&str>) -> Step {
        let now = body.tick();
        let (home, leash) = (body.home(), self.leash(body));
        if now >= self.look_at && !self.look(body, hitter, leash) {
            return self.go_home(body);
        }
        let State::Follows {
            route, is_in_reach, ..
        } = &mut self.state
        else {
            return self.go_home(body);
        };
        if *is_in_reach {
            return Step::Sleep(self.look_at);
        }
        if route.go(body) == Walk::Blocked {
            // There is no way to them: they are let alone for a while.
            let step = self.go_home(body);
            self.look_at = now + NO_WAY_TICKS;
            return step;
        }
        if !self.manner.is_guard && body.position().distance(&home) > leash {
            return self.go_home(body);
        }
        Step::Sleep(now + STRIDE_TICKS)
    }

    /// Looks where they are, and hits if they are in reach; false: they are gone, or too far.
    fn look(&mut self, body: &mut dyn Body, hitter: Option<&str>, leash: f64) -> bool {
        let now = body.tick();
        let seen = self.seen(body);
        let State::Follows {
            name,
            route,
            is_in_reach,
        } = &mut self.state
        else {
            return false;
        };
        let find = |wanted: &str| seen.iter().find(|seen| seen.name == wanted);
        let Some(seen) = hitter.and_then(find).or_else(|| find(name)) else {
            return false;
        };
        if self.manner.is_guard && seen.position.distance(&body.home()) > leash {
            return false;
        }
        name.clone_from(&seen.name);
        self.look_at = now + LOOK_TICKS;
        let distance = body.position().distance(&seen.position);
        *is_in_reach = distance <= self.numbers.of(body, Parameter::Reach, REACH)
            && body.is_clear(seen.position);
        if !*is_in_reach {
            route.follow(body, seen.position);
            return true;
        }
        if now >= self.hit_at {
            let cooldown = Parameter::Cooldown;
            self.hit_at = now + self.numbers.ticks_of(body, cooldown, COOLDOWN_MS);
            let damage = self.numbers.of(body, Parameter::Damage, DAMAGE);
            if damage > 0.0 {
                body.change(&seen.name, "hp", minus(damage));
            }
        }
        self.look_at = self.look_at.min(self.hit_at);
        true
    }

    /// Lets them go. It notices nobody until it is at home.
    fn go_home(&mut self, body: &mut dyn Body) -> Step {
        self.state = State::GoesHome(Route::to(body.home()));
        self.walk_home(body)
    }

    fn walk_home(&mut self, body: &mut dyn Body) -> Step {
        let State::GoesHome(route) = &mut self.state else {
            return Step::Sleep(body.tick() + WATCH_TICKS);
        };
        match route.go(body) {
            Walk::Going => Step::Sleep(body.tick() + STRIDE_TICKS),
            Walk::Blocked => Step::Sleep(body.tick() + NO_WAY_TICKS),
            Walk::Arrived => {
                self.state = State::Waits;
                Step::Sleep(body.tick() + WATCH_TICKS)
            }
        }
    }
}

impl Behaviour for Hunter {
    fn resume(&mut self, body: &mut dyn Body) -> Step {
        let hits = body.events().into_iter().rev();
        let hitter = hits.into_iter().find_map(|event| match event {
            Event::Hit { by, .. } => Some(by),
            Event::Set { .. } | Event::Answered { .. } => None,
        });
        match self.state {
            State::Waits => self.wait(body, hitter.as_deref()),
            State::Follows { .. } => self.follow(body, hitter.as_deref()),
            State::GoesHome(_) => self.walk_home(body),
        }
    }
}

/// What takes so much from a number: whole if it is, for rules that want an integer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "damage has a maximum far below what is lost"
)]
fn minus(damage: f64) -> Value {
    if damage.fract() == 0.0 {
        Value::Int(-(damage as i64))
    } else {
        Value::Float(-damage)
    }
}
