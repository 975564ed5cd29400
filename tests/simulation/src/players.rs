//! Players: each asks for things in bursts, waits or does not, closes its connection, and comes back by another gateway while the first still holds
//! it. When things have calmed down, each asks once more for everything, and waits.

use std::collections::{BTreeMap, VecDeque};

use gateway::session::End;
use world::{position::Position, region::Answer};

use crate::{
    chance::Chance,
    faults::CALM,
    gateways::{self, ConnectionId, ToPlayer},
    network::NodeId,
    run::Run,
    schedule::MILLI,
    shared::Event,
    watch::{Want, WishId},
    yard,
};

/// How many requests a player sends ahead of their answers.
const AHEAD_MAX: usize = 10;

/// What a player does, when its time has come.
#[derive(Debug)]
pub enum Due {
    /// It asks for something.
    Act,
}

/// A player.
#[derive(Debug)]
pub struct Player {
    /// Its character.
    pub key: String,
    /// Its connection, and to which gateway.
    pub connection: Option<(NodeId, ConnectionId)>,
    waiting: VecDeque<WishId>,
    chance: Chance,
    /// Whether its last requests are under way.
    is_last_round: bool,
    /// Whether it has nothing more to ask for.
    pub is_done: bool,
    /// Whether its last request is to leave.
    pub leaves: bool,
}

/// What has been asked for so far, so that every request is one of its own.
#[derive(Debug, Default)]
pub struct Counts {
    coins: BTreeMap<String, u64>,
    marks: BTreeMap<(String, String), i64>,
    /// How many things were asked for.
    thing_count: u32,
    /// Those that nobody has asked to remove.
    things: Vec<String>,
}

impl Player {
    /// One who has not connected yet.
    #[must_use]
    pub fn new(key: String, mut chance: Chance) -> Self {
        Self {
            key,
            connection: None,
            waiting: VecDeque::new(),
            leaves: chance.per_mille(300),
            chance,
            is_last_round: false,
            is_done: false,
        }
    }
}

impl Run {
    /// A player's time has come.
    pub(crate) fn act(&mut self, index: usize) {
        let now = self.shared.now();
        let is_calm = now >= CALM;
        let player = &mut self.players[index];
        if player.is_done {
            return;
        }
        let (low, high) = if is_calm { (20, 100) } else { (5, 350) };
        let delay = player.chance.within(low * MILLI, high * MILLI);
        self.shared.after(delay, Event::Player(index, Due::Act));
        if self.players[index].connection.is_none() {
            return self.connect(index);
        }
        if is_calm {
            return self.last_round(index);
        }
        let player = &mut self.players[index];
        match player.chance.below(60) {
            0 => self.disconnect(index),
            // The first connection is left as it is: its session is taken over.
            1 => self.connect(index),
            _ => {
                let count = player.chance.within(1, 4);
                for _ in 0..count {
                    if self.players[index].waiting.len() < AHEAD_MAX {
                        let want = self.wish(index);
                        self.ask(index, want);
                    }
                }
            }
        }
    }

    fn connect(&mut self, index: usize) {
        let gateways: Vec<NodeId> = self.gateways.keys().copied().collect();
        let player = &mut self.players[index];
        let Some(node) = player.chance.pick(&gateways).copied() else {
            return;
        };
        let Some(gateway) = self.gateways.get_mut(&node) else {
            return;
        };
        let id = gateway.accept(index, player.key.clone());
        // What the older connection was asked is not waited for any more.
        self.forget(index);
        self.players[index].connection = Some((node, id));
        self.ask(index, Want::Login);
    }

    fn disconnect(&mut self, index: usize) {
        let player = &mut self.players[index];
        if let Some((node, id)) = player.connection.take() {
            let close = gateways::Due::Close(id);
            self.shared.after(0, Event::Gateway(node, close));
        }
        self.forget(index);
    }

    /// Nobody hears the answers to what is unanswered.
    fn forget(&mut self, index: usize) {
        let now = self.shared.now();
        for wish in std::mem::take(&mut self.players[index].waiting) {
            self.shared.watch.unanswered(wish, now);
        }
    }

    fn ask(&mut self, index: usize, want: Want) {
        let player = &mut self.players[index];
        let Some((node, id)) = player.connection else {
            return;
        };
        let now = self.shared.now();
        self.shared
            .note(|| format!("{} wants {want:?}", player.key));
        let wish = self.shared.watch.asked(&player.key, want, now);
        player.waiting.push_back(wish);
        let request = gateways::Due::Request(id, wish);
        // A socket keeps its order.
        self.shared.in_order(Event::Gateway(node, request));
    }

    /// Once more everything, and then nothing.
    fn last_round(&mut self, index: usize) {
        let player = &mut self.players[index];
        if !player.is_last_round {
            player.is_last_round = true;
            let key = player.key.clone();
            let other = player.chance.below(self.player_keys.len() as u64);
            let other = self.player_keys[usize::try_from(other).unwrap_or_default()].clone();
            for target in [key, other] {
                if let Some(add) = self.add(&target) {
                    self.ask(index, add);
                }
                self.ask(index, Want::Move(1.0, 0.0));
                self.ask(index, Want::Get { target, purse: 0 });
            }
        } else if player.waiting.is_empty() {
            player.is_done = true;
            if player.leaves {
                self.disconnect(index);
            }
        }
    }

    /// What a player wants next.
    fn wish(&mut self, index: usize) -> Want {
        let is_master = self.players[index].key == yard::GAME_MASTER;
        if is_master && self.players[index].chance.per_mille(350) {
            return self.edit(index);
        }
        let target = self.target(index);
        let chance = &mut self.players[index].chance;
        let step = |chance: &mut Chance| {
            #[expect(clippy::cast_precision_loss, reason = "a few tiles")]
            let tiles = chance.below(7) as f64 - 3.0;
            tiles
        };
        match chance.below(20) {
            0..10 => Want::Move(step(chance), step(chance)),
            10..14 => self.add(&target).unwrap_or(Want::Move(0.0, 0.0)),
            14..16 => {
                let name = (self.players[index].key.clone(), target.clone());
                let mark = self.counts.marks.entry(name).or_default();
                *mark += 1;
                Want::Mark {
                    target,
                    mark: *mark,
                }
            }
            _ => {
                let purse = chance.below(2);
                Want::Get { target, purse }
            }
        }
    }

    /// Itself, somebody else, or a thing.
    fn target(&mut self, index: usize) -> String {
        let player = &mut self.players[index];
        match player.chance.below(4) {
            0 => player.key.clone(),
            1 => {
                let thing = player.chance.pick(&self.counts.things);
                thing.unwrap_or(&player.key).clone()
            }
            _ => {
                let other = player.chance.pick(&self.player_keys);
                other.unwrap_or(&player.key).clone()
            }
        }
    }

    /// A set that nobody has asked for before.
    fn add(&mut self, target: &str) -> Option<Want> {
        let coin = self.counts.coins.entry(target.to_owned()).or_default();
        let (purse, digit) = (*coin / yard::PURSE_SETS, *coin % yard::PURSE_SETS);
        if purse >= yard::PURSE_COUNT {
            return None;
        }
        *coin += 1;
        Some(Want::Add {
            target: target.to_owned(),
            purse,
            digit,
        })
    }

    /// What only a game master may do.
    fn edit(&mut self, index: usize) -> Want {
        let chance = &mut self.players[index].chance;
        let x = i32::try_from(chance.below(yard::WIDTH.unsigned_abs().into())).unwrap_or_default();
        let y = i32::try_from(chance.below(yard::HEIGHT.unsigned_abs().into())).unwrap_or_default();
        let place = Position::centre_of(x, y, 0);
        let things = &mut self.counts.things;
        match chance.below(10) {
            0..4 if things.len() < 4 => {
                self.counts.thing_count += 1;
                let name = format!("thing{}", self.counts.thing_count);
                things.push(name.clone());
                self.shared.watch.teleported.insert(name.clone());
                Want::Spawn(name, place)
            }
            4 if !things.is_empty() => {
                let which = chance.below(things.len() as u64);
                Want::Despawn(things.remove(usize::try_from(which).unwrap_or_default()))
            }
            5 => {
                let others: Vec<String> = self.wanderers().collect();
                let other = self.players[index].chance.pick(&others).cloned();
                other.map_or(Want::Move(0.0, 0.0), Want::Kick)
            }
            _ => {
                let others: Vec<String> =
                    self.wanderers().chain(self.counts.things.clone()).collect();
                let other = self.players[index].chance.pick(&others).cloned();
                other.map_or(Want::Move(0.0, 0.0), |other| Want::Teleport(other, place))
            }
        }
    }

    /// Players that game masters may put somewhere else.
    fn wanderers(&self) -> impl Iterator<Item = String> {
        let teleported = &self.shared.watch.teleported;
        self.player_keys
            .iter()
            .filter(|key| teleported.contains(*key))
            .cloned()
    }

    /// A player hears of its gateway.
    pub(crate) fn hear(&mut self, said: ToPlayer) {
        match said {
            ToPlayer::Reply(index, id, answer) => self.replied(index, id, &answer),
            ToPlayer::Closed(index, id, end) => self.closed(index, id, end),
        }
    }

    fn replied(&mut self, index: usize, id: ConnectionId, answer: &Answer) {
        let now = self.shared.now();
        let player = &mut self.players[index];
        if player.connection.is_none_or(|(_, present)| present != id) {
            return;
        }
        let Some(wish) = player.waiting.pop_front() else {
            let text = format!(
                "{} is answered {answer:?}, and has asked for nothing",
                player.key
            );
            return self.shared.watch.broken(now, text);
        };
        self.shared
            .note(|| format!("{} hears {answer:?}", player.key));
        let database = &self.shared.desk.database;
        self.shared.watch.answered(wish, answer, database, now);
    }

    /// A connection is closed, not by the player.
    pub(crate) fn closed(&mut self, index: usize, id: ConnectionId, end: Option<(End, u64)>) {
        let now = self.shared.now();
        let player = &mut self.players[index];
        if player.connection.is_none_or(|(_, present)| present != id) {
            return;
        }
        player.connection = None;
        player.is_last_round = false;
        if let Some(end) = end {
            let key = player.key.clone();
            self.check_end(&key, end, now);
        }
        self.forget(index);
    }
}
