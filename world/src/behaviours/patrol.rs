//! Walks along a path: back and forth, or round if it closes. Who is pushed off goes on from the nearest of its points.

use std::sync::Arc;

use super::{Behaviour, Body, STRIDE_TICKS, Walk, route::Route};
use crate::{position::Position, scheduler::Step, terrain::Path};

/// How far from where it has gone itself it is to have been pushed off, in tiles.
const PUSHED_TILES: f64 = 1.0;

/// How long it waits at a point that it could not get to, in ticks, before it tries the next.
const MISSED_TICKS: u64 = 40;

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
    fn route(&mut self, here: Position) -> Route {
        let walk = self.walk.take();
        if let Some(walk) = walk.filter(|walk| walk.last.distance(&here) <= PUSHED_TILES) {
            return walk.route;
        }
        let nearest = self.path.nearest(here);
        self.next = nearest.unwrap_or_default();
        self.route_to_next()
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
        let mut route = self.route(body.position());
        let walk = route.go(body);
        if walk != Walk::Going {
            self.advance();
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
