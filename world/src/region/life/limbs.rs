//! An entity of a region, as its behaviour has it.

use std::sync::Arc;

use wire::Value;

use super::{
    super::{Region, Resident, TICK_MS, resident::Writing, residents::Seat},
    Mind, Moment, Wish,
};
use crate::{
    attributes,
    behaviours::{Body, Event, SEEN_MAX, STRIDE_TICKS, Seen, Walk, paths},
    movement,
    position::Position,
};

/// How fast it goes whose attributes do not say, as a part of how fast players go: they can get away.
const SPEED_PART: f64 = 0.5;
/// How near is there, in tiles.
const ROUNDING: f64 = 1e-9;
/// How long a way round something is at most, in tiles.
const PATH_TILES_MAX: f64 = 64.0;
/// How far anybody looks, in tiles.
const LOOK_TILES_MAX: f64 = 256.0;
/// How many creatures that others have put into the world a region counts, wherever they are.
const BORN_MAX: usize = 1_024;
/// How many creatures one may put into the world that are there still.
const BROOD_MAX: usize = 32;

/// Why what moves is there.
const STAYS: &str = "nobody goes, or loses its mind, while it uses it";

/// The limbs and senses of one entity, while it is resumed.
pub(super) struct Limbs<'a> {
    region: &'a mut Region,
    moment: Arc<Moment>,
    seat: Seat,
    key: &'a str,
    tick: u64,
}

impl<'a> Limbs<'a> {
    /// None: it is not here, or is about to go.
    pub(super) fn of(
        region: &'a mut Region,
        seat: Seat,
        key: &'a Arc<str>,
        tick: u64,
    ) -> Option<Self> {
        let moment = region.life.moment.clone()?;
        let resident = region.residents.at(seat)?;
        // The name itself lies elsewhere in memory.
        let is_here = Arc::ptr_eq(resident.label.key(), key) && resident.mind.is_some();
        (is_here && !resident.is_frozen()).then_some(Self {
            region,
            moment,
            seat,
            key,
            tick,
        })
    }

    fn resident(&self) -> &Resident {
        self.region.residents.at(self.seat).expect(STAYS)
    }

    fn mind(&self) -> &Mind {
        self.resident().mind.as_ref().expect(STAYS)
    }

    fn mind_mut(&mut self) -> &mut Mind {
        let resident = self.region.residents.at_mut(self.seat);
        let mind = resident.and_then(|resident| resident.mind.as_mut());
        mind.expect(STAYS)
    }

    fn number(&self, name: &str) -> Option<f64> {
        let state = &self.resident().state;
        state.attribute(name, self.moment.ms)?.as_f64()
    }

    fn wish_for(&mut self, target: &str, attribute: &str, by: Value, request: Option<u64>) {
        self.region.life.wishes.push(Wish::Change {
            author: self.key.to_owned(),
            target: target.to_owned(),
            attribute: attribute.to_owned(),
            by,
            request,
        });
    }

    fn go(&mut self, to: Position) {
        let Some(resident) = self.region.residents.at_mut(self.seat) else {
            return;
        };
        resident.state.position = to;
        resident.walked(self.moment.ms);
        self.region.publisher.touch(resident, false);
        self.region
            .look_outside_at(self.seat, self.moment.settings.cell_tiles);
    }
}

impl Body for Limbs<'_> {
    fn tick(&self) -> u64 {
        self.tick
    }

    fn name(&self) -> &str {
        &self.resident().name
    }

    fn position(&self) -> Position {
        self.resident().state.position
    }

    fn home(&self) -> Position {
        self.mind().home
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let state = &self.resident().state;
        state.attribute(name, self.moment.ms).cloned()
    }

    fn set(&mut self, name: &str, value: Value) -> Result<(), String> {
        let (moment, region) = (&self.moment, &mut *self.region);
        let Some(resident) = region.residents.at_mut(self.seat) else {
            return Ok(());
        };
        let put = |state: &mut _, value| {
            attributes::put(state, &moment.settings, name, value, moment.ms)
                .map_err(|refusal| format!("{name}: {refusal}"))
        };
        put(&mut resident.state, value.clone())?;
        // What is being written takes the place of the attributes when it is durable.
        if let Some(Writing::Attributes { state, .. }) = &mut resident.writing {
            put(state, value)?;
        }
        resident.walked(moment.ms);
        if resident.refresh(&moment.settings, moment.ms) {
            region.publisher.touch(resident, true);
        }
        region.note_expiry(self.key);
        if name == "hp" {
            region.life.wishes.push(Wish::Death(self.key.to_owned()));
        }
        Ok(())
    }

    fn look(&self, radius: f64) -> Vec<Seen> {
        let (here, radius) = (self.position(), radius.min(LOOK_TILES_MAX));
        let mut seen = self.region.life.index.look(here, radius);
        let cell_tiles = self.moment.settings.cell_tiles;
        if self.region.id.tiles_within(here, cell_tiles) < radius {
            let neighbours = &self.moment.neighbours;
            seen.extend(neighbours.look(self.region.id, here, radius, cell_tiles));
        }
        seen.retain(|one| one.name != self.name());
        seen.sort_by(|one, other| {
            let distance = |seen: &Seen| seen.position.distance(&here);
            let order = distance(one).total_cmp(&distance(other));
            order.then_with(|| one.name.cmp(&other.name))
        });
        seen.truncate(SEEN_MAX);
        seen
    }

    fn is_clear(&self, to: Position) -> bool {
        to.is_valid() && self.moment.ground.sweep(self.position(), to)
    }

    fn walk(&mut self, to: Position) -> Walk {
        let here = self.position();
        let distance = here.distance(&to);
        if distance <= ROUNDING {
            return Walk::Arrived;
        }
        let speed = self.number("speed").filter(|speed| *speed >= 0.0);
        let speed = speed.unwrap_or(self.moment.settings.speed * SPEED_PART);
        let ticks = self.tick.saturating_sub(self.mind().walked_at);
        let reach = speed * seconds(ticks.min(STRIDE_TICKS));
        if !distance.is_finite() || reach <= 0.0 {
            return Walk::Blocked;
        }
        let part = (reach / distance).min(1.0);
        let next = match part < 1.0 {
            false => to,
            true => Position {
                x: here.x + (to.x - here.x) * part,
                y: here.y + (to.y - here.y) * part,
                z: here.z,
            },
        };
        self.mind_mut().walked_at = self.tick;
        if !next.is_valid() || !self.moment.ground.sweep(here, next) {
            return Walk::Blocked;
        }
        self.go(next);
        match part < 1.0 {
            true => Walk::Going,
            false => Walk::Arrived,
        }
    }

    fn path_to(&mut self, to: Position) -> Option<Vec<Position>> {
        paths::find(&*self.moment.ground, self.position(), to, PATH_TILES_MAX)
    }

    fn say(&mut self, text: &str) {
        // Longer than what an attribute may be: not said.
        let _unsaid = self.set("say", Value::Str(text.to_owned()));
    }

    fn change(&mut self, target: &str, attribute: &str, by: Value) {
        self.wish_for(target, attribute, by, None);
    }

    fn request(&mut self, target: &str, attribute: &str, by: Value) -> u64 {
        self.region.life.request_count += 1;
        let number = self.region.life.request_count;
        self.wish_for(target, attribute, by, Some(number));
        number
    }

    fn spawn(&mut self, template: &str, place: Position) -> Result<String, String> {
        if !movement::is_free(&*self.moment.ground, place) {
            return Err(format!("({}, {}) is not free", place.x, place.y));
        }
        let brood_count = self.region.life.brood_count(self.key);
        if brood_count >= BROOD_MAX {
            return Err(format!("{BROOD_MAX} that it has put here are here still"));
        }
        if self.region.born_count() >= BORN_MAX {
            return Err(format!(
                "{BORN_MAX} that were put into the world from here live"
            ));
        }
        let settings = &self.moment.settings;
        let Some(creature) = self.region.creature_of(template, place, settings) else {
            return Err(format!("there is no template {template:?} in world.toml"));
        };
        let name = creature.name.clone();
        self.region.life.bear(self.key, &name);
        self.region
            .life
            .wishes
            .push(Wish::Birth(Box::new(creature)));
        Ok(name)
    }

    fn chance(&mut self, bound: u32) -> u32 {
        self.region.life.chance.below(bound)
    }

    fn events(&mut self) -> Vec<Event> {
        self.mind_mut().take_events()
    }
}

fn seconds(ticks: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most a few ticks")]
    let ms = (ticks * TICK_MS) as f64;
    ms / 1000.0
}
