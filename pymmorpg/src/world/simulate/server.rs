//! A zone server that has all regions of a world, without tasks: it wakes them in time, and carries out at once what they want. Rows are written as soon as
//! they are to be; nothing is refused, and nothing gets lost.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use world::{
    applied::{Applied, CommandId},
    chance::Chance,
    content::Content,
    entity::{Attribute, EntityState},
    movement::Ground,
    name,
    position::Position,
    region::{
        ClaimOutcome, Claimed, Command, Enter, Input, Neighbours, Now, Outcome, Output, Region,
        Session, TICK_MS,
    },
    region_id::RegionId,
    scripts::Scripts,
    settings::Settings,
    terrain::Terrain,
};

use super::{
    around::Around,
    gateway::{Gateway, LINK},
    walkers::{self, STEP_TICKS, Walker},
};

/// When a simulation begins, in milliseconds since 1970: always the same, so that the same seed gives the same world.
const START_MS: u64 = 1_700_000_000_000;
/// What one region's uthreads may take in a tick of a zone server.
const REGION_BUDGET: Duration = Duration::from_millis(10);
/// How many failures are told; the others are counted.
const FAILURES_MAX: usize = 10;

/// The server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) regions: BTreeMap<RegionId, Region>,
    pub(super) gateway: Gateway,
    /// The region of everybody.
    pub(super) whereabouts: HashMap<String, RegionId>,
    /// Those whom the maps want.
    pub(super) wanted: BTreeSet<String>,
    pub(super) counts: Counts,
    terrain: Terrain,
    ground: Arc<dyn Ground>,
    settings: Arc<Settings>,
    scripts: Scripts,
    neighbours: Arc<dyn Neighbours>,
    game_masters: BTreeSet<String>,
    walkers: Vec<Walker>,
    chance: Chance,
    tick: u64,
    /// What has not been taken yet.
    mail: VecDeque<(RegionId, Input)>,
    /// What regions have done in this tick.
    busy: Duration,
}

/// What has happened so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) handover_count: u64,
    pub(super) death_count: u64,
    /// Ticks of one region that have taken longer than a zone server lets its uthreads.
    pub(super) over_budget_count: u64,
    pub(super) failure_count: u64,
    pub(super) failures: Vec<String>,
}

impl Server {
    /// A server with nobody in it.
    pub(super) fn new(content: &Content, seed: u32) -> Self {
        // What regions draw by chance follows from it.
        let epoch = (u64::from(seed) + 1) << 16;
        let regions = content.terrain.regions().iter();
        let regions: BTreeMap<RegionId, Region> =
            regions.map(|id| (*id, Region::new(*id, epoch))).collect();
        let index = |(id, region): (&RegionId, &Region)| (*id, region.index());
        let neighbours = regions.iter().map(index).collect::<BTreeMap<_, _>>();
        Self {
            regions,
            gateway: Gateway::default(),
            whereabouts: HashMap::new(),
            wanted: BTreeSet::new(),
            counts: Counts::default(),
            terrain: content.terrain.clone(),
            ground: Arc::new(content.terrain.clone()),
            settings: Arc::new(content.settings.clone()),
            scripts: content.scripts.clone(),
            neighbours: Arc::new(neighbours),
            game_masters: BTreeSet::new(),
            walkers: Vec::new(),
            chance: Chance::new(seed.into()),
            tick: 0,
            mail: VecDeque::new(),
            busy: Duration::ZERO,
        }
    }

    /// Whom the maps want comes into the world, and so many players.
    pub(super) fn populate(&mut self, player_count: u32) {
        for id in self.regions.keys() {
            let creatures: Vec<_> = self.terrain.creatures(*id).cloned().collect();
            self.wanted
                .extend(creatures.iter().map(|creature| name::key(&creature.name)));
            let changed = Input::Changed {
                creatures: Some(creatures),
                afresh: true,
            };
            self.mail.push_back((*id, changed));
        }
        self.take_all();
        for number in 0..player_count {
            let place = walkers::place(&self.terrain, number, &mut self.chance);
            let name = format!("Walker {}", number + 1);
            self.gateway.add(&name, place);
            self.walkers.push(Walker::default());
            let enter = Enter {
                session: session(number as usize),
                key: name::key(&name),
                generation: 1,
            };
            let region = RegionId::of(place, self.settings.cell_tiles);
            self.mail.push_back((region, Input::Enter(enter)));
        }
        self.take_all();
        self.look_on();
    }

    /// Everything that happens in 50 ms; what the regions have taken for it.
    pub(super) fn tick(&mut self) -> Duration {
        self.tick += 1;
        self.busy = Duration::ZERO;
        self.step_all();
        self.take_all();
        let now_ms = self.now_ms();
        let is_due = |region: &Region| region.wake_ms().is_some_and(|at_ms| at_ms <= now_ms);
        let due = self.regions.iter().filter(|(_, region)| is_due(region));
        let due: Vec<RegionId> = due.map(|(id, _)| *id).collect();
        for id in due {
            let before = self.busy;
            self.take(id, Input::Wake);
            let is_over = self.busy - before > REGION_BUDGET;
            self.counts.over_budget_count += u64::from(is_over);
        }
        self.take_all();
        self.look_on();
        self.busy
    }

    /// The tick that it is.
    pub(super) fn now_ms(&self) -> u64 {
        START_MS + self.tick * TICK_MS
    }

    /// Those take a step whose turn it is.
    fn step_all(&mut self) {
        for (number, walker) in self.walkers.iter_mut().enumerate() {
            let is_due = (self.tick + number as u64).is_multiple_of(STEP_TICKS);
            let player = &self.gateway.players[number];
            let Some(region) = player.region.filter(|_| is_due) else {
                continue;
            };
            let body = walker.step(player.was_refused, self.settings.speed, &mut self.chance);
            let command = Command {
                session: session(number),
                author: player.key.clone(),
                id: CommandId {
                    generation: 1,
                    counter: self.tick,
                },
                attempt: 0,
                body,
            };
            self.mail.push_back((region, Input::Command(command)));
        }
    }

    /// The gateway listens to what its players see by now, and to nothing else.
    fn look_on(&mut self) {
        let (view_distance, cell_tiles) = (self.settings.view_distance, self.settings.cell_tiles);
        let regions = self.terrain.regions();
        let wanted = self.gateway.wanted(view_distance, cell_tiles, regions);
        let before = std::mem::replace(&mut self.gateway.subscribed, wanted.clone());
        let new = wanted.difference(&before);
        let old = before.difference(&wanted);
        self.mail
            .extend(new.map(|id| (*id, Input::Subscribe(LINK))));
        self.mail
            .extend(old.map(|id| (*id, Input::Unsubscribe(LINK))));
        self.take_all();
    }

    fn take_all(&mut self) {
        while let Some((id, input)) = self.mail.pop_front() {
            self.take(id, input);
        }
    }

    fn take(&mut self, id: RegionId, input: Input) {
        let now_ms = self.now_ms();
        let Some(region) = self.regions.get_mut(&id) else {
            return;
        };
        let now = Now {
            ms: now_ms,
            settings: &self.settings,
            ground: &self.ground,
            scripts: &self.scripts,
            neighbours: &self.neighbours,
            game_masters: &self.game_masters,
            around: &Around {
                whereabouts: &self.whereabouts,
                regions: self.terrain.regions(),
            },
        };
        let mut outputs = Vec::new();
        let started = Instant::now();
        region.take(input, &now, &mut outputs);
        self.busy += started.elapsed();
        for output in outputs {
            self.carry_out(id, output);
        }
    }

    fn carry_out(&mut self, here: RegionId, output: Output) {
        let mail = match output {
            Output::Tell(link, message) => {
                if link == LINK {
                    self.gateway.hear(message);
                }
                return;
            }
            Output::Here(key) => {
                self.whereabouts.insert(key, here);
                return;
            }
            Output::Gone(key) => return self.gone(&key, here),
            Output::HandOver(to, resident) => {
                self.counts.handover_count += 1;
                self.whereabouts.insert(resident.key().to_owned(), to);
                (to, Input::Arrive(resident))
            }
            Output::Claim(enter) => {
                let row = Box::new(self.row(&enter));
                (here, Input::Entered(enter, ClaimOutcome::Claimed(row)))
            }
            Output::Save(save) => (here, saved(save.key, save.own)),
            Output::Despawn { key, own, .. } | Output::Note { key, own, .. } => {
                (here, saved(key, own))
            }
            Output::Spawn(asker, row, _) => (here, Input::Spawned(asker, row, Outcome::Done)),
            Output::Pass(to, ask) => (to, Input::Ask(ask)),
            Output::Say(to, word) => (to, Input::Said(word)),
            Output::Failed { who, text } => return self.failed(&who, &text),
            // Nobody edits, no row is lost, and only creatures look for somebody who is not there.
            Output::Recover { .. }
            | Output::Absent(_)
            | Output::WasDone(_)
            | Output::Map(..)
            | Output::Abroad(..)
            | Output::Released { .. } => return,
        };
        self.mail.push_back(mail);
    }

    fn gone(&mut self, key: &str, here: RegionId) {
        if self.whereabouts.get(key) == Some(&here) {
            self.whereabouts.remove(key);
        }
        // The maps' own are made anew only when they have died.
        self.counts.death_count += u64::from(self.wanted.contains(key));
    }

    fn failed(&mut self, who: &str, text: &str) {
        self.counts.failure_count += 1;
        if self.counts.failures.len() < FAILURES_MAX {
            self.counts.failures.push(format!("{who}: {text}"));
        }
    }

    /// The row of a character that has never been in the world.
    fn row(&self, enter: &Enter) -> Claimed {
        let number = usize::try_from(enter.session.number - 1).unwrap_or_default();
        let position = self.gateway.players[number].position;
        let template = self.settings.template("player");
        let attributes =
            template.map(|(name, value)| (name.clone(), Attribute::lasting(value.clone())));
        Claimed {
            key: enter.key.clone(),
            name: format!("Walker {}", enter.session.number),
            is_player: true,
            own: 1,
            generation: enter.generation,
            moved: CommandId::default(),
            applied: Applied::default(),
            state: EntityState {
                attributes: attributes.collect(),
                ..EntityState::at(position)
            },
        }
    }

    /// Who is where, to the last bit: the same number for the same world.
    pub(super) fn fingerprint(&self) -> u64 {
        let cell_tiles = f64::from(self.settings.cell_tiles);
        let mut seen = Vec::new();
        for (id, region) in &self.regions {
            let middle = Position {
                x: (f64::from(id.column) + 0.5) * cell_tiles,
                y: (f64::from(id.row) + 0.5) * cell_tiles,
                z: id.level,
            };
            seen.extend(region.index().look(middle, cell_tiles));
        }
        seen.sort_by(|one, other| one.name.cmp(&other.name));
        // Of no seed but this one.
        let mut hasher = DefaultHasher::new();
        for one in seen {
            let Position { x, y, z } = one.position;
            (one.name, x.to_bits(), y.to_bits(), z).hash(&mut hasher);
        }
        hasher.finish()
    }
}

fn session(number: usize) -> Session {
    Session {
        link: LINK,
        number: number as u64 + 1,
    }
}

fn saved(key: String, own: u64) -> Input {
    let outcome = Outcome::Done;
    Input::Saved { key, own, outcome }
}
