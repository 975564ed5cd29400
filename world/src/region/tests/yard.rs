//! Four regions side by side, with rows that are written in memory, when the test lets them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::{Value, command::Change};

use super::super::*;
use crate::{
    applied::{Applied, CommandId},
    entity::EntityState,
    movement::tests::Picture,
    position::Position,
    state_pickle,
};

pub(super) const LINK: LinkId = LinkId(1);
pub(super) const OTHER_LINK: LinkId = LinkId(2);
/// The side of the yard, in tiles: four regions of eight.
pub(super) const SIDE: usize = 16;

/// A row, as the store would keep it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) claimed: Claimed,
    pub(super) region: RegionId,
    pub(super) present: bool,
    pub(super) is_owned: bool,
}

/// A server with its store.
pub(super) struct Yard {
    pub(super) ground: Picture,
    pub(super) settings: Settings,
    pub(super) masters: BTreeSet<String>,
    pub(super) regions: BTreeMap<RegionId, Region>,
    pub(super) rows: BTreeMap<String, Row>,
    pub(super) audit: BTreeSet<(String, CommandId)>,
    pub(super) whereabouts: BTreeMap<String, RegionId>,
    pub(super) links: BTreeSet<LinkId>,
    /// What is told, until somebody looks.
    pub(super) told: Vec<(LinkId, Message)>,
    /// Store operations that have not come to their end.
    pub(super) stored: VecDeque<(RegionId, Output)>,
    /// Whether the store waits to be told to go on.
    pub(super) is_store_held: bool,
    /// Whether the next write is lost: it happens or not, and nobody hears.
    pub(super) lose_next: Option<bool>,
    pub(super) full: BTreeSet<RegionId>,
    /// Hints for holders of regions.
    pub(super) released: Vec<(String, RegionId)>,
    pub(super) now_ms: u64,
}

pub(super) struct Around<'y>(&'y Yard);

impl Surroundings for Around<'_> {
    fn whereabouts(&self, key: &str) -> Option<RegionId> {
        self.0.whereabouts.get(key).copied()
    }
    fn passage(&self, region: RegionId) -> Passage {
        match self.0.regions.contains_key(&region) {
            false => Passage::Away,
            true if self.0.full.contains(&region) => Passage::Busy,
            true => Passage::Open,
        }
    }
    fn is_linked(&self, link: LinkId) -> bool {
        self.0.links.contains(&link)
    }
}

pub(super) fn region(column: i32, row: i32) -> RegionId {
    RegionId {
        level: 0,
        column,
        row,
    }
}

impl Yard {
    pub(super) fn new() -> Self {
        let mut settings = Settings::parse(
            "cell = 8\nspeed = 8\nspeed_burst = 16\n[attributes.gold]\ntype='int'\nmin=0\nwrite={near=3}\nvisible=true\n[attributes.say]\nvisible=true\nttl='5s'",
        )
        .unwrap();
        settings.name = "The yard".to_owned();
        let mut yard = Self {
            ground: Picture::open(SIDE, SIDE),
            settings,
            masters: BTreeSet::from(["gm".to_owned()]),
            regions: BTreeMap::new(),
            rows: BTreeMap::new(),
            audit: BTreeSet::new(),
            whereabouts: BTreeMap::new(),
            links: BTreeSet::from([LINK, OTHER_LINK]),
            told: Vec::new(),
            stored: VecDeque::new(),
            is_store_held: false,
            lose_next: None,
            full: BTreeSet::new(),
            released: Vec::new(),
            now_ms: 1_000_000,
        };
        for (column, row) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let id = region(column, row);
            yard.regions.insert(id, Region::new(id, 7));
        }
        yard
    }

    /// Adds a character that is not in the world.
    pub(super) fn account(&mut self, key: &str, x: f64, y: f64) {
        let position = Position { x, y, z: 0 };
        let claimed = Claimed {
            key: key.to_owned(),
            name: key.to_owned(),
            is_player: true,
            own: 1,
            generation: 0,
            moved: CommandId::default(),
            applied: Applied::default(),
            state: EntityState::at(position),
        };
        let row = Row {
            claimed,
            region: RegionId::of(position, 8),
            present: false,
            is_owned: false,
        };
        self.rows.insert(key.to_owned(), row);
    }

    pub(super) fn give(&mut self, id: RegionId, input: Input) {
        let mut inputs = VecDeque::from([(id, input)]);
        while let Some((id, input)) = inputs.pop_front() {
            let mut out = Vec::new();
            let Some(mut region) = self.regions.remove(&id) else {
                continue;
            };
            // The region that takes an input is there for itself, too.
            self.regions.insert(id, Region::new(id, 0));
            let now = Now {
                ms: self.now_ms,
                settings: &self.settings,
                ground: &self.ground,
                game_masters: &self.masters,
                around: &Around(self),
            };
            region.take(input, &now, &mut out);
            self.regions.insert(id, region);
            for output in out {
                self.carry_out(id, output, &mut inputs);
            }
            if !self.is_store_held {
                while let Some(input) = self.store_one(false) {
                    inputs.push_back(input);
                }
            }
        }
    }

    pub(super) fn carry_out(
        &mut self,
        from: RegionId,
        output: Output,
        inputs: &mut VecDeque<(RegionId, Input)>,
    ) {
        match output {
            Output::Tell(link, message) => self.told.push((link, message)),
            Output::HandOver(to, resident) => {
                self.whereabouts.insert(resident.key().to_owned(), to);
                inputs.push_back((to, Input::Arrive(resident)));
            }
            Output::Pass(to, ask) => inputs.push_back((to, Input::Ask(ask))),
            Output::Here(key) => {
                self.whereabouts.insert(key, from);
            }
            Output::Gone(key) => {
                if self.whereabouts.get(&key) == Some(&from) {
                    self.whereabouts.remove(&key);
                }
            }
            Output::Released { key, region } => self.released.push((key, region)),
            Output::WasDone(asker) => {
                let is_done = self.audit.contains(&(asker.key.clone(), asker.id));
                self.told.push(match asker.done(is_done) {
                    Output::Tell(link, message) => (link, message),
                    other => panic!("{other:?}"),
                });
            }
            Output::Absent(ask) => self.told.push(match ask.asker.done(false) {
                Output::Tell(link, message) => (link, message),
                other => panic!("{other:?}"),
            }),
            Output::Map(asker, _) => self.told.push(match asker.done(true) {
                Output::Tell(link, message) => (link, message),
                other => panic!("{other:?}"),
            }),
            stored => self.stored.push_back((from, stored)),
        }
    }

    /// Lets the store do one thing; what comes of it.
    pub(super) fn store_one(&mut self, fence: bool) -> Option<(RegionId, Input)> {
        let (from, output) = self.stored.pop_front()?;
        let lost = self.lose_next.take();
        let outcome_of = |done: bool| {
            if done {
                Outcome::Done
            } else {
                Outcome::Refused
            }
        };
        Some(match output {
            Output::Claim(enter) => {
                // A claim is only tried for what is nowhere on this server: see the zone server's rows.
                let outcome = match self.rows.get_mut(&enter.key) {
                    Some(row) if row.is_owned => ClaimOutcome::Failed,
                    Some(row) if row.region != from => ClaimOutcome::Elsewhere(row.region),
                    Some(row) if row.claimed.generation > enter.generation => {
                        ClaimOutcome::Superseded
                    }
                    Some(row) => {
                        row.claimed.own += 1;
                        row.claimed.generation = enter.generation;
                        row.present = true;
                        row.is_owned = true;
                        ClaimOutcome::Claimed(Box::new(row.claimed.clone()))
                    }
                    None => ClaimOutcome::Failed,
                };
                (from, Input::Entered(enter, outcome))
            }
            Output::Save(save) => {
                let key = save.key.clone();
                let row = self.rows.get_mut(&key).expect("a row that is saved");
                let is_repeat = save
                    .audit
                    .as_ref()
                    .is_some_and(|audit| self.audit.contains(&(audit.author.clone(), audit.id)));
                let own = save.own;
                if is_repeat {
                    let outcome = Outcome::Repeated;
                    return Some((from, Input::Saved { key, own, outcome }));
                }
                let holds = !fence && row.is_owned && row.claimed.own == save.own;
                if holds && lost != Some(false) {
                    let audit = save.audit.as_ref();
                    self.audit
                        .extend(audit.map(|audit| (audit.author.clone(), audit.id)));
                    // What is stored is bytes: nothing that cannot be read back may be counted on.
                    row.claimed.state =
                        state_pickle::decode(&state_pickle::encode(&save.state)).unwrap();
                    row.claimed.applied = Applied::decode(&save.applied.encode()).unwrap();
                    row.claimed.generation = save.generation;
                    row.claimed.moved = save.moved;
                    row.region = save.region;
                    row.present = save.present;
                    row.is_owned = !save.release;
                    row.claimed.own += u64::from(save.release);
                }
                let outcome = if lost.is_some() {
                    Outcome::Unknown
                } else {
                    outcome_of(holds)
                };
                (from, Input::Saved { key, own, outcome })
            }
            Output::Spawn(asker, claimed, audit) => {
                let id = (audit.author, audit.id);
                let outcome = if self.audit.contains(&id) {
                    Outcome::Repeated
                } else if self.rows.contains_key(&claimed.key) {
                    Outcome::Refused
                } else {
                    self.audit.insert(id);
                    let row = Row {
                        claimed: (*claimed).clone(),
                        region: from,
                        present: true,
                        is_owned: true,
                    };
                    self.rows.insert(claimed.key.clone(), row);
                    Outcome::Done
                };
                (from, Input::Spawned(asker, claimed, outcome))
            }
            Output::Despawn { key, own, .. } => {
                let holds = self
                    .rows
                    .get(&key)
                    .is_some_and(|row| row.claimed.own == own);
                if holds {
                    self.rows.remove(&key);
                }
                let outcome = outcome_of(holds);
                (from, Input::Saved { key, own, outcome })
            }
            Output::Note { key, own, .. } => {
                let outcome = Outcome::Done;
                (from, Input::Saved { key, own, outcome })
            }
            Output::Recover { key, session } => {
                let row = self.rows.get_mut(&key).expect("a row that is recovered");
                if !row.present || self.whereabouts.contains_key(&key) {
                    if let Some(Output::Tell(link, message)) =
                        session.map(|session| message::elsewhere(session, 0, 0, None))
                    {
                        self.told.push((link, message));
                    }
                    return Some((from, Input::Wake));
                }
                row.claimed.own += 1;
                row.is_owned = true;
                let claimed = Box::new(row.claimed.clone());
                (row.region, Input::Adopted(claimed, session))
            }
            other => panic!("{other:?} is not for the store"),
        })
    }

    /// Lets the store do all that waits.
    pub(super) fn store_all(&mut self) {
        while let Some((id, input)) = self.store_one(false) {
            self.give(id, input);
        }
    }

    pub(super) fn pass_time(&mut self, ms: u64) {
        self.now_ms += ms;
        let ids: Vec<RegionId> = self.regions.keys().copied().collect();
        for id in ids {
            if self.regions[&id]
                .wake_ms()
                .is_some_and(|at_ms| at_ms <= self.now_ms)
            {
                self.give(id, Input::Wake);
            }
        }
    }

    pub(super) fn enter(&mut self, key: &str, number: u64, generation: u64) {
        let home = self.rows[key].region;
        self.give(home, Input::Enter(enter(key, number, generation)));
    }

    pub(super) fn home(&self, key: &str) -> RegionId {
        self.whereabouts[key]
    }

    pub(super) fn command(
        &mut self,
        key: &str,
        number: u64,
        id: CommandId,
        attempt: u32,
        body: Body,
    ) {
        let command = Command {
            session: session(number),
            author: key.to_owned(),
            id,
            attempt,
            body,
        };
        let home = self.home(key);
        self.give(home, Input::Command(command));
    }

    /// What has been told since the last look, in short.
    pub(super) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
            .into_iter()
            .map(|(link, message)| format!("{}: {}", link.0, short(&message)))
            .collect()
    }

    pub(super) fn gold(&self, key: &str) -> Option<Value> {
        let state = &self.rows[key].claimed.state;
        state.attribute("gold", self.now_ms).cloned()
    }
}

pub(super) fn session(number: u64) -> Session {
    Session { link: LINK, number }
}

pub(super) fn enter(key: &str, number: u64, generation: u64) -> Enter {
    Enter {
        session: session(number),
        key: key.to_owned(),
        generation,
    }
}

pub(super) fn id(generation: u64, counter: u64) -> CommandId {
    CommandId {
        generation,
        counter,
    }
}

pub(super) fn step(dx: f64, dy: f64) -> Body {
    Body::Move { dx, dy }
}

pub(super) fn add_gold(name: &str, by: i64) -> Body {
    Body::Set {
        name: name.to_owned(),
        attribute: "gold".to_owned(),
        change: Change::By(Value::Int(by)),
    }
}

pub(super) fn short(message: &Message) -> String {
    let names = |update: &Update| {
        let changed = update
            .changed
            .iter()
            .map(|shown| format!("{}@{},{}", shown.name, shown.position.x, shown.position.y));
        let departed = update
            .departed
            .iter()
            .map(|departed| format!("-{}", departed.name));
        changed.chain(departed).collect::<Vec<_>>().join(" ")
    };
    match message {
        Message::Entered { session, region } => format!("entered {session} {region}"),
        Message::Reply {
            counter,
            attempt,
            answer,
            ..
        } => match answer {
            Answer::Done(done) => format!("{counter}/{attempt} {done}"),
            Answer::Value(value) => format!("{counter}/{attempt} {value:?}"),
        },
        Message::Elsewhere {
            counter, region, ..
        } => format!(
            "{counter} elsewhere {}",
            region.map_or("?".to_owned(), |region| region.to_string())
        ),
        Message::Again {
            counter, attempt, ..
        } => format!("{counter}/{attempt} again"),
        Message::Moved { session, region } => format!("moved {session} {region}"),
        Message::Released { session, region } => format!("released {session} {region}"),
        Message::Evicted { session, reason } => format!("evicted {session} {reason:?}"),
        Message::Snapshot(update) => format!("snapshot [{}]", names(update)),
        Message::Changes(update) => format!("[{}]", names(update)),
    }
}

/// A yard with one character in it, and a gateway that listens to its region.
pub(super) fn with_anna() -> Yard {
    let mut yard = Yard::new();
    yard.account("anna", 6.5, 2.5);
    yard.give(region(0, 0), Input::Subscribe(LINK));
    yard.enter("anna", 1, 1);
    yard.pass_time(TICK_MS);
    yard.told.clear();
    yard
}
