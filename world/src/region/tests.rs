//! Regions side by side, with rows that are written in memory: what is told, what is written, and what stays true whatever happens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use wire::{Value, command::Change};

use super::*;
use crate::{
    applied::{Applied, CommandId},
    entity::EntityState,
    movement::tests::Picture,
    position::Position,
    state_pickle,
};

const LINK: LinkId = LinkId(1);
const OTHER_LINK: LinkId = LinkId(2);
/// The side of the yard, in tiles: four regions of eight.
const SIDE: usize = 16;

/// A row, as the store would keep it.
#[derive(Debug, Clone)]
struct Row {
    claimed: Claimed,
    region: RegionId,
    present: bool,
    is_owned: bool,
}

/// A server with its store.
struct Yard {
    ground: Picture,
    settings: Settings,
    masters: BTreeSet<String>,
    regions: BTreeMap<RegionId, Region>,
    rows: BTreeMap<String, Row>,
    audit: BTreeSet<(String, CommandId)>,
    whereabouts: BTreeMap<String, RegionId>,
    links: BTreeSet<LinkId>,
    /// What is told, until somebody looks.
    told: Vec<(LinkId, Message)>,
    /// Store operations that have not come to their end.
    stored: VecDeque<(RegionId, Output)>,
    /// Whether the store waits to be told to go on.
    is_store_held: bool,
    /// Whether the next write is lost: it happens or not, and nobody hears.
    lose_next: Option<bool>,
    full: BTreeSet<RegionId>,
    now_ms: u64,
}

struct Around<'y>(&'y Yard);

impl Surroundings for Around<'_> {
    fn whereabouts(&self, key: &str) -> Option<RegionId> {
        self.0.whereabouts.get(key).copied()
    }
    fn can_take(&self, region: RegionId) -> bool {
        self.0.regions.contains_key(&region) && !self.0.full.contains(&region)
    }
    fn is_linked(&self, link: LinkId) -> bool {
        self.0.links.contains(&link)
    }
}

fn region(column: i32, row: i32) -> RegionId {
    RegionId {
        level: 0,
        column,
        row,
    }
}

impl Yard {
    fn new() -> Self {
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
            now_ms: 1_000_000,
        };
        for (column, row) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let id = region(column, row);
            yard.regions.insert(id, Region::new(id, 7));
        }
        yard
    }

    /// Adds a character that is not in the world.
    fn account(&mut self, key: &str, x: f64, y: f64) {
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

    fn give(&mut self, id: RegionId, input: Input) {
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

    fn carry_out(
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
    fn store_one(&mut self, fence: bool) -> Option<(RegionId, Input)> {
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
                if is_repeat {
                    return Some((from, Input::Saved(key, Outcome::Repeated)));
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
                (from, Input::Saved(key, outcome))
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
                (from, Input::Saved(key, outcome_of(holds)))
            }
            Output::Note { key, .. } => (from, Input::Saved(key, Outcome::Done)),
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
    fn store_all(&mut self) {
        while let Some((id, input)) = self.store_one(false) {
            self.give(id, input);
        }
    }

    fn pass_time(&mut self, ms: u64) {
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

    fn enter(&mut self, key: &str, number: u64, generation: u64) {
        let home = self.rows[key].region;
        self.give(home, Input::Enter(enter(key, number, generation)));
    }

    fn home(&self, key: &str) -> RegionId {
        self.whereabouts[key]
    }

    fn command(&mut self, key: &str, number: u64, id: CommandId, attempt: u32, body: Body) {
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
    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
            .into_iter()
            .map(|(link, message)| format!("{}: {}", link.0, short(&message)))
            .collect()
    }

    fn gold(&self, key: &str) -> Option<Value> {
        let state = &self.rows[key].claimed.state;
        state.attribute("gold", self.now_ms).cloned()
    }
}

fn session(number: u64) -> Session {
    Session { link: LINK, number }
}

fn enter(key: &str, number: u64, generation: u64) -> Enter {
    Enter {
        session: session(number),
        key: key.to_owned(),
        generation,
    }
}

fn id(generation: u64, counter: u64) -> CommandId {
    CommandId {
        generation,
        counter,
    }
}

fn step(dx: f64, dy: f64) -> Body {
    Body::Move { dx, dy }
}

fn add_gold(name: &str, by: i64) -> Body {
    Body::Set {
        name: name.to_owned(),
        attribute: "gold".to_owned(),
        change: Change::By(Value::Int(by)),
    }
}

fn short(message: &Message) -> String {
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
        Message::Moved { session, region } => format!("moved {session} {region}"),
        Message::Evicted { session, reason } => format!("evicted {session} {reason:?}"),
        Message::Snapshot(update) => format!("snapshot [{}]", names(update)),
        Message::Changes(update) => format!("[{}]", names(update)),
    }
}

/// A yard with one character in it, and a gateway that listens to its region.
fn with_anna() -> Yard {
    let mut yard = Yard::new();
    yard.account("anna", 6.5, 2.5);
    yard.give(region(0, 0), Input::Subscribe(LINK));
    yard.enter("anna", 1, 1);
    yard.pass_time(TICK_MS);
    yard.told.clear();
    yard
}

#[test]
fn a_character_enters_walks_and_is_saved() {
    let mut yard = Yard::new();
    yard.account("anna", 6.5, 2.5);
    yard.give(region(0, 0), Input::Subscribe(LINK));
    yard.enter("anna", 1, 1);
    assert_eq!(
        yard.told(),
        ["1: snapshot []", "1: [anna@6.5,2.5]", "1: entered 1 0:0:0"]
    );
    yard.command("anna", 1, id(1, 1), 0, step(-1.0, 0.0));
    assert_eq!(
        yard.told(),
        ["1: [anna@5.5,2.5]", "1: 1/0 true"],
        "the change comes ahead of the answer"
    );
    yard.command("anna", 1, id(1, 2), 0, step(-90.0, 0.0));
    assert_eq!(yard.told(), ["1: 2/0 false"]);
    yard.pass_time(TICK_MS);
    assert_eq!(
        yard.told(),
        Vec::<String>::new(),
        "nothing is told a link twice"
    );
    yard.pass_time(SAVE_INTERVAL_MS);
    let row = &yard.rows["anna"].claimed;
    assert_eq!((row.state.position.x, row.moved), (5.5, id(1, 1)));
}

#[test]
fn others_hear_of_a_step_within_a_tick() {
    let mut yard = with_anna();
    yard.give(region(0, 0), Input::Subscribe(OTHER_LINK));
    yard.told.clear();
    yard.command("anna", 1, id(1, 1), 0, step(-1.0, 0.0));
    yard.command("anna", 1, id(1, 2), 0, step(-1.0, 0.0));
    yard.told.clear();
    yard.pass_time(TICK_MS);
    assert_eq!(yard.told(), ["2: [anna@4.5,2.5]"]);
}

#[test]
fn a_set_is_told_and_answered_only_when_it_is_durable() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("Anna", 5));
    yard.pass_time(TICK_MS);
    assert_eq!(yard.told(), Vec::<String>::new());
    yard.store_all();
    assert_eq!(yard.told(), ["1: [anna@6.5,2.5]", "1: 1/0 true"]);
    assert_eq!(yard.gold("anna"), Some(Value::Int(5)));
}

#[test]
fn a_command_that_comes_again_has_no_second_effect() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    // Twice before the commit, in another write's shadow, and once more after it.
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    yard.command("anna", 1, id(1, 2), 0, add_gold("anna", 1));
    yard.command("anna", 1, id(1, 2), 1, add_gold("anna", 1));
    assert_eq!(yard.told(), Vec::<String>::new());
    yard.store_all();
    yard.told.clear();
    yard.command("anna", 1, id(1, 2), 2, add_gold("anna", 1));
    assert_eq!(yard.told(), ["1: 2/2 true"]);
    yard.store_all();
    assert_eq!(yard.gold("anna"), Some(Value::Int(6)));
    yard.command("anna", 1, id(1, 3), 0, step(1.0, 0.0));
    yard.command("anna", 1, id(1, 3), 1, step(1.0, 0.0));
    assert_eq!(
        yard.told(),
        ["1: [anna@7.5,2.5]", "1: 3/0 true", "1: 3/1 true"]
    );
}

#[test]
fn a_step_over_the_border_leads_to_another_region() {
    let mut yard = with_anna();
    yard.give(region(1, 0), Input::Subscribe(LINK));
    yard.told.clear();
    yard.command("anna", 1, id(1, 1), 0, step(2.0, 0.0));
    assert_eq!(
        yard.told(),
        [
            "1: [anna@8.5,2.5]",
            "1: 1/0 true",
            "1: [-anna]",
            "1: [anna@8.5,2.5]",
            "1: moved 1 0:1:0"
        ]
    );
    let late = Command {
        session: session(1),
        author: "anna".to_owned(),
        id: id(1, 2),
        attempt: 0,
        body: step(1.0, 0.0),
    };
    yard.give(region(0, 0), Input::Command(late));
    assert_eq!(yard.told(), ["1: 2 elsewhere 0:1:0"]);
    yard.pass_time(SAVE_INTERVAL_MS);
    assert_eq!(yard.rows["anna"].region, region(1, 0));
}

#[test]
fn who_cannot_be_taken_over_yet_is_served_where_it_is() {
    let mut yard = with_anna();
    yard.full.insert(region(1, 0));
    yard.command("anna", 1, id(1, 1), 0, step(2.0, 0.0));
    yard.command("anna", 1, id(1, 2), 0, step(1.0, 0.0));
    assert_eq!(
        yard.told(),
        [
            "1: [anna@8.5,2.5]",
            "1: 1/0 true",
            "1: [anna@9.5,2.5]",
            "1: 2/0 true"
        ]
    );
    yard.full.clear();
    yard.pass_time(TICK_MS);
    assert_eq!(yard.home("anna"), region(1, 0));
}

#[test]
fn a_later_session_takes_over_and_an_earlier_one_does_not() {
    let mut yard = with_anna();
    yard.enter("anna", 2, 3);
    assert_eq!(
        yard.told(),
        ["1: evicted 1 TakenOver", "1: entered 2 0:0:0"]
    );
    assert_eq!(yard.rows["anna"].claimed.generation, 3);
    yard.enter("anna", 3, 2);
    yard.command("anna", 1, id(1, 9), 0, step(1.0, 0.0));
    assert_eq!(
        yard.told(),
        ["1: evicted 3 TakenOver", "1: evicted 1 TakenOver"]
    );
    yard.command("anna", 2, id(3, 1), 0, step(1.0, 0.0));
    assert_eq!(yard.told(), ["1: [anna@7.5,2.5]", "1: 1/0 true"]);
}

#[test]
fn who_comes_while_the_character_is_being_let_go_of_waits() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.give(region(0, 0), Input::Leave(enter("anna", 1, 1)));
    yard.enter("anna", 2, 2);
    yard.command("anna", 1, id(1, 1), 0, step(1.0, 0.0));
    assert_eq!(
        yard.told(),
        ["1: 1 elsewhere ?"],
        "input is frozen before the row is given up"
    );
    yard.store_all();
    assert_eq!(
        yard.told(),
        ["1: [-anna]", "1: [anna@6.5,2.5]", "1: entered 2 0:0:0"]
    );
    assert!(yard.rows["anna"].present && yard.rows["anna"].is_owned);
}

#[test]
fn who_goes_while_taking_over_leaves_nobody_behind() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.enter("anna", 2, 2);
    yard.give(region(0, 0), Input::Leave(enter("anna", 2, 2)));
    yard.store_all();
    assert_eq!(
        yard.told(),
        ["1: evicted 1 TakenOver", "1: entered 2 0:0:0", "1: [-anna]"]
    );
    assert!(!yard.rows["anna"].present);
}

#[test]
fn who_is_kicked_does_not_come_back_by_having_asked_before() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    yard.is_store_held = true;
    let kick = Body::Edit(Edit::Kick("anna".to_owned()));
    yard.command("gm", 2, id(1, 1), 0, kick);
    yard.enter("anna", 1, 1);
    yard.store_all();
    assert!(!yard.rows["anna"].present);
}

#[test]
fn a_kick_that_comes_again_leaves_no_step_unsaved() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    let kick = || Body::Edit(Edit::Kick("anna".to_owned()));
    yard.command("gm", 2, id(1, 1), 0, kick());
    yard.enter("anna", 3, 2);
    yard.command("anna", 3, id(2, 1), 0, step(-1.0, 0.0));
    yard.command("gm", 2, id(1, 1), 1, kick());
    assert!(yard.told().contains(&"1: 1/1 true".to_owned()));
    yard.pass_time(SAVE_INTERVAL_MS);
    assert_eq!(yard.rows["anna"].claimed.state.position.x, 5.5);
}

#[test]
fn who_is_teleported_into_a_new_wall_stands_beside_it() {
    let mut yard = with_anna();
    yard.masters.insert("anna".to_owned());
    yard.is_store_held = true;
    let position = Position::centre_of(3, 3, 0);
    let name = "anna".to_owned();
    let teleport = Body::Edit(Edit::Teleport { name, position });
    yard.command("anna", 1, id(1, 1), 0, teleport);
    yard.ground.block(3, 3);
    yard.store_all();
    check(&yard).unwrap();
    yard.pass_time(SAVE_INTERVAL_MS);
    yard.store_all();
    let position = yard.rows["anna"].claimed.state.position;
    assert!(movement::is_free(&yard.ground, position));
}

#[test]
fn who_is_being_kicked_takes_no_step_that_would_be_lost() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    yard.told.clear();
    yard.is_store_held = true;
    let kick = Body::Edit(Edit::Kick("anna".to_owned()));
    yard.command("gm", 2, id(1, 1), 0, kick);
    yard.command("anna", 1, id(1, 1), 0, step(1.0, 0.0));
    assert_eq!(yard.told(), ["1: 1 elsewhere ?"]);
    yard.store_all();
    assert_eq!(
        yard.told(),
        ["1: [-anna]", "1: 1/0 true", "1: evicted 1 Kicked"]
    );
}

#[test]
fn nobody_goes_on_while_its_row_is_being_written() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    yard.command("anna", 1, id(1, 2), 0, step(2.0, 0.0));
    assert_eq!(yard.home("anna"), region(0, 0));
    yard.store_all();
    assert_eq!(
        yard.told(),
        [
            "1: [anna@8.5,2.5]",
            "1: 2/0 true",
            "1: [anna@8.5,2.5]",
            "1: 1/0 true",
            "1: [-anna]",
            "1: moved 1 0:1:0"
        ]
    );
    assert_eq!(yard.home("anna"), region(1, 0));
}

#[test]
fn who_leaves_is_out_of_the_world_and_so_is_who_has_lost_its_gateway() {
    let mut yard = with_anna();
    yard.command("anna", 1, id(1, 1), 0, step(1.0, 0.0));
    yard.links.remove(&LINK);
    yard.pass_time(SAVE_INTERVAL_MS);
    yard.pass_time(GRACE_MS - 1);
    assert!(yard.rows["anna"].present);
    yard.pass_time(SAVE_INTERVAL_MS);
    let row = &yard.rows["anna"];
    assert!(!row.present && !row.is_owned);
    assert_eq!(row.claimed.state.position.x, 7.5);
    assert!(yard.whereabouts.is_empty());
}

#[test]
fn a_write_that_is_lost_costs_the_place_in_memory_and_nothing_else() {
    for has_happened in [true, false] {
        let mut yard = with_anna();
        yard.lose_next = Some(has_happened);
        yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
        assert_eq!(
            yard.told(),
            [
                "1: 1 elsewhere ?",
                "1: [-anna]",
                "1: [anna@6.5,2.5]",
                "1: moved 1 0:0:0"
            ]
        );
        yard.command("anna", 1, id(1, 1), 1, add_gold("anna", 5));
        assert!(yard.told().contains(&"1: 1/1 true".to_owned()));
        assert_eq!(yard.gold("anna"), Some(Value::Int(5)), "{has_happened}");
    }
}

#[test]
fn a_write_that_finds_no_row_is_not_answered() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    let (at, input) = yard.store_one(true).unwrap();
    yard.give(at, input);
    assert_eq!(yard.told(), ["1: 1 elsewhere ?", "1: [-anna]"]);
    assert!(matches!(
        yard.stored.front(),
        Some((_, Output::Recover { .. }))
    ));
}

#[test]
fn a_later_claim_of_a_row_that_is_here_keeps_the_session() {
    let mut yard = with_anna();
    let mut row = yard.rows["anna"].claimed.clone();
    row.own += 2;
    yard.give(region(0, 0), Input::Adopted(Box::new(row), None));
    assert_eq!(
        yard.told(),
        ["1: [-anna]", "1: [anna@6.5,2.5]", "1: moved 1 0:0:0"]
    );
    yard.command("anna", 1, id(1, 1), 0, step(1.0, 0.0));
    assert_eq!(yard.told(), ["1: [anna@7.5,2.5]", "1: 1/0 true"]);
}

#[test]
fn others_are_reached_across_the_border_if_they_are_near() {
    let mut yard = with_anna();
    yard.account("bert", 8.5, 2.5);
    yard.account("carl", 12.5, 2.5);
    yard.enter("bert", 2, 1);
    yard.enter("carl", 3, 1);
    yard.told.clear();
    yard.command("anna", 1, id(1, 1), 0, add_gold("Bert", 5));
    yard.command("anna", 1, id(1, 2), 0, add_gold("Carl", 5));
    yard.command("anna", 1, id(1, 3), 0, add_gold("Nobody", 5));
    let get = Body::Get {
        name: "BERT".to_owned(),
        attribute: "gold".to_owned(),
    };
    yard.command("anna", 1, id(1, 4), 0, get);
    assert_eq!(
        yard.told(),
        [
            "1: 1/0 true",
            "1: 2/0 false",
            "1: 3/0 false",
            "1: 4/0 Int(5)"
        ]
    );
    assert_eq!(yard.gold("bert"), Some(Value::Int(5)));
}

#[test]
fn game_masters_edit_and_others_do_not() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    yard.told.clear();
    let position = Position {
        x: 12.5,
        y: 12.5,
        z: 0,
    };
    let spawn = |name: &str| {
        Body::Edit(Edit::Spawn {
            name: name.to_owned(),
            position,
            attributes: vec![("gold".to_owned(), Value::Int(1))],
            behaviour: None,
        })
    };
    yard.command("anna", 1, id(1, 1), 0, spawn("Owl"));
    yard.command("gm", 2, id(1, 1), 0, spawn("Owl"));
    yard.command("gm", 2, id(1, 1), 1, spawn("Owl"));
    yard.command("gm", 2, id(1, 2), 0, spawn("owl"));
    yard.command("gm", 2, id(1, 3), 0, spawn("map:x"));
    assert_eq!(
        yard.told(),
        [
            "1: 1/0 false",
            "1: 1/0 true",
            "1: 1/1 true",
            "1: 2/0 false",
            "1: 3/0 false"
        ]
    );
    assert_eq!(yard.home("owl"), region(1, 1));
    let teleport = Body::Edit(Edit::Teleport {
        name: "anna".to_owned(),
        position,
    });
    yard.command("gm", 2, id(1, 4), 0, teleport);
    assert_eq!(
        yard.told(),
        [
            "1: [anna@12.5,12.5]",
            "1: [-anna]",
            "1: 4/0 true",
            "1: moved 1 0:1:1"
        ]
    );
    assert_eq!(yard.rows["anna"].region, region(1, 1));
    yard.command(
        "gm",
        2,
        id(1, 5),
        0,
        Body::Edit(Edit::Despawn("anna".to_owned())),
    );
    yard.command(
        "gm",
        2,
        id(1, 6),
        0,
        Body::Edit(Edit::Kick("owl".to_owned())),
    );
    yard.command(
        "gm",
        2,
        id(1, 7),
        0,
        Body::Edit(Edit::Despawn("owl".to_owned())),
    );
    yard.command(
        "gm",
        2,
        id(1, 8),
        0,
        Body::Edit(Edit::Kick("anna".to_owned())),
    );
    assert_eq!(
        yard.told(),
        [
            "1: 5/0 false",
            "1: 6/0 false",
            "1: 7/0 true",
            "1: 8/0 true",
            "1: evicted 1 Kicked"
        ]
    );
    assert!(!yard.rows.contains_key("owl") && !yard.rows["anna"].present);
}

#[test]
fn creatures_are_those_of_the_content() {
    let mut yard = with_anna();
    let creature = |name: &str, x: f64| Creature {
        name: name.to_owned(),
        position: Position { x, y: 4.5, z: 0 },
        attributes: BTreeMap::new(),
        behaviour: None,
    };
    let change = |creatures: Vec<Creature>, afresh| Input::Changed {
        creatures: Some(creatures),
        afresh,
    };
    let home = region(0, 0);
    yard.give(
        home,
        change(
            vec![creature("Mara#west", 1.5), creature("Olaf#west", 2.5)],
            true,
        ),
    );
    assert_eq!(
        yard.told(),
        ["1: [Mara#west@1.5,4.5]", "1: [Olaf#west@2.5,4.5]"]
    );
    yard.give(
        home,
        change(
            vec![creature("Mara#west", 1.5), creature("Olaf#west", 3.5)],
            false,
        ),
    );
    assert_eq!(yard.told(), ["1: [-Olaf#west]", "1: [Olaf#west@3.5,4.5]"]);
    let (creatures, afresh) = (None, false);
    yard.give(home, Input::Changed { creatures, afresh });
    assert_eq!(yard.told(), Vec::<String>::new(), "those who are here stay");
    yard.give(home, change(vec![], false));
    assert_eq!(yard.told(), ["1: [-Mara#west]", "1: [-Olaf#west]"]);
}

#[test]
fn who_stands_in_a_new_wall_is_moved() {
    let mut yard = with_anna();
    yard.ground.block(6, 2);
    let input = Input::Changed {
        creatures: None,
        afresh: false,
    };
    yard.give(region(0, 0), input);
    yard.pass_time(SAVE_INTERVAL_MS);
    let position = yard.rows["anna"].claimed.state.position;
    assert!(crate::movement::is_free(&yard.ground, position));
}

#[test]
fn what_is_said_is_told_again_when_its_time_is_over() {
    let mut yard = with_anna();
    let say = Body::Set {
        name: "anna".to_owned(),
        attribute: "say".to_owned(),
        change: Change::To(Value::Str("hi".to_owned())),
    };
    yard.command("anna", 1, id(1, 1), 0, say);
    yard.pass_time(TICK_MS);
    yard.told.clear();
    yard.pass_time(5_000);
    yard.pass_time(TICK_MS);
    assert_eq!(yard.told(), ["1: [anna@6.5,2.5]"]);
}

#[test]
fn one_time_is_noted_for_each_however_often_it_speaks() {
    let mut yard = with_anna();
    for counter in 1..=100 {
        let say = Body::Set {
            name: "anna".to_owned(),
            attribute: "say".to_owned(),
            change: Change::To(Value::Str("hi".to_owned())),
        };
        yard.command("anna", 1, id(1, counter), 0, say);
        yard.now_ms += 1;
    }
    assert_eq!(yard.regions[&region(0, 0)].expiries.len(), 1);
    yard.command("anna", 1, id(1, 101), 0, step(2.0, 0.0));
    assert_eq!(yard.regions[&region(0, 0)].expiries.len(), 0);
    yard.pass_time(5_000);
    let anna = &yard.regions[&region(1, 0)].residents["anna"];
    assert!(anna.state.attributes.is_empty());
    assert!(yard.regions[&region(1, 0)].expiries.is_empty());
}

#[test]
fn a_drained_region_holds_no_row() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    let spawn = Body::Edit(Edit::Spawn {
        name: "Owl".to_owned(),
        position: Position {
            x: 3.5,
            y: 3.5,
            z: 0,
        },
        attributes: vec![],
        behaviour: None,
    });
    yard.command("gm", 2, id(1, 1), 0, spawn);
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    yard.give(region(0, 0), Input::Drain);
    assert!(!yard.regions[&region(0, 0)].is_drained());
    yard.store_all();
    assert!(yard.regions[&region(0, 0)].is_drained());
    assert!(yard.rows.values().all(|row| !row.is_owned));
    assert_eq!(yard.gold("anna"), Some(Value::Int(5)));
    assert!(yard.rows["owl"].present && !yard.rows["anna"].present);
}

/// Something that happens to the yard.
#[derive(Debug, Clone)]
enum Event {
    Step(usize, f64, f64),
    Gold(usize, usize, i64),
    Relogin(usize),
    Leave(usize),
    Kick(usize),
    Teleport(usize, usize, usize),
    Wall(usize, usize),
    Store { fence: bool },
    Lose(bool),
    Full(usize),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let player = || 0usize..3;
    prop_oneof![
        6 => (player(), -4.0..4.0f64, -4.0..4.0f64).prop_map(|(who, dx, dy)| Event::Step(who, dx, dy)),
        4 => (player(), player(), 1i64..9).prop_map(|(who, whom, by)| Event::Gold(who, whom, by)),
        2 => player().prop_map(Event::Relogin),
        1 => player().prop_map(Event::Leave),
        1 => player().prop_map(Event::Kick),
        2 => (player(), 0usize..SIDE, 0usize..SIDE).prop_map(|(whom, x, y)| Event::Teleport(whom, x, y)),
        1 => (0usize..SIDE, 1usize..SIDE).prop_map(|(x, y)| Event::Wall(x, y)),
        8 => prop::bool::weighted(0.05).prop_map(|fence| Event::Store { fence }),
        1 => any::<bool>().prop_map(Event::Lose),
        1 => (0usize..5).prop_map(Event::Full),
        4 => (1u64..400).prop_map(Event::Pass),
    ]
}

const PLAYERS: [&str; 3] = ["anna", "bert", "carl"];

/// What a gateway knows of the players: who is logged in, and what has not been answered.
struct Players {
    generations: [u64; 3],
    counters: [u64; 3],
    /// The sessions whose clients are there, by their numbers; whether each speaks for its character as far as is known.
    sessions: BTreeMap<u64, bool>,
    /// The gold that each row must have: what was answered True; and what may or may not be there.
    acknowledged: [i64; 3],
    asked: BTreeMap<(u64, u64), (usize, i64)>,
}

impl Players {
    fn number(&self, who: usize) -> u64 {
        who as u64 + 3 * self.generations[who]
    }

    /// The sessions of a character whose clients are there, the earliest first.
    fn sessions_of(&self, who: usize) -> Vec<u64> {
        let numbers = self.sessions.keys().copied();
        numbers.filter(|number| number % 3 == who as u64).collect()
    }

    /// A later login, whose gateway asks where the character is.
    fn log_in(&mut self, who: usize, yard: &mut Yard) {
        self.generations[who] += 1;
        self.sessions.insert(self.number(who), false);
        try_enter(self.number(who), yard);
    }

    fn leave(&mut self, who: usize, yard: &mut Yard) {
        let Some(number) = self.sessions_of(who).pop() else {
            return;
        };
        self.sessions.remove(&number);
        let leave = entrance(number);
        for (_, output) in &mut yard.stored {
            if let Output::Recover { session, .. } = output {
                session.take_if(|session| *session == leave.session);
            }
        }
        let there = yard.whereabouts.get(PLAYERS[who]).copied();
        let there = there.unwrap_or(yard.rows[PLAYERS[who]].region);
        yard.give(there, Input::Leave(leave));
    }

    /// Sends a command where its author is; one whose author is nowhere is not sent.
    fn send(&mut self, who: usize, body: Body, yard: &mut Yard) -> (u64, u64) {
        self.counters[who] += 1;
        if yard.whereabouts.contains_key(PLAYERS[who]) {
            let id = id(self.generations[who], self.counters[who]);
            yard.command(PLAYERS[who], self.number(who), id, 0, body);
        }
        (self.number(who), self.counters[who])
    }

    /// Hears what is told. Who is told to enter again does so later.
    fn hear(&mut self, yard: &mut Yard) {
        for (_, message) in std::mem::take(&mut yard.told) {
            match message {
                Message::Reply {
                    session,
                    counter,
                    kind: "set",
                    answer: Answer::Done(done),
                    ..
                } => {
                    if let (Some((whom, by)), true) = (self.asked.remove(&(session, counter)), done)
                    {
                        self.acknowledged[whom] += by;
                    }
                }
                Message::Entered { session, .. } => {
                    self.sessions
                        .entry(session)
                        .and_modify(|is_in| *is_in = true);
                }
                Message::Elsewhere { session, .. } => {
                    self.sessions
                        .entry(session)
                        .and_modify(|is_in| *is_in = false);
                }
                Message::Evicted { session, .. } => {
                    self.sessions.remove(&session);
                }
                _ => {}
            }
        }
    }

    fn enter_again(&self, yard: &mut Yard) {
        for (number, _) in self.sessions.iter().filter(|(_, is_in)| !**is_in) {
            try_enter(*number, yard);
        }
    }
}

fn entrance(number: u64) -> Enter {
    let who = usize::try_from(number % 3).unwrap();
    enter(PLAYERS[who], number, number / 3)
}

/// A gateway asks where the character is, and has its session enter there.
fn try_enter(number: u64, yard: &mut Yard) {
    let enter = entrance(number);
    let there = yard.whereabouts.get(&enter.key).copied();
    let there = there.unwrap_or(yard.rows[&enter.key].region);
    yard.give(there, Input::Enter(enter));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens(events in prop::collection::vec(event(), 1..120)) {
        let mut yard = Yard::new();
        yard.settings.attributes.get_mut("gold").unwrap().write = crate::settings::Writer::Near(99.0);
        yard.masters.insert(PLAYERS[0].to_owned());
        let mut players = Players {
            generations: [0; 3],
            counters: [0; 3],
            sessions: BTreeMap::new(),
            acknowledged: [0; 3],
            asked: BTreeMap::new(),
        };
        for (who, key) in PLAYERS.iter().enumerate() {
            yard.account(key, 2.5 + 4.0 * who as f64, 2.5);
            players.log_in(who, &mut yard);
        }
        yard.is_store_held = true;
        for event in events {
            match event {
                Event::Step(who, dx, dy) => {
                    players.send(who, step(dx, dy), &mut yard);
                }
                Event::Gold(who, whom, by) => {
                    let name = players.send(who, add_gold(PLAYERS[whom], by), &mut yard);
                    players.asked.insert(name, (whom, by));
                }
                Event::Relogin(who) => players.log_in(who, &mut yard),
                Event::Leave(who) => players.leave(who, &mut yard),
                Event::Kick(whom) => {
                    let edit = Edit::Kick(PLAYERS[whom].to_owned());
                    players.send(0, Body::Edit(edit), &mut yard);
                }
                Event::Teleport(whom, x, y) => {
                    let position = Position::centre_of(x as i32, y as i32, 0);
                    let edit = Edit::Teleport { name: PLAYERS[whom].to_owned(), position };
                    players.send(0, Body::Edit(edit), &mut yard);
                }
                Event::Wall(x, y) => {
                    yard.ground.block(x, y);
                    for id in [region(0, 0), region(1, 0), region(0, 1), region(1, 1)] {
                        yard.give(id, Input::Changed { creatures: None, afresh: false });
                    }
                }
                Event::Store { fence } => {
                    if let Some((at, input)) = yard.store_one(fence) {
                        yard.give(at, input);
                    }
                }
                Event::Lose(has_happened) => yard.lose_next = Some(has_happened),
                Event::Full(index) => {
                    yard.full = [region(0, 0), region(1, 0), region(0, 1), region(1, 1)].into_iter().skip(index).take(1).collect();
                }
                Event::Pass(ms) => {
                    yard.pass_time(ms);
                    players.enter_again(&mut yard);
                }
            }
            players.hear(&mut yard);
            check(&yard)?;
        }
        yard.lose_next = None;
        yard.full.clear();
        for _ in 0..20 {
            yard.store_all();
            yard.pass_time(SAVE_INTERVAL_MS);
            players.hear(&mut yard);
            players.enter_again(&mut yard);
        }
        yard.store_all();
        players.hear(&mut yard);
        check(&yard)?;
        for (who, key) in PLAYERS.iter().enumerate() {
            let gold = yard.gold(key).and_then(|value| value.as_f64()).unwrap_or(0.0) as i64;
            let open: i64 = players.asked.values().filter(|(whom, _)| *whom == who).map(|(_, by)| by).sum();
            let acknowledged = players.acknowledged[who];
            prop_assert!(gold >= acknowledged, "{}: {} of {} acknowledged", key, gold, acknowledged);
            prop_assert!(gold <= acknowledged + open, "{}: {} of {} and {}", key, gold, acknowledged, open);
            // Who is logged in is in the world and obeys that session; who is not is out of it.
            let row = &yard.rows[*key];
            let resident = yard.whereabouts.get(*key).and_then(|there| yard.regions[there].residents.get(*key));
            match players.sessions_of(who)[..] {
                [] => prop_assert!(!row.present && !row.is_owned && resident.is_none(), "{} stays though nobody speaks for it", key),
                [number] => {
                    prop_assert!(row.present && row.is_owned, "{} is logged in and not in the world", key);
                    prop_assert_eq!(resident.and_then(Resident::session), Some(session(number)), "{}", key);
                }
                ref many => prop_assert!(false, "{} has sessions {:?}", key, many),
            }
        }
    }
}

/// What is true at every moment.
fn check(yard: &Yard) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    for region in yard.regions.values() {
        for (key, resident) in &region.residents {
            prop_assert!(seen.insert(key), "{} is in two regions", key);
            let position = resident.state.position;
            prop_assert!(
                movement::is_free(&yard.ground, position),
                "{} is in a wall at {:?}",
                key,
                position
            );
            let row = &yard.rows[key];
            prop_assert!(resident.own <= row.claimed.own);
        }
    }
    Ok(())
}
