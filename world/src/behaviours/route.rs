//! On the way to a place: straight, and round what turns out to be in the way. It does not know why somebody goes there.

use super::{Body, Walk};
use crate::position::Position;

/// How long after a search there is none again, in ticks: what moves is searched for twice in a second at most.
const SEARCH_TICKS: u64 = 10;

/// How far what is followed may move before another way is searched for, in tiles.
const MOVED_TILES: f64 = 1.5;

/// A way to a place.
#[derive(Debug)]
pub(super) struct Route {
    goal: Position,
    /// Where to walk, the next last; None: not known yet.
    legs: Option<Vec<Position>>,
    search_from: u64,
}

impl Route {
    /// A way to a place, not known yet.
    pub(super) fn to(goal: Position) -> Self {
        Self {
            goal,
            legs: None,
            search_from: 0,
        }
    }

    /// Goes on. [`Walk::Blocked`]: there is no way.
    pub(super) fn go(&mut self, body: &mut dyn Body) -> Walk {
        if self.legs.is_none() && body.is_clear(self.goal) {
            self.legs = Some(vec![self.goal]);
        }
        let Some(legs) = &mut self.legs else {
            return self.search(body);
        };
        let Some(&next) = legs.last() else {
            return Walk::Arrived;
        };
        match body.walk(next) {
            Walk::Going => Walk::Going,
            Walk::Arrived => {
                legs.pop();
                if legs.is_empty() {
                    Walk::Arrived
                } else {
                    Walk::Going
                }
            }
            // Something is there that was not when the way was found.
            Walk::Blocked => self.search(body),
        }
    }

    /// Has the way lead to where somebody is now who is followed. Where nothing is in the way nothing is searched for.
    pub(super) fn follow(&mut self, body: &mut dyn Body, goal: Position) {
        if body.is_clear(goal) {
            self.goal = goal;
            self.legs = Some(vec![goal]);
            return;
        }
        let is_straight = self.legs.as_ref().is_none_or(|legs| legs.len() <= 1);
        let has_moved = self.goal.distance(&goal) > MOVED_TILES;
        if (is_straight || has_moved) && body.tick() >= self.search_from {
            self.goal = goal;
            self.legs = None;
        }
    }

    /// Finds a way, to go on with. It waits if there has just been a search.
    fn search(&mut self, body: &mut dyn Body) -> Walk {
        if body.tick() < self.search_from {
            return Walk::Going;
        }
        self.search_from = body.tick() + SEARCH_TICKS;
        self.legs = body.path_to(self.goal).map(|mut legs| {
            legs.reverse();
            legs
        });
        if self.legs.is_some() {
            Walk::Going
        } else {
            Walk::Blocked
        }
    }
}
