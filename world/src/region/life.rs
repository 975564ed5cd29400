//! What entities do of themselves: each that has a behaviour is a uthread of its region's scheduler, and has the region to itself while it runs. What needs more
//! than the region is wished for meanwhile, and done when the tick is over.
//!
//! A tick is run only if somebody is due; where no gateway listens, few are run, and little is done in each.

mod deaths;
mod gifts;
mod index;
mod limbs;
mod mind;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use wire::{Value, command::Change};

use super::{
    Action, Ask, Asker, Creature, LinkId, Now, Output, Region, Resident, Session, TICK_MS,
};
use crate::{
    applied::CommandId,
    behaviours::{Behaviour, Event, Kind, Seen},
    chance::{Chance, mix},
    movement::{self, Ground},
    name,
    position::Position,
    region_id::RegionId,
    scheduler::{Ended, Scheduler, Stats, Trickle},
    scripts::{Hash, Herds},
    settings::Settings,
};
use gifts::Gift;
pub use index::Index;
pub(super) use index::Label;
pub(super) use mind::Mind;

/// Who speaks for what creatures do to others: nobody, so that nobody is answered.
pub const NOBODY: Session = Session {
    link: LinkId(0),
    number: 0,
};

/// How many tiles are tried for a creature that comes into the world anywhere in an area. If all are blocked, it comes to the free one that is nearest to the
/// area's middle.
const PLACES_MAX: usize = 32;

/// Where nobody looks, one tick in so many is run: once a second.
const TRICKLE_TICKS: u64 = 20;
/// How many uthreads are resumed in such a tick: a hundred thousand wanderers in 576 regions take some 1 % of a core
/// (`cargo bench -p world --bench regions`).
const TRICKLE_RESUMES: u64 = 8;

/// What a region's entities see beyond its borders.
pub trait Neighbours: Send + Sync + fmt::Debug {
    /// Who is within so many tiles of a place along each axis, in other regions than `here`, in any order. Regions are as wide as `cell_tiles`.
    fn look(&self, here: RegionId, place: Position, radius: f64, cell_tiles: u32) -> Vec<Seen>;
}

/// Those who are in these regions, and nobody else.
impl Neighbours for BTreeMap<RegionId, Arc<Index>> {
    fn look(&self, here: RegionId, place: Position, radius: f64, cell_tiles: u32) -> Vec<Seen> {
        RegionId::in_view(place, radius, cell_tiles)
            .filter(|region| *region != here)
            .filter_map(|region| self.get(&region))
            .flat_map(|index| index.look(place, radius))
            .collect()
    }
}

/// What holds while a tick is run.
#[derive(Debug)]
struct Moment {
    ms: u64,
    settings: Arc<Settings>,
    ground: Arc<dyn Ground>,
    neighbours: Arc<dyn Neighbours>,
}

/// What is done when the tick is over.
#[derive(Debug)]
enum Wish {
    /// Somebody changes a number of somebody.
    Change {
        author: String,
        target: String,
        attribute: String,
        by: Value,
        /// The number under which it hears what becomes of that, if it wants to.
        request: Option<u64>,
    },
    /// Somebody comes into the world.
    Birth(Box<Creature>),
    /// Somebody has taken its own `hp`.
    Death(String),
}

/// The life of a region.
pub(super) struct Life {
    /// What runs the world's own behaviours.
    herds: Option<Herds>,
    /// None: nobody has ever done anything here.
    scheduler: Option<Box<Scheduler<Region>>>,
    index: Arc<Index>,
    moment: Option<Arc<Moment>>,
    wishes: Vec<Wish>,
    /// All that is left to chance here.
    chance: Chance,
    /// How many have been put into the world by others here.
    birth_count: u64,
    /// Whom they have put there and who are here still, by who did.
    broods: BTreeMap<String, BTreeSet<String>>,
    /// When what nobody picks up is taken away.
    decays: BTreeSet<(u64, String)>,
    /// What is on its way to somebody, by number.
    gifts: BTreeMap<u64, Gift>,
    gift_count: u64,
    /// How many changes were requested here whose authors want to know what becomes of them.
    request_count: u64,
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life")
            .field("scheduler", &self.scheduler.is_some())
            .finish_non_exhaustive()
    }
}

impl Life {
    /// Whatever happens in a region is decided by its name, its epoch and what it is told.
    pub(super) fn new(id: RegionId, epoch: u64) -> Self {
        let place = [id.level, id.column, id.row].map(|number| u64::from(number.cast_unsigned()));
        let seed = place
            .into_iter()
            .fold(epoch, |seed, number| mix(seed ^ number));
        Self {
            herds: None,
            scheduler: None,
            index: Arc::new(Index::new()),
            moment: None,
            wishes: Vec::new(),
            chance: Chance::new(seed),
            birth_count: 0,
            broods: BTreeMap::new(),
            decays: BTreeSet::new(),
            gifts: BTreeMap::new(),
            gift_count: mix(seed) >> 24 << gifts::GIFT_BITS,
            request_count: 0,
        }
    }

    /// How many are here that somebody has put into the world.
    fn brood_count(&self, parent: &str) -> usize {
        self.broods.get(parent).map_or(0, BTreeSet::len)
    }

    /// Somebody puts somebody into the world.
    fn bear(&mut self, parent: &str, name: &str) {
        let brood = self.broods.entry(parent.to_owned()).or_default();
        brood.insert(name::key(name));
    }

    /// What can be seen of its uthreads.
    pub(super) fn stats(&self) -> Stats {
        let scheduler = self.scheduler.as_ref();
        scheduler.map_or_else(Stats::default, |one| one.stats())
    }

    /// What the next numbers depend on.
    #[cfg(test)]
    pub(super) fn drawn(&self) -> u64 {
        self.chance.clone().number()
    }
}

impl Region {
    /// When somebody is due, in milliseconds since 1970. Where nobody looks, that waits for the next tick of the trickle.
    pub(super) fn life_at_ms(&self) -> Option<u64> {
        // Who does anything now would do it for nobody: whoever is here is let go of.
        let scheduler = self.life.scheduler.as_ref().filter(|_| !self.is_draining)?;
        // Who was left for want of time has been due before, and goes on in the next tick.
        let due = scheduler.next_due()?.max(scheduler.now() + 1);
        let tick = match self.is_seen {
            true => due,
            false => self.trickle().next_run(due),
        };
        Some(tick.saturating_mul(TICK_MS))
    }

    /// Who is where: kept up by the region, for its neighbours to look at.
    #[must_use]
    pub fn index(&self) -> Arc<Index> {
        Arc::clone(&self.life.index)
    }

    /// Lets everybody go on who is due. Whether anybody was.
    pub(super) fn live(&mut self, now: &Now<'_>, out: &mut Vec<Output>) -> bool {
        if self.life_at_ms().is_none_or(|at_ms| at_ms > now.ms) {
            return false;
        }
        let Some(mut scheduler) = self.life.scheduler.take() else {
            return false;
        };
        self.life.moment = Some(Arc::new(Moment {
            ms: now.ms,
            settings: Arc::clone(now.settings),
            ground: Arc::clone(now.ground),
            neighbours: Arc::clone(now.neighbours),
        }));
        let (tick, mut meter) = (now.ms / TICK_MS, now.around.meter());
        if self.is_seen {
            scheduler.tick(self, tick, &mut *meter);
        } else {
            // It may be later than the tick that was to be run.
            let little = Trickle {
                every_ticks: 1,
                ..self.trickle()
            };
            scheduler.trickle(self, tick, little, &mut *meter);
        }
        self.life.moment = None;
        let ended = scheduler.drain_ended();
        self.life.scheduler = Some(scheduler);
        self.report(ended, out);
        self.report_faults(out);
        self.fulfil(now, out);
        true
    }

    fn trickle(&self) -> Trickle {
        Trickle {
            every_ticks: TRICKLE_TICKS,
            phase: u64::from(self.id.column.wrapping_add(self.id.row).cast_unsigned()),
            resumes: TRICKLE_RESUMES,
        }
    }

    /// Those who were ended by what went wrong in them.
    fn report(&mut self, ended: Vec<Ended>, out: &mut Vec<Output>) {
        out.extend(ended.into_iter().filter_map(|ended| {
            use crate::scheduler::Reason;
            match ended.reason {
                Reason::Finished | Reason::Removed => None,
                Reason::Panicked(text) => Some(Output::Failed {
                    who: ended.name.to_string(),
                    text,
                }),
                Reason::AwaitsAnother => Some(Output::Failed {
                    who: ended.name.to_string(),
                    text: "it awaits something that is no yield".to_owned(),
                }),
            }
        }));
    }

    /// Scripts that were stopped.
    fn report_faults(&mut self, out: &mut Vec<Output>) {
        let Some(herds) = &mut self.life.herds else {
            return;
        };
        let (faults, lost_count) = herds.drain_faults();
        out.extend(faults.into_iter().map(|fault| Output::Failed {
            text: fault.what(),
            who: fault.entity,
        }));
        if lost_count > 0 {
            out.push(Output::Failed {
                who: format!("{lost_count} others"),
                text: "more scripts were stopped than can be told of".to_owned(),
            });
        }
    }

    fn fulfil(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        for wish in std::mem::take(&mut self.life.wishes) {
            match wish {
                Wish::Change {
                    author,
                    target,
                    attribute,
                    by,
                    request,
                } => {
                    let Some(asker) = self.residents.get(&author).map(asker) else {
                        continue;
                    };
                    // A blow that finds nobody has missed.
                    let is_blow = attribute == "hp" && request.is_none();
                    let action = Action::Set {
                        attribute,
                        change: Change::By(by),
                    };
                    match is_blow {
                        true => self.ask(Ask::new(asker, &target, action), now, out),
                        false => self.give(asker, &target, action, request, now, out),
                    }
                }
                Wish::Birth(creature) => self.bear(*creature, now, out),
                Wish::Death(key) => {
                    self.heed(&key, Vec::new(), now, out);
                    self.go_on(&key, now, out);
                }
            }
        }
    }

    /// A place in the area where a creature comes into the world, if it has one: a free tile, if it is found soon.
    pub(super) fn place_in_area(&mut self, creature: &Creature, now: &Now<'_>) -> Option<Position> {
        let respawn = creature.respawn.as_ref()?;
        let (west, north, east, south) = respawn.area?;
        let mut draw = |low: i32, high: i32| {
            let width = high.saturating_sub(low).max(1).cast_unsigned();
            low.saturating_add_unsigned(self.life.chance.below(width))
        };
        let mut places = (0..PLACES_MAX).map(|_| {
            let (x, y) = (draw(west, east), draw(north, south));
            Position::centre_of(x, y, creature.position.z)
        });
        places.find(|place| movement::is_free(now.ground(), *place))
    }

    /// Somebody is at a place of the region, or over its border.
    pub(super) fn note_place(&self, resident: &Resident) {
        let place = resident.state.position;
        self.life.index.put(&resident.label, place);
    }

    /// Somebody has come, and goes on with what it does.
    pub(super) fn animate(&mut self, key: &str, now: &Now<'_>) {
        let Some(seat) = self.residents.seat(key) else {
            return;
        };
        let mut mind = self.residents.at_mut(seat).and_then(|one| one.mind.take());
        self.end_mind(&mut mind);
        let Some(resident) = self.residents.at(seat) else {
            return;
        };
        self.note_place(resident);
        let home = resident.origin();
        let Some(thought) = thought_of(resident, now, &mut self.life.herds) else {
            return;
        };
        let tick = now.ms / TICK_MS;
        let scheduler = self
            .life
            .scheduler
            .get_or_insert_with(|| Box::new(Scheduler::new(tick)));
        let thinker = mind::Thinker {
            seat,
            key: Arc::clone(resident.label.key()),
            behaviour: thought.behaviour,
        };
        // Of too many, the last stand still.
        if let Ok(uthread) = scheduler
            .handle()
            .add(&thought.name, mind::PRIORITY, thinker)
            && let Some(resident) = self.residents.at_mut(seat)
        {
            let mind = Mind::new(uthread, home, tick, thought.script);
            resident.mind = Some(mind);
        }
    }

    /// Whoever does what a script says that is another one now begins anew.
    pub(super) fn renew_scripts(&mut self, now: &Now<'_>) {
        if let Some(herds) = &mut self.life.herds {
            herds.publish(now.scripts);
        }
        let is_old = |resident: &Resident| {
            let behaviour = resident.state.behaviour.as_deref()?;
            let Ok(Kind::Script(name)) = Kind::parse(behaviour) else {
                return None;
            };
            let runs = resident.mind.as_ref().and_then(|mind| mind.script);
            (now.scripts.hash(&name) != runs).then_some(())
        };
        let old = self.residents.values().filter(|one| is_old(one).is_some());
        let keys: Vec<String> = old.map(|one| one.key.clone()).collect();
        for key in keys {
            self.animate(&key, now);
        }
    }

    /// Somebody has gone.
    pub(super) fn forget(&mut self, resident: &mut Resident) {
        let key = &resident.key;
        self.cared_for.remove(key);
        self.life.index.remove(&resident.label);
        if resident.is_creature() {
            self.life.broods.retain(|_, brood| {
                brood.remove(key);
                !brood.is_empty()
            });
        }
        self.end_mind(&mut resident.mind);
    }

    pub(super) fn end_mind(&mut self, mind: &mut Option<Mind>) {
        if let Some(mind) = mind.take()
            && let Some(scheduler) = &mut self.life.scheduler
        {
            scheduler.handle().remove(mind.uthread);
        }
    }

    /// Something has happened to somebody, which hears of it in the next tick.
    pub(super) fn happen(&mut self, key: &str, event: Event) {
        let resident = self.residents.get_mut(key);
        if let Some(mind) = resident.and_then(|one| one.mind.as_mut()) {
            mind.note(event);
            if let Some(scheduler) = &mut self.life.scheduler {
                scheduler.handle().wake(mind.uthread);
            }
        }
    }
}

/// Who does something to others without being a player: its rights are the world's own, and nobody waits for the answer.
fn asker(author: &Resident) -> Asker {
    Asker {
        session: NOBODY,
        key: author.key.clone(),
        id: CommandId::default(),
        attempt: 0,
        kind: "set",
        is_gm: true,
        position: author.state.position,
        giver: None,
    }
}

/// What moves an entity.
struct Thought {
    /// What that is called.
    name: String,
    /// The script, if it is one.
    script: Option<Hash>,
    behaviour: Box<dyn Behaviour>,
}

/// None: nothing does.
fn thought_of(resident: &Resident, now: &Now<'_>, herds: &mut Option<Herds>) -> Option<Thought> {
    let text = resident.state.behaviour.as_deref()?;
    let kind = Kind::parse(text).ok()?;
    if let Kind::Script(name) = kind {
        let script = now.scripts.find(&name)?;
        let herds = herds.get_or_insert_with(|| Herds::new(now.around.watch()));
        let behaviour = herds.behaviour(script, &resident.name)?;
        return Some(Thought {
            script: Some(script.hash()),
            behaviour: Box::new(behaviour),
            name,
        });
    }
    let named = match resident.state.attribute("path", now.ms) {
        Some(Value::Str(name)) => Some(name.as_str()),
        _ => None,
    };
    let path = kind.path(named);
    let path = path.and_then(|name| now.ground().path(resident.origin(), name));
    Some(Thought {
        name: kind.name().to_owned(),
        script: None,
        behaviour: kind.behaviour(path)?,
    })
}
