//! Four regions side by side on one server or several, a store in memory, and what passes between them, when the test lets it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use wire::Value;

use super::super::*;
pub(super) use super::{
    store::{Row, Rows, Statement},
    words::*,
};
use crate::{
    applied::CommandId,
    movement::{Ground, tests::Picture},
    position::Position,
    scheduler::{Meter, Resumes},
    scripts::Scripts,
};

pub(super) const LINK: LinkId = LinkId(1);
pub(super) const OTHER_LINK: LinkId = LinkId(2);
/// The side of the yard, in tiles: four regions of eight.
pub(super) const SIDE: usize = 16;
/// The incarnation of the server that has everything at the beginning.
pub(super) const FIRST: i64 = 1;

/// A region of a server.
pub(super) type At = (i64, RegionId);

/// A zone server: what it believes to hold.
#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) regions: BTreeMap<RegionId, Region>,
    pub(super) whereabouts: BTreeMap<String, RegionId>,
}

/// What becomes of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    /// It happens, or not, and nobody hears.
    Lost {
        has_happened: bool,
    },
    /// Nobody hears, and it happens later or never.
    Late,
}

/// Servers with their store.
pub(super) struct Yard {
    pub(super) ground: Picture,
    pub(super) settings: Settings,
    pub(super) scripts: Scripts,
    /// Whether there is no time for uthreads.
    pub(super) is_time_short: bool,
    pub(super) masters: BTreeSet<String>,
    /// By incarnation.
    pub(super) servers: BTreeMap<i64, Server>,
    /// Who holds each region, as SQL says.
    pub(super) holders: BTreeMap<RegionId, i64>,
    /// Who is taken for dead, and perhaps is not.
    pub(super) suspects: BTreeSet<i64>,
    pub(super) rows: Rows,
    pub(super) links: BTreeSet<LinkId>,
    /// What is told, until somebody looks.
    pub(super) told: Vec<(LinkId, Message)>,
    /// Statements that have not come to their end.
    pub(super) stored: VecDeque<(At, Statement)>,
    /// Statements that nobody waits for any more.
    pub(super) late: Vec<(At, Statement)>,
    /// What is on its way from server to server.
    pub(super) mail: VecDeque<(At, Input)>,
    /// Whether the store and the network wait to be told to go on.
    pub(super) is_store_held: bool,
    pub(super) next_fate: Fate,
    pub(super) full: BTreeSet<RegionId>,
    /// Hints for holders of regions.
    pub(super) released: Vec<(String, RegionId)>,
    /// Where homes have heard of their creatures.
    pub(super) abroad: BTreeMap<String, RegionId>,
    pub(super) now_ms: u64,
    epoch: u64,
}

pub(super) struct Around<'y> {
    yard: &'y Yard,
    server: &'y Server,
}

impl Surroundings for Around<'_> {
    fn whereabouts(&self, key: &str) -> Option<RegionId> {
        let here = self.server.whereabouts.get(key);
        here.or_else(|| self.yard.abroad.get(key)).copied()
    }
    fn passage(&self, region: RegionId) -> Passage {
        match self.server.regions.contains_key(&region) {
            false => Passage::Away,
            true if self.yard.full.contains(&region) => Passage::Busy,
            true => Passage::Open,
        }
    }
    fn is_linked(&self, link: LinkId) -> bool {
        self.yard.links.contains(&link)
    }
    fn is_seen_by(&self, _link: LinkId) -> bool {
        true
    }
    fn meter(&self) -> Box<dyn Meter + '_> {
        let is_short = self.yard.is_time_short;
        Box::new(Resumes(if is_short { 0 } else { u64::MAX }))
    }
}

pub(super) fn region(column: i32, row: i32) -> RegionId {
    RegionId {
        level: 0,
        column,
        row,
    }
}

/// All of them.
pub(super) fn regions() -> [RegionId; 4] {
    [region(0, 0), region(1, 0), region(0, 1), region(1, 1)]
}

impl Yard {
    /// One server that has all regions.
    pub(super) fn new() -> Self {
        let mut settings = Settings::parse(
            "cell = 8\nspeed = 8\nspeed_burst = 16\n[attributes.gold]\ntype='int'\nmin=0\nwrite={near=3}\nvisible=true\n[attributes.say]\nvisible=true\nttl='5s'",
        )
        .unwrap();
        settings.name = "The yard".to_owned();
        let mut yard = Self {
            ground: Picture::open(SIDE, SIDE),
            settings,
            scripts: Scripts::default(),
            is_time_short: false,
            masters: BTreeSet::from(["gm".to_owned()]),
            servers: BTreeMap::new(),
            holders: BTreeMap::new(),
            suspects: BTreeSet::new(),
            rows: Rows::default(),
            links: BTreeSet::from([LINK, OTHER_LINK]),
            told: Vec::new(),
            stored: VecDeque::new(),
            late: Vec::new(),
            mail: VecDeque::new(),
            is_store_held: false,
            next_fate: Fate::Answered,
            full: BTreeSet::new(),
            released: Vec::new(),
            abroad: BTreeMap::new(),
            now_ms: 1_000_000,
            epoch: 6,
        };
        for id in regions() {
            yard.hold(id, FIRST);
        }
        yard
    }

    /// A region's next holder begins with nobody in it.
    pub(super) fn hold(&mut self, id: RegionId, server: i64) {
        self.epoch += 1;
        self.holders.insert(id, server);
        self.drop_region((server, id));
        let region = Region::new(id, self.epoch << 16);
        let server = self.servers.entry(server).or_default();
        server.regions.insert(id, region);
    }

    /// Nobody waits any more for these, and no session will speak by what comes of them.
    pub(super) fn let_fall(&mut self, statements: impl IntoIterator<Item = (At, Statement)>) {
        for (at, mut statement) in statements {
            if let Statement::Adopt { session, .. } = &mut statement {
                *session = None;
            }
            if statement.is_write() {
                self.late.push((at, statement));
            }
        }
    }

    /// A server has a region no longer. What it has asked of the store may happen all the same.
    pub(super) fn drop_region(&mut self, at: At) {
        let stored = std::mem::take(&mut self.stored);
        let (late, stored): (Vec<_>, Vec<_>) =
            stored.into_iter().partition(|(issuer, _)| *issuer == at);
        self.let_fall(late);
        self.stored.extend(stored);
        let (server, id) = at;
        if let Some(server) = self.servers.get_mut(&server) {
            server.regions.remove(&id);
            server.whereabouts.retain(|_, there| *there != id);
        }
    }

    /// Every region of every server.
    pub(super) fn everywhere(&self) -> Vec<At> {
        let servers = self.servers.iter();
        servers
            .flat_map(|(server, one)| one.regions.keys().map(|id| (*server, *id)))
            .collect()
    }

    /// Two servers: the second has the east.
    pub(super) fn divided() -> Self {
        let mut yard = Self::new();
        for id in [region(1, 0), region(1, 1)] {
            yard.server_mut(FIRST).regions.remove(&id);
            yard.hold(id, 2);
        }
        yard
    }

    pub(super) fn server_mut(&mut self, server: i64) -> &mut Server {
        self.servers.get_mut(&server).expect("a server")
    }

    /// A region, where SQL says it is.
    pub(super) fn region(&self, id: RegionId) -> &Region {
        &self.servers[&self.holders[&id]].regions[&id]
    }

    pub(super) fn row(&self, key: &str) -> &Row {
        &self.rows.all[key]
    }

    pub(super) fn account(&mut self, key: &str, x: f64, y: f64) {
        self.rows.account(key, Position { x, y, z: 0 });
    }

    /// Tells a region something, at its holder.
    pub(super) fn give(&mut self, id: RegionId, input: Input) {
        self.give_at((self.holders[&id], id), input);
    }

    pub(super) fn give_at(&mut self, at: At, input: Input) {
        let mut inputs = VecDeque::from([(at, input)]);
        while let Some((at, input)) = inputs.pop_front() {
            for output in self.take(at, input) {
                self.carry_out(at, output, &mut inputs);
            }
            while !self.is_store_held
                && let Some(input) = self.go_on()
            {
                inputs.extend(input);
            }
        }
    }

    fn take(&mut self, (server, id): At, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        // The region that takes an input is there for itself, too.
        let Some(region) = (self.servers.get_mut(&server)).and_then(|one| one.regions.get_mut(&id))
        else {
            return out;
        };
        let mut region = std::mem::replace(region, Region::new(id, 0));
        let ground: Arc<dyn Ground> = Arc::new(self.ground.clone());
        let neighbours: Arc<dyn Neighbours> = Arc::new(BTreeMap::new());
        let now = Now {
            ms: self.now_ms,
            settings: &Arc::new(self.settings.clone()),
            ground: &ground,
            scripts: &self.scripts,
            neighbours: &neighbours,
            game_masters: &self.masters,
            around: &Around {
                yard: self,
                server: &self.servers[&server],
            },
        };
        region.take(input, &now, &mut out);
        self.server_mut(server).regions.insert(id, region);
        out
    }

    fn carry_out(&mut self, at: At, output: Output, inputs: &mut VecDeque<(At, Input)>) {
        let (me, here) = at;
        let statement = match output {
            Output::Tell(link, message) => return self.told.push((link, message)),
            Output::HandOver(to, resident) => {
                let key = resident.key().to_owned();
                self.server_mut(me).whereabouts.insert(key, to);
                return inputs.push_back(((me, to), Input::Arrive(resident)));
            }
            Output::Pass(to, ask) if self.servers[&me].regions.contains_key(&to) => {
                return inputs.push_back(((me, to), Input::Ask(ask)));
            }
            Output::Pass(to, ask) => return self.send(to, ask),
            Output::Here(key) => {
                self.server_mut(me).whereabouts.insert(key, here);
                return;
            }
            Output::Gone(key) => {
                let whereabouts = &mut self.server_mut(me).whereabouts;
                if whereabouts.get(&key) == Some(&here) {
                    whereabouts.remove(&key);
                }
                return;
            }
            Output::Failed { who, text } => panic!("{who}: {text}"),
            Output::Say(to, word) => {
                let holder = self.holders.get(&to).copied();
                let server = holder.filter(|_| !self.servers[&me].regions.contains_key(&to));
                let at = (server.unwrap_or(me), to);
                return self.mail.push_back((at, Input::Said(word)));
            }
            Output::Abroad(key, at) => {
                self.abroad.remove(&key);
                self.abroad.extend(at.map(|at| (key, at)));
                return;
            }
            Output::Released { key, region } => return self.released.push((key, region)),
            Output::Map(asker, _) => return self.tell(asker.done(true)),
            Output::Claim(enter) => Statement::Peek(enter),
            Output::Save(save) => Statement::Save(save),
            Output::Spawn(asker, row, audit) => Statement::Spawn(asker, row, audit),
            Output::Despawn { key, own, audit } => Statement::Despawn { key, own, audit },
            Output::Note { key, own, .. } => Statement::Note { key, own },
            Output::Recover { key, session } => Statement::Recover { key, session },
            Output::Absent(ask) => Statement::Absent(ask),
            Output::WasDone(asker) => Statement::WasDone(asker),
        };
        self.stored.push_back((at, statement));
    }

    /// To another server, by its stream: it answers on its own stream to the gateway.
    pub(super) fn send(&mut self, to: RegionId, mut ask: Ask) {
        let Some(&server) = self.holders.get(&to) else {
            return;
        };
        if self.servers.len() > 1 && ask.asker.session.link != OTHER_LINK {
            ask.asker.session.link = link_of(server);
        }
        self.mail.push_back(((server, to), Input::Ask(ask)));
    }

    pub(super) fn tell(&mut self, output: Output) {
        match output {
            Output::Tell(link, message) => self.told.push((link, message)),
            Output::Say(to, word) => {
                let server = self.holders[&to];
                self.mail.push_back(((server, to), Input::Said(word)));
            }
            other => panic!("{other:?} is not told"),
        }
    }

    /// Lets the store and the network do all that waits.
    pub(super) fn store_all(&mut self) {
        while let Some(input) = self.go_on() {
            if let Some((at, input)) = input {
                self.give_at(at, input);
            }
        }
    }

    pub(super) fn pass_time(&mut self, ms: u64) {
        self.now_ms += ms;
        let mut due = Vec::new();
        for (server, one) in &self.servers {
            let regions = one.regions.values();
            let regions = regions.filter(|one| one.wake_ms().is_some_and(|at| at <= self.now_ms));
            due.extend(regions.map(|region| (*server, region.id())));
        }
        for at in due {
            self.give_at(at, Input::Wake);
        }
    }

    pub(super) fn enter(&mut self, key: &str, number: u64, generation: u64) {
        let home = self.row(key).region;
        self.give(home, Input::Enter(enter(key, number, generation)));
    }

    /// Where a character is, on any server.
    pub(super) fn find(&self, key: &str) -> Option<At> {
        let mut servers = self.servers.iter();
        servers.find_map(|(server, one)| Some((*server, *one.whereabouts.get(key)?)))
    }

    pub(super) fn resident(&self, key: &str) -> Option<&Resident> {
        let (server, id) = self.find(key)?;
        self.servers[&server].regions[&id].residents.get(key)
    }

    pub(super) fn home(&self, key: &str) -> RegionId {
        self.find(key).expect("somebody in the world").1
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
        let at = self.find(key).expect("somebody in the world");
        self.give_at(at, Input::Command(command));
    }

    /// What has been told since the last look, in short.
    pub(super) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
            .into_iter()
            .map(|(link, message)| format!("{}: {}", link.0, short(&message)))
            .collect()
    }

    pub(super) fn gold(&self, key: &str) -> Option<Value> {
        let state = &self.row(key).claimed.state;
        state.attribute("gold", self.now_ms).cloned()
    }
}
