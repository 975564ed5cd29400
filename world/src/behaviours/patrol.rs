//! Walks along a path: back and forth, or round if it closes. Who is pushed off goes on from the nearest of its points.

use std::sync::Arc;

use wire::Value;

use super::{Behaviour, Body, STRIDE_TICKS, Walk, route::Route};
use crate::{position::Position, scheduler::Step, terrain::Path};

/// How far from where it has gone itself it is to have been pushed off, in tiles.
const PUSHED_TILES: f64 = 1.0;

/// How long it waits at a point that it could not get to, in ticks, before it tries the next.
const MISSED_TICKS: u64 = 40;

/// The attribute that says where it goes: the number of a point, from 1, and below 0 on the way back. It goes on from there when it comes into another region, where a
/// behaviour begins anew.
const BOUND_FOR: &str = "patrol";

/// A patrol along a path that has points.
pub(super) struct Patrol {
    path: Arc<Path>,
    next: usize,
    is_on_way_back: bool,
    /// None: it has only just begun.
    walk: Option<Walking>,
}

struct Walking {
    route: Route,
    /// Where it has gone last.
    last: Position,
}

impl Patrol {
    pub(super) fn new(path: Arc<Path>) -> Self {
        Self {
            path,
            next: 0,
            is_on_way_back: false,
            walk: None,
        }
    }

    /// The way to go on: to the nearest point, if it is not where it has gone.
    fn route(&mut self, body: &mut dyn Body) -> Route {
        let here = body.position();
        let is_new = self.walk.is_none();
        let walk = self.walk.take();
        if let Some(walk) = walk.filter(|walk| walk.last.distance(&here) <= PUSHED_TILES) {
            return walk.route;
        }
        if !(is_new && self.remember(body)) {
            self.next = self.path.nearest(here).unwrap_or_default();
            self.note(body);
        }
        self.route_to_next()
    }

    /// Where it was bound for before it began anew; false: it does not know.
    fn remember(&mut self, body: &dyn Body) -> bool {
        let Some(Value::Int(bound_for)) = body.attribute(BOUND_FOR) else {
            return false;
        };
        let point = usize::try_from(bound_for.unsigned_abs()).unwrap_or_default();
        let is_point = (1..=self.path.points.len()).contains(&point);
        if is_point {
            (self.next, self.is_on_way_back) = (point - 1, bound_for < 0);
        }
        is_point
    }

    fn note(&self, body: &mut dyn Body) {
        let point = i64::try_from(self.next + 1).unwrap_or_default();
        let bound_for = if self.is_on_way_back { -point } else { point };
        // In a world that forbids it, who crosses a border begins anew at the nearest point.
        let _ = body.set(BOUND_FOR, Value::Int(bound_for));
    }

    fn route_to_next(&self) -> Route {
        Route::to(self.path.points[self.next])
    }

    /// The next point.
    fn advance(&mut self) {
        let count = self.path.points.len();
        if self.path.is_closed {
            self.next = (self.next + 1) % count;
        } else if self.is_on_way_back && self.next > 0 {
            self.next -= 1;
        } else {
            self.is_on_way_back = self.next + 1 == count && count > 1;
            self.next = match self.is_on_way_back {
                true => count - 2,
                false => (self.next + 1).min(count - 1),
            };
        }
    }
}

impl Behaviour for Patrol {
    fn resume(&mut self, body: &mut dyn Body) -> Step {
        let mut route = self.route(body);
        let walk = route.go(body);
        if walk != Walk::Going {
            self.advance();
            self.note(body);
            route = self.route_to_next();
        }
        let last = body.position();
        self.walk = Some(Walking { route, last });
        let ticks = match walk {
            Walk::Blocked => MISSED_TICKS,
            Walk::Arrived if self.path.points.len() == 1 => MISSED_TICKS,
            Walk::Going | Walk::Arrived => STRIDE_TICKS,
        };
        Step::Sleep(body.tick() + ticks)
    }
}
