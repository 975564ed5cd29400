//! The story of each behaviour, told with an entity that walks on a picture.

mod chase;
mod flee;
mod guard;
mod kind;
mod merchant;
mod patrol;
mod route;
mod wander;

use std::{cell::Cell, collections::BTreeMap, sync::Arc};

use wire::Value;

use super::{Behaviour, Body, Event, Kind, STRIDE_TICKS, Seen, Walk, paths};
use crate::{
    movement::{Ground, tests::Picture},
    position::Position,
    scheduler::Step,
    terrain::Path,
};

/// How far a puppet's searches go, in tiles.
const COST_MAX: f64 = 60.0;

fn at(x: f64, y: f64) -> Position {
    Position { x, y, z: 0 }
}

fn player(name: &str, position: Position) -> Seen {
    Seen {
        name: name.to_owned(),
        position,
        is_player: true,
    }
}

/// An entity alone with some others who do as they are told.
struct Puppet {
    ground: Picture,
    tick: u64,
    position: Position,
    home: Position,
    attributes: BTreeMap<String, Value>,
    others: Vec<Seen>,
    events: Vec<Event>,
    seed: u64,
    walked_at: u64,
    said: Vec<(u64, String)>,
    /// Whom it has changed, and when, and by what.
    changes: Vec<(u64, String, String, Value)>,
    look_count: Cell<usize>,
    search_count: usize,
    walk_count: usize,
    /// Whatever it does, it stays where it is.
    is_held: bool,
}

/// Tiles in a second.
const SPEED: f64 = 4.0;

impl Puppet {
    fn new(ground: Picture, home: Position) -> Self {
        Self {
            ground,
            tick: 100,
            position: home,
            home,
            attributes: BTreeMap::new(),
            others: Vec::new(),
            events: Vec::new(),
            seed: 7,
            walked_at: 100,
            said: Vec::new(),
            changes: Vec::new(),
            look_count: Cell::new(0),
            search_count: 0,
            walk_count: 0,
            is_held: false,
        }
    }

    fn is_at_home(&self) -> bool {
        self.position.distance(&self.home) < 1e-9
    }
}

impl Body for Puppet {
    fn tick(&self) -> u64 {
        self.tick
    }

    fn name(&self) -> &str {
        "puppet"
    }

    fn position(&self) -> Position {
        self.position
    }

    fn home(&self) -> Position {
        self.home
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        self.attributes.get(name).cloned()
    }

    fn set(&mut self, name: &str, value: Value) -> Result<(), String> {
        self.attributes.insert(name.to_owned(), value);
        Ok(())
    }

    fn look(&self, radius: f64) -> Vec<Seen> {
        self.look_count.set(self.look_count.get() + 1);
        let mut seen = self.others.clone();
        seen.retain(|seen| seen.position.sees(&self.position, radius));
        let distance = |seen: &Seen| seen.position.distance(&self.position);
        seen.sort_by(|one, two| distance(one).total_cmp(&distance(two)));
        seen
    }

    fn is_clear(&self, to: Position) -> bool {
        self.ground.sweep(self.position, to)
    }

    fn walk(&mut self, to: Position) -> Walk {
        self.walk_count += 1;
        let ticks = (self.tick - self.walked_at).min(STRIDE_TICKS);
        self.walked_at = self.tick;
        let (left, stride) = (self.position.distance(&to), SPEED * 0.05 * ticks as f64);
        let part = if left <= stride { 1.0 } else { stride / left };
        let place = Position {
            x: self.position.x + (to.x - self.position.x) * part,
            y: self.position.y + (to.y - self.position.y) * part,
            z: self.position.z,
        };
        let place = if part == 1.0 { to } else { place };
        if self.is_held || !self.ground.sweep(self.position, place) {
            return Walk::Blocked;
        }
        self.position = place;
        if part == 1.0 {
            Walk::Arrived
        } else {
            Walk::Going
        }
    }

    fn path_to(&mut self, to: Position) -> Option<Vec<Position>> {
        self.search_count += 1;
        paths::find(&self.ground, self.position, to, COST_MAX)
    }

    fn say(&mut self, text: &str) {
        self.said.push((self.tick, text.to_owned()));
    }

    fn change(&mut self, target: &str, attribute: &str, by: Value) {
        let change = (self.tick, target.to_owned(), attribute.to_owned(), by);
        self.changes.push(change);
    }

    fn request(&mut self, target: &str, attribute: &str, by: Value) -> u64 {
        self.change(target, attribute, by);
        0
    }

    fn spawn(&mut self, _template: &str, _place: Position) -> Result<String, String> {
        Err("no behaviour of ours spawns".to_owned())
    }

    fn chance(&mut self, bound: u32) -> u32 {
        // Knuth's generator.
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005);
        self.seed = self.seed.wrapping_add(1_442_695_040_888_963_407);
        ((self.seed >> 33) as u32).checked_rem(bound).unwrap_or(0)
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// A puppet and what moves it.
struct Story {
    body: Puppet,
    behaviour: Box<dyn Behaviour>,
    due: u64,
    resume_count: usize,
}

impl Story {
    fn new(text: &str, body: Puppet) -> Self {
        Self::along(text, body, None)
    }

    fn along(text: &str, body: Puppet, path: Option<Path>) -> Self {
        let kind = Kind::parse(text).unwrap_or_else(|error| panic!("{error}"));
        Self {
            behaviour: kind.behaviour(path.map(Arc::new)).expect("not a script"),
            due: body.tick,
            body,
            resume_count: 0,
        }
    }

    /// Lets so many ticks pass, with a look at the body after each.
    fn ticks(&mut self, count: u64, mut look: impl FnMut(&mut Puppet)) -> &mut Self {
        for _ in 0..count {
            self.body.tick += 1;
            if self.body.tick >= self.due {
                self.resume();
            }
            look(&mut self.body);
        }
        self
    }

    fn resume(&mut self) {
        self.resume_count += 1;
        self.due = match self.behaviour.resume(&mut self.body) {
            Step::Yield(_) => self.body.tick + 1,
            Step::Sleep(tick) => tick.max(self.body.tick + 1),
            Step::End => u64::MAX,
        };
    }

    /// Lets ticks pass until something holds; panics if it does not within so many.
    fn until(&mut self, ticks: u64, mut holds: impl FnMut(&Puppet) -> bool) -> &mut Self {
        for _ in 0..ticks {
            self.ticks(1, |_| ());
            if holds(&self.body) {
                return self;
            }
        }
        panic!("not within {ticks} ticks: at {:?}", self.body.position);
    }
}

/// A house of 6 by 5 tiles in a field, its west wall at x = 10.
fn house() -> Picture {
    let mut ground = Picture::open(40, 30);
    for x in 10..16 {
        for y in 10..15 {
            ground.block(x, y);
        }
    }
    ground
}
