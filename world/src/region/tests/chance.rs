//! Whatever happens, in any order: what is true at every moment, and what must be true at the end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{super::*, yard::*};
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
pub(super) fn check(yard: &Yard) -> Result<(), TestCaseError> {
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
