//! A small entity for scripts to act upon, on open ground: what a region would be behind it, without one.

use std::collections::BTreeMap;

use bytes::Bytes;
use wire::Value;

use crate::{
    behaviours::{Behaviour, Body, Event, Seen, Walk},
    content::Files,
    position::Position,
    scheduler::Step,
    scripts::{Fault, Herds, Scripted, Scripts},
};

/// An entity, and all that it has done.
pub(super) struct Doll {
    pub(super) name: String,
    pub(super) tick: u64,
    pub(super) position: Position,
    pub(super) attributes: BTreeMap<String, Value>,
    pub(super) seen: Vec<Seen>,
    pub(super) events: Vec<Event>,
    pub(super) done: Vec<String>,
    pub(super) request_count: u64,
    pub(super) chance: u64,
}

impl Doll {
    pub(super) fn new(name: &str) -> Self {
        let position = Position {
            x: 5.0,
            y: 5.0,
            z: 0,
        };
        Self {
            name: name.to_owned(),
            tick: 100,
            position,
            attributes: BTreeMap::from([("hp".to_owned(), Value::Int(10))]),
            seen: Vec::new(),
            events: Vec::new(),
            done: Vec::new(),
            request_count: 0,
            chance: 1,
        }
    }

    /// Somebody who stands next to it.
    pub(super) fn meets(&mut self, name: &str, is_player: bool) {
        let position = Position {
            x: self.position.x + 1.0,
            ..self.position
        };
        self.seen.push(Seen {
            name: name.to_owned(),
            position,
            is_player,
        });
    }

    /// What it has last requested was done, or not.
    pub(super) fn is_answered(&mut self, done: Option<bool>) {
        let number = self.request_count;
        self.events.push(Event::Answered { number, done });
    }

    pub(super) fn is_given(&mut self, by: &str, attribute: &str, value: Value) {
        self.attributes.insert(attribute.to_owned(), value.clone());
        self.events.push(Event::Set {
            by: by.to_owned(),
            attribute: attribute.to_owned(),
            value,
        });
    }
}

impl Body for Doll {
    fn tick(&self) -> u64 {
        self.tick
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn position(&self) -> Position {
        self.position
    }
    fn home(&self) -> Position {
        Position {
            x: 5.0,
            y: 5.0,
            z: 0,
        }
    }
    fn attribute(&self, name: &str) -> Option<Value> {
        self.attributes.get(name).cloned()
    }
    fn set(&mut self, name: &str, value: Value) -> Result<(), String> {
        if name == "fate" {
            return Err("fate is nobody's to write".to_owned());
        }
        self.attributes.insert(name.to_owned(), value);
        Ok(())
    }
    fn look(&self, _: f64) -> Vec<Seen> {
        self.seen.clone()
    }
    fn is_clear(&self, to: Position) -> bool {
        to.x <= 100.0
    }
    fn walk(&mut self, to: Position) -> Walk {
        if to.x > 100.0 {
            return Walk::Blocked;
        }
        self.position = to;
        Walk::Arrived
    }
    fn path_to(&mut self, to: Position) -> Option<Vec<Position>> {
        (to.x <= 100.0).then(|| vec![to])
    }
    fn say(&mut self, text: &str) {
        self.done.push(format!("says {text}"));
    }
    fn change(&mut self, target: &str, attribute: &str, by: Value) {
        self.done
            .push(format!("changes {target} {attribute} by {by:?}"));
    }
    fn request(&mut self, target: &str, attribute: &str, by: Value) -> u64 {
        self.change(target, attribute, by);
        self.request_count += 1;
        self.request_count
    }
    fn spawn(&mut self, template: &str, place: Position) -> Result<String, String> {
        if template == "dragon" {
            return Err("there is no template dragon".to_owned());
        }
        self.done
            .push(format!("spawns {template} at {} {}", place.x, place.y));
        Ok(format!("{template}#0.1"))
    }
    fn chance(&mut self, bound: u32) -> u32 {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let high = u32::try_from(self.chance >> 32).expect("32 bits");
        if bound == 0 { 0 } else { high % bound }
    }
    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// The name of the one script of [`Stage`].
pub(super) const FILE: &str = "behaviours/x.lua";

/// A world's scripts, a region that runs them, and an entity.
pub(super) struct Stage {
    pub(super) herds: Herds,
    pub(super) scripts: Scripts,
    pub(super) doll: Doll,
    pub(super) behaviour: Option<Scripted>,
}

impl Stage {
    pub(super) fn new(text: &str) -> Self {
        Self::with(Herds::new(None), text)
    }

    pub(super) fn with(mut herds: Herds, text: &str) -> Self {
        let (scripts, problems) = Scripts::load(&files(&[(FILE, text)]));
        assert_eq!(problems, [], "{text}");
        let doll = Doll::new("Mara");
        let behaviour = herds.behaviour(scripts.find("x").expect("it is there"), &doll.name);
        Self {
            herds,
            scripts,
            doll,
            behaviour,
        }
    }

    /// Another entity of the same script.
    pub(super) fn another(&mut self, name: &str) -> (Option<Scripted>, Doll) {
        let script = self.scripts.find("x").expect("it is there");
        (self.herds.behaviour(script, name), Doll::new(name))
    }

    pub(super) fn resume(&mut self) -> Step {
        let behaviour = self.behaviour.as_mut().expect("the script has begun");
        behaviour.resume(&mut self.doll)
    }

    /// Resumes it in each of so many ticks in which it is due.
    pub(super) fn run(&mut self, ticks: u64) {
        let mut due = self.doll.tick;
        for _ in 0..ticks {
            if due <= self.doll.tick {
                match self.resume() {
                    Step::Yield(_) => {}
                    Step::Sleep(until) => due = until,
                    Step::End => due = u64::MAX,
                }
            }
            self.doll.tick += 1;
        }
    }

    pub(super) fn faults(&mut self) -> Vec<Fault> {
        self.herds.drain_faults().0
    }

    /// Resumes it now and after so many ticks, which it does not survive.
    pub(super) fn fails_at(&mut self, ticks: u64) -> (Option<u32>, String) {
        assert_ne!(self.resume(), Step::End);
        self.doll.tick += ticks;
        self.fails()
    }

    /// Resumes it once, and takes the one fault that this leads to.
    pub(super) fn fails(&mut self) -> (Option<u32>, String) {
        if self.behaviour.is_some() {
            assert_eq!(self.resume(), Step::End);
        }
        let mut faults = self.faults();
        assert_eq!(faults.len(), 1, "{faults:?}");
        let fault = faults.remove(0);
        assert_eq!((&*fault.entity, &*fault.file), ("Mara", FILE));
        (fault.line, fault.text)
    }
}

pub(super) fn files(files: &[(&str, &str)]) -> Files {
    let owned =
        |(name, text): &(&str, &str)| ((*name).to_owned(), Bytes::copy_from_slice(text.as_bytes()));
    files.iter().map(owned).collect()
}
