//! Whatever happens, in any order: what is true at every moment, and what must be true at the end. The rows are the only thing that servers share.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    super::*,
    gateway::{Gateway, PLAYERS},
    yard::*,
};
use crate::position::Position;

/// Something that happens to the yard.
#[derive(Debug, Clone)]
enum Event {
    Step(usize, f64, f64),
    Gold(usize, usize, i64),
    Relogin(usize),
    Leave(usize),
    Kick(usize),
    Teleport(usize, usize, usize),
    Spawn(usize, usize),
    Despawn,
    Wall(usize, usize),
    /// The store answers one of those who wait for it.
    Store(usize, Fate),
    /// What nobody waits for any more happens after all.
    Late(usize),
    /// What is on its way between servers arrives, or does not.
    Mail(usize, bool),
    Full(usize),
    Pass(u64),
    /// A region is handed to another server.
    Move(usize, usize),
    /// A server dies, and another begins.
    Crash(usize),
    /// A server is taken for dead, and does not know.
    Suspect(usize),
    /// It learns what it has lost.
    Learn,
}

/// What happens, in a line that can be pasted into a test.
#[derive(Clone)]
struct Story(Vec<Event>);

impl std::fmt::Debug for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

fn story(event: impl Strategy<Value = Event>) -> impl Strategy<Value = Story> {
    prop::collection::vec(event, 1..140).prop_map(Story)
}

/// People play, regions move from server to server, and the store answers everybody.
fn fair() -> impl Strategy<Value = Event> {
    let player = || 0usize..3;
    prop_oneof![
        8 => (player(), -4.0..4.0f64, -4.0..4.0f64).prop_map(|(who, dx, dy)| Event::Step(who, dx, dy)),
        5 => (player(), player(), -4i64..9).prop_map(|(who, whom, by)| Event::Gold(who, whom, by)),
        1 => player().prop_map(Event::Relogin),
        16 => (0usize..8).prop_map(|which| Event::Store(which, Fate::Answered)),
        6 => (0usize..4, prop::bool::weighted(0.1)).prop_map(|(which, is_lost)| Event::Mail(which, is_lost)),
        1 => (0usize..5).prop_map(Event::Full),
        5 => (1u64..300).prop_map(Event::Pass),
        2 => (0usize..4, 0usize..3).prop_map(|(which, to)| Event::Move(which, to)),
    ]
}

/// Anything.
fn foul() -> impl Strategy<Value = Event> {
    let player = || 0usize..3;
    let fate = prop_oneof![
        any::<bool>().prop_map(|has_happened| Fate::Lost { has_happened }),
        Just(Fate::Late),
    ];
    prop_oneof![
        44 => fair(),
        1 => player().prop_map(Event::Leave),
        1 => player().prop_map(Event::Kick),
        2 => (player(), 0usize..SIDE, 0usize..SIDE).prop_map(|(whom, x, y)| Event::Teleport(whom, x, y)),
        1 => (0usize..SIDE, 0usize..SIDE).prop_map(|(x, y)| Event::Spawn(x, y)),
        1 => Just(Event::Despawn),
        1 => (0usize..SIDE, 1usize..SIDE).prop_map(|(x, y)| Event::Wall(x, y)),
        2 => (0usize..8, fate).prop_map(|(which, fate)| Event::Store(which, fate)),
        2 => (0usize..8).prop_map(Event::Late),
        1 => (0usize..3).prop_map(Event::Crash),
        1 => (0usize..3).prop_map(Event::Suspect),
        2 => Just(Event::Learn),
    ]
}

/// Servers, their players, and which regions are on their way.
struct Cluster {
    yard: Yard,
    gateway: Gateway,
    moving: BTreeMap<RegionId, i64>,
    incarnation: i64,
}

impl Cluster {
    fn new() -> Self {
        let mut yard = Yard::divided();
        let write = crate::settings::Writer::Near(99.0);
        yard.settings.attributes.get_mut("gold").unwrap().write = write;
        yard.masters.insert(PLAYERS[0].to_owned());
        yard.servers.entry(3).or_default();
        yard.links = (1..=3).map(link_of).collect();
        let mut cluster = Self {
            yard,
            gateway: Gateway::default(),
            moving: BTreeMap::new(),
            incarnation: 3,
        };
        for (who, key) in PLAYERS.iter().enumerate() {
            cluster.yard.account(key, 2.5 + 5.0 * who as f64, 6.5);
            cluster.gateway.log_in(who, &mut cluster.yard);
        }
        cluster.yard.is_store_held = true;
        cluster
    }

    fn server(&self, which: usize) -> i64 {
        let servers: Vec<i64> = self.yard.servers.keys().copied().collect();
        servers[which % servers.len()]
    }

    fn happen(&mut self, event: Event) {
        let Self { yard, gateway, .. } = self;
        let mut edit = |edit| gateway.want(0, Body::Edit(edit), yard);
        match event {
            Event::Step(who, dx, dy) => gateway.want(who, step(dx, dy), yard),
            Event::Gold(who, whom, by) => gateway.want(who, add_gold(PLAYERS[whom], by), yard),
            Event::Relogin(who) => gateway.log_in(who, yard),
            Event::Leave(who) => gateway.leave(who, yard),
            Event::Kick(whom) => edit(Edit::Kick(PLAYERS[whom].to_owned())),
            Event::Teleport(whom, x, y) => edit(Edit::Teleport {
                name: PLAYERS[whom].to_owned(),
                position: Position::centre_of(x as i32, y as i32, 0),
            }),
            Event::Spawn(x, y) => edit(Edit::Spawn {
                name: "Owl".to_owned(),
                position: Position::centre_of(x as i32, y as i32, 0),
                attributes: Vec::new(),
                behaviour: None,
            }),
            Event::Despawn => edit(Edit::Despawn("owl".to_owned())),
            Event::Wall(x, y) => {
                yard.ground.block(x, y);
                for at in yard.everywhere() {
                    yard.give_at(
                        at,
                        Input::Changed {
                            creatures: None,
                            afresh: false,
                        },
                    );
                }
            }
            Event::Store(which, fate) => {
                let which = which.min(yard.stored.len().saturating_sub(1));
                if let Some((at, statement)) = yard.stored.remove(which) {
                    yard.next_fate = fate;
                    if let Some((at, input)) = yard.run(at, statement) {
                        yard.give_at(at, input);
                    }
                }
            }
            Event::Late(which) => {
                if which < yard.late.len() {
                    let (at, statement) = yard.late.swap_remove(which);
                    yard.execute(at, statement);
                }
            }
            Event::Mail(which, is_lost) => {
                let which = which.min(yard.mail.len().saturating_sub(1));
                if let Some((at, input)) = yard.mail.remove(which).filter(|_| !is_lost) {
                    yard.give_at(at, input);
                }
            }
            Event::Full(index) => yard.full = regions().into_iter().skip(index).take(1).collect(),
            Event::Pass(ms) => self.pass(ms),
            Event::Move(which, to) => self.move_region(regions()[which], self.server(to)),
            Event::Crash(which) => self.crash(self.server(which)),
            Event::Suspect(which) => self.suspect(self.server(which)),
            Event::Learn => self.learn(),
        }
        self.gateway.hear(&mut self.yard);
        self.finish_moves();
    }

    fn pass(&mut self, ms: u64) {
        self.yard.pass_time(ms);
        let servers: Vec<i64> = self.yard.servers.keys().copied().collect();
        for server in servers {
            self.yard.look(server);
        }
        self.gateway.hear(&mut self.yard);
        self.gateway.tick(&mut self.yard);
    }

    fn move_region(&mut self, id: RegionId, to: i64) {
        let from = self.yard.holders[&id];
        if from == to || !self.yard.is_live(from) || !self.yard.is_live(to) {
            return;
        }
        if self.moving.insert(id, to).is_none() {
            self.yard.give(id, Input::Drain);
        }
    }

    /// A region that has let go of everything goes to its next holder.
    fn finish_moves(&mut self) {
        for id in regions() {
            let at = (self.yard.holders[&id], id);
            let is_done = self.yard.region(id).is_drained()
                && !self.yard.stored.iter().any(|(issuer, _)| *issuer == at);
            if is_done && let Some(to) = self.moving.remove(&id) {
                self.yard.drop_region(at);
                let to = if self.yard.is_live(to) { to } else { at.0 };
                self.yard.hold(id, to);
                self.yard.look(to);
            }
        }
    }

    /// What a server had is others'. Regions that it was about to hand over begin anew as well.
    fn inherit(&mut self, dead: i64) {
        let heirs = self.yard.servers.keys();
        let heirs: Vec<i64> = heirs
            .copied()
            .filter(|heir| self.yard.is_live(*heir))
            .collect();
        for (index, id) in regions().into_iter().enumerate() {
            if self.yard.holders[&id] == dead {
                self.moving.remove(&id);
                self.yard.hold(id, heirs[index % heirs.len()]);
            }
        }
    }

    fn crash(&mut self, dead: i64) {
        self.incarnation += 1;
        let next = self.incarnation;
        let yard = &mut self.yard;
        yard.servers.insert(next, Server::default());
        yard.links.insert(link_of(next));
        yard.servers.remove(&dead);
        yard.links.remove(&link_of(dead));
        yard.suspects.remove(&dead);
        yard.told.retain(|(link, _)| *link != link_of(dead));
        yard.mail.retain(|((server, _), _)| *server != dead);
        let stored = std::mem::take(&mut yard.stored);
        let (late, stored): (Vec<_>, Vec<_>) = stored
            .into_iter()
            .partition(|((server, _), _)| *server == dead);
        yard.let_fall(late);
        yard.stored.extend(stored);
        self.gateway.lose(dead, |_| true);
        self.inherit(dead);
    }

    fn suspect(&mut self, server: i64) {
        let is_other_live = |other: &i64| *other != server && self.yard.is_live(*other);
        if self.yard.servers.keys().any(is_other_live) {
            self.yard.suspects.insert(server);
            self.inherit(server);
        }
    }

    fn learn(&mut self) {
        for server in std::mem::take(&mut self.yard.suspects) {
            for id in regions() {
                if self.yard.holders[&id] != server {
                    self.yard.drop_region((server, id));
                    self.gateway.lose(server, |region| region == id);
                }
            }
        }
    }

    /// No more faults, and time enough.
    fn settle(&mut self) {
        self.yard.full.clear();
        self.learn();
        for (at, statement) in std::mem::take(&mut self.yard.late) {
            self.yard.execute(at, statement);
        }
        for _ in 0..30 {
            self.yard.store_all();
            self.pass(SAVE_INTERVAL_MS);
            self.gateway.hear(&mut self.yard);
            self.finish_moves();
        }
        self.yard.store_all();
        self.gateway.hear(&mut self.yard);
    }

    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(&self.gateway.breaches, &Vec::<String>::new());
        check(&self.yard)
    }

    /// What must be so when all is quiet.
    fn check_end(&self) -> Result<(), TestCaseError> {
        self.check()?;
        let Self { yard, gateway, .. } = self;
        for (author, generation, counter) in &gateway.edits {
            let is_logged = yard
                .rows
                .audit
                .contains(&(author.clone(), id(*generation, *counter)));
            prop_assert!(
                is_logged,
                "edit {} of {} was answered and is not done",
                counter,
                author
            );
        }
        for (who, key) in PLAYERS.iter().enumerate() {
            let gold = yard
                .gold(key)
                .and_then(|value| value.as_f64())
                .unwrap_or(0.0) as i64;
            let surplus = gold - gateway.gold[who];
            let open = sums(&gateway.open_gold[who]);
            prop_assert!(
                open.contains(&surplus),
                "{}: {} of {} acknowledged",
                key,
                gold,
                gateway.gold[who]
            );
            // Who is logged in is in the world and obeys that session; who is not is out of it.
            let row = yard.row(key);
            let resident = yard.resident(key);
            match gateway.sessions_of(who)[..] {
                [] => prop_assert!(
                    !row.present && row.owner.is_none() && resident.is_none(),
                    "{} stays though nobody speaks for it",
                    key
                ),
                [number] => {
                    prop_assert!(
                        row.present && row.owner.is_some(),
                        "{} is logged in and not in the world",
                        key
                    );
                    let session = resident.and_then(Resident::session);
                    prop_assert_eq!(
                        session.map(|session| session.number),
                        Some(number),
                        "{}",
                        key
                    );
                    prop_assert_eq!(
                        row.region,
                        yard.find(key).unwrap().1,
                        "the row of {} says where it is",
                        key
                    );
                    let unanswered = gateway.unanswered(number);
                    prop_assert_eq!(unanswered, 0, "{} waits for ever", key);
                }
                ref many => prop_assert!(false, "{} has sessions {:?}", key, many),
            }
        }
        Ok(())
    }
}

/// All that some of these may come to.
fn sums(parts: &[i64]) -> BTreeSet<i64> {
    parts.iter().fold(BTreeSet::from([0]), |sums, part| {
        sums.iter().flat_map(|sum| [*sum, sum + part]).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost_or_doubled_whatever_happens(story in story(foul())) {
        let mut cluster = Cluster::new();
        for event in story.0 {
            cluster.happen(event);
            cluster.check()?;
        }
        cluster.settle();
        cluster.check_end()?;
    }

    /// Nobody dies and nothing is lost: then every step that was answered True has been made once, whoever had the region.
    #[test]
    fn each_step_is_made_once_while_regions_move(story in story(fair())) {
        let mut cluster = Cluster::new();
        for event in story.0 {
            cluster.happen(event);
            cluster.check()?;
        }
        cluster.settle();
        cluster.check_end()?;
        for (who, key) in PLAYERS.iter().enumerate() {
            let position = cluster.yard.row(key).claimed.state.position;
            let (dx, dy) = cluster.gateway.walked[who];
            let expected = (2.5 + 5.0 * who as f64 + dx, 6.5 + dy);
            let is_there = (position.x - expected.0).hypot(position.y - expected.1) < 1e-6;
            prop_assert!(is_there || cluster.gateway.is_lost[who], "{}: {:?}, {:?}", key, position, expected);
        }
    }
}

/// What is true at every moment.
pub(super) fn check(yard: &Yard) -> Result<(), TestCaseError> {
    let mut live = BTreeSet::new();
    for (server, one) in &yard.servers {
        for resident in one
            .regions
            .values()
            .flat_map(|region| region.residents.values())
        {
            let (key, position) = (&resident.key, resident.state.position);
            let is_free = movement::is_free(&yard.ground, position);
            prop_assert!(is_free, "{} is in a wall at {:?}", key, position);
            let Some(row) = yard.rows.all.get(key) else {
                continue;
            };
            prop_assert!(resident.own <= row.claimed.own);
            if row.owner == Some(*server) && row.claimed.own == resident.own {
                prop_assert!(live.insert(key), "{} has two live copies", key);
            }
        }
    }
    Ok(())
}

/// What was found once, in the line in which it was told.
#[test]
fn whose_row_was_claimed_by_another_look_speaks_for_it_all_the_same() {
    use Event::{Move, Store, Teleport};
    let lost = Fate::Lost { has_happened: true };
    let mut cluster = Cluster::new();
    for event in [
        Teleport(1, 8, 0),
        Store(0, lost),
        Move(1, 0),
        Store(1, Fate::Answered),
    ] {
        cluster.happen(event);
        cluster.check().unwrap();
    }
    cluster.settle();
    cluster.check_end().unwrap();
}
