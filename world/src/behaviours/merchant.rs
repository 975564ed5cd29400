//! Turns to players who come near, and says its line to each of them.

use wire::Value;

use super::{Behaviour, Body, Numbers, Parameter, WATCH_TICKS};
use crate::{position::Position, scheduler::Step};

/// How near somebody has to be, in tiles along each axis, if nobody says otherwise.
const RADIUS: f64 = 3.0;

/// How long somebody has to have been away to be greeted again, in milliseconds, if nobody says otherwise.
const COOLDOWN_MS: f64 = 10_000.0;

/// How long what it says stands before it says something else, in ticks: somebody has to read it.
const SPEAK_TICKS: u64 = 40;

/// How many it remembers to have greeted. If there are more, it forgets who has been away for longest.
const GREETED_MAX: usize = 256;

/// Somebody who has something to say.
pub(super) struct Merchant {
    numbers: Numbers,
    /// Whom it has greeted, and when they have been near last.
    greeted: Vec<(String, u64)>,
    speak_at: u64,
    facing: &'static str,
}

impl Merchant {
    pub(super) fn new(numbers: Numbers) -> Self {
        Self {
            numbers,
            greeted: Vec::new(),
            speak_at: 0,
            facing: "",
        }
    }

    /// Has `facing` say which way it looks: `north`, `east`, `south` or `west`.
    fn turn(&mut self, body: &mut dyn Body, to: Position) {
        let here = body.position();
        let facing = compass(to.x - here.x, to.y - here.y);
        if facing != self.facing {
            self.facing = facing;
            // A world that forbids it has merchants who do not turn.
            let _ = body.set("facing", Value::Str(facing.to_owned()));
        }
    }

    fn greet(&mut self, body: &mut dyn Body, name: String) {
        let now = body.tick();
        if let Some(Value::Str(line)) = body.attribute("line") {
            body.say(&line.replace("{name}", &name));
            self.speak_at = now + SPEAK_TICKS;
        }
        if self.greeted.len() >= GREETED_MAX {
            let longest_away = self.greeted.iter().enumerate();
            let longest_away = longest_away.min_by_key(|(_, (_, near_at))| *near_at);
            longest_away
                .map(|(index, _)| index)
                .map(|index| self.greeted.swap_remove(index));
        }
        self.greeted.push((name, now));
    }
}

impl Behaviour for Merchant {
    fn resume(&mut self, body: &mut dyn Body) -> Step {
        let now = body.tick();
        let radius = self.numbers.of(body, Parameter::Radius, RADIUS);
        let mut near = body.look(radius);
        near.retain(|seen| seen.is_player);
        if !self.greeted.is_empty() {
            let cooldown = self
                .numbers
                .ticks_of(body, Parameter::Cooldown, COOLDOWN_MS);
            self.greeted.retain_mut(|(name, near_at)| {
                if near.iter().any(|seen| seen.name == *name) {
                    *near_at = now;
                }
                now < *near_at + cooldown
            });
        }
        let is_new = |name: &str| !self.greeted.iter().any(|(greeted, _)| greeted == name);
        let new = near.iter().find(|seen| is_new(&seen.name));
        let speaks_to = new.filter(|_| now >= self.speak_at).cloned();
        if let Some(seen) = speaks_to {
            self.turn(body, seen.position);
            self.greet(body, seen.name);
        } else if let Some(seen) = near.first().filter(|_| now >= self.speak_at) {
            self.turn(body, seen.position);
        }
        Step::Sleep(now + WATCH_TICKS)
    }
}

/// The nearest of four directions; y goes south.
fn compass(dx: f64, dy: f64) -> &'static str {
    match dx.abs() > dy.abs() {
        true if dx > 0.0 => "east",
        true => "west",
        false if dy < 0.0 => "north",
        false => "south",
    }
}
