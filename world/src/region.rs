//! One region: who is in it, and what becomes of what they are asked. A pure state machine: (state, [`Input`], [`Surroundings`] at a time) gives
//! [`Output`]s, which its owner carries out in their order. It does not know of tasks, SQL or networks, and it never waits: what takes time is an
//! output, whose answer is a later input.
//!
//! In the order in which a player meets them: `sessions` bring a character in, `commands` are its player's, `asks` are what reaches an entity from
//! anywhere, `commits` write rows and then tell, `borders` let an entity go on to another region, `releases` give rows up. `creatures` have none.

mod asks;
mod borders;
mod commands;
mod commits;
mod creatures;
mod input;
mod life;
mod message;
mod output;
mod publish;
mod releases;
mod replies;
mod request;
mod resident;
mod residents;
mod row;
mod saves;
mod sessions;
#[cfg(test)]
mod tests;
mod word;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use creatures::{Population, SILENCE_MAX_MS};
pub use input::{Creature, Input, Respawn};
pub use life::{Index, NOBODY, Neighbours};
pub use message::{Answer, Departed, Message, Reason, Shown, Update};
pub use output::Output;
pub use replies::WINDOW;
pub use request::{Action, Ask, Asker, Body, Command, Edit, Enter, LinkId, Newcomer, Session};
pub use resident::Resident;
pub use row::{Audit, ClaimOutcome, Claimed, Outcome, Save};
pub use word::{News, Traveller, Word};

use crate::{
    attributes, movement,
    movement::Ground,
    region_id::RegionId,
    scheduler::Meter,
    scripts::{Scripts, Watch},
    settings::Settings,
};
use creatures::Creatures;
use life::Life;
use publish::Publisher;
use residents::Residents;
use sessions::Claiming;
use work::{Account, Work};

/// How often changes are told, in milliseconds (DESIGN, "Reads scale with gateways").
pub const TICK_MS: u64 = 50;
/// How often positions are saved, in milliseconds: with a fifth of a second for the write, what a crash takes back of somebody's way is no more than the
/// last second (DESIGN, "Promises").
pub const SAVE_INTERVAL_MS: u64 = 800;
/// How long a character stays whose gateway has gone, in milliseconds (DESIGN, "Presence and sessions").
pub const GRACE_MS: u64 = 10_000;
/// How many commands wait for one row. More are sent back, to be tried again: by then the row is free.
pub const WAITING_MAX: usize = 256;
/// How many regions a command is passed on by while its target wanders.
pub const HOP_COUNT_MAX: u8 = 8;

/// How far beyond the border an entity goes before its ownership follows it to another server, in tiles (DESIGN, "Handoff").
pub const HYSTERESIS_TILES: f64 = 2.0;

/// What a region can do with an entity that has gone on to another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// That region is on this server, and keeps a place for one more entity until the outputs are carried out.
    Open,
    /// It is on this server, and takes nobody now.
    Busy,
    /// It is not on this server.
    Away,
}

/// What a region can see of the world around it.
pub trait Surroundings {
    /// The region that has an entity, as far as this server knows.
    fn whereabouts(&self, key: &str) -> Option<RegionId>;
    /// The way to another region.
    fn passage(&self, region: RegionId) -> Passage;
    /// Whether a gateway's stream is there.
    fn is_linked(&self, link: LinkId) -> bool;
    /// Whether players look by a stream: that of a gateway, and not of another zone server.
    fn is_seen_by(&self, link: LinkId) -> bool;
    /// What one tick of uthreads may take.
    fn meter(&self) -> Box<dyn Meter + '_>;
    /// The clock by which scripts are stopped that take too long; None: by what is counted alone.
    fn watch(&self) -> Option<Watch> {
        None
    }
}

/// What holds at the time of an input.
#[derive(Clone, Copy)]
pub struct Now<'a> {
    /// Milliseconds since 1970.
    pub ms: u64,
    /// The world's rules.
    pub settings: &'a Arc<Settings>,
    /// The ground.
    pub ground: &'a Arc<dyn Ground>,
    /// Behaviours of the world's own.
    pub scripts: &'a Scripts,
    /// Who is where in other regions.
    pub neighbours: &'a Arc<dyn Neighbours>,
    /// The [`crate::name::key`]s of all game masters.
    pub game_masters: &'a BTreeSet<String>,
    /// The rest.
    pub around: &'a dyn Surroundings,
}

impl Now<'_> {
    fn ground(&self) -> &dyn Ground {
        &**self.ground
    }
}

/// A region of the world, on the server that holds it.
#[derive(Debug)]
pub struct Region {
    id: RegionId,
    residents: Residents,
    /// Those of them who are looked after each second: all but creatures that are at home and go nowhere.
    cared_for: BTreeSet<String>,
    publisher: Publisher,
    /// Characters whose rows are being claimed, and who else has come for them meanwhile.
    claiming: BTreeMap<String, Claiming>,
    /// Those whom the content puts here, wherever they are, and those who have come.
    creatures: Creatures,
    /// Residents that stand beyond the border and have not been taken over there yet.
    outside: BTreeSet<String>,
    /// Those of them that have something to do with the present input.
    at_border: BTreeSet<String>,
    /// When attributes cease to be.
    expiries: BTreeSet<(u64, String)>,
    /// When those who came over a border with a row behind them are saved at the latest.
    arrivals: BTreeSet<(u64, String)>,
    tick_at_ms: Option<u64>,
    save_at_ms: Option<u64>,
    /// How many rows are being added for game masters.
    spawn_count: usize,
    is_draining: bool,
    life: Life,
    /// Whether players look, by any gateway.
    is_seen: bool,
    account: Account,
}

/// What is in a scheduler's place for a world while that is not lent to it.
impl Default for Region {
    fn default() -> Self {
        let id = RegionId {
            level: 0,
            column: 0,
            row: 0,
        };
        Self::new(id, 0)
    }
}

impl Region {
    /// An empty region. `epoch` is higher than that of anybody who has had the region before: it orders what is told of it.
    #[must_use]
    pub fn new(id: RegionId, epoch: u64) -> Self {
        Self {
            id,
            residents: Residents::default(),
            cared_for: BTreeSet::new(),
            publisher: Publisher::new(id, epoch),
            claiming: BTreeMap::new(),
            creatures: Creatures::default(),
            outside: BTreeSet::new(),
            at_border: BTreeSet::new(),
            expiries: BTreeSet::new(),
            arrivals: BTreeSet::new(),
            tick_at_ms: None,
            save_at_ms: None,
            spawn_count: 0,
            is_draining: false,
            life: Life::new(id, epoch),
            is_seen: false,
            account: Account::default(),
        }
    }

    /// Which region it is.
    #[must_use]
    pub fn id(&self) -> RegionId {
        self.id
    }

    /// Whether an entity is in it.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.residents.contains_key(key)
    }

    /// How many entities are in it.
    #[must_use]
    pub fn resident_count(&self) -> usize {
        self.residents.len()
    }

    /// Whether players look, so that it is awake.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.is_seen
    }

    /// Whether, after [`Input::Drain`], nothing is left that has a row.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_draining
            && self.spawn_count == 0
            && self.claiming.is_empty()
            && !self.has_gifts()
            && self.residents.values().all(Resident::is_creature)
    }

    /// When it wants [`Input::Wake`]; None: there is nothing to wake for.
    #[must_use]
    pub fn wake_ms(&self) -> Option<u64> {
        let arrival = self.arrivals.first().map(|(at_ms, _)| *at_ms);
        [
            self.tick_at_ms,
            self.save_at_ms,
            arrival,
            self.expires_at_ms(),
            self.life_at_ms(),
            self.gift_at_ms(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// When something ceases to be.
    fn expires_at_ms(&self) -> Option<u64> {
        let expiry = self.expiries.first().map(|(at_ms, _)| *at_ms);
        expiry.into_iter().chain(self.decay_at_ms()).min()
    }

    /// Takes one input. What is to be done about it is added to `out`.
    pub fn take(&mut self, input: Input, now: &Now<'_>, out: &mut Vec<Output>) {
        let is_wake = matches!(input, Input::Wake);
        match input {
            Input::Enter(enter) => {
                self.account(Work::Players, now, |here| here.enter(enter, now, out));
            }
            Input::Leave(leave) => {
                self.account(Work::Players, now, |here| here.leave(&leave, now, out));
            }
            Input::Command(command) => {
                self.account(Work::Players, now, |here| here.command(command, now, out));
            }
            Input::Subscribe(link) => {
                self.publisher.subscribe(link, &self.residents, out);
                self.look_who_looks(now);
            }
            Input::Unsubscribe(link) => {
                self.publisher.unsubscribe(link);
                self.look_who_looks(now);
            }
            Input::Ask(ask) => self.ask(ask, now, out),
            Input::Arrive(resident) => self.arrive(*resident, now, out),
            Input::Entered(enter, outcome) => self.entered(enter, outcome, now, out),
            Input::Adopted(row, session) => self.adopt(*row, session, now, out),
            Input::Saved { key, own, outcome } => self.saved(&key, own, outcome, now, out),
            Input::Spawned(asker, row, outcome) => self.spawned(asker, *row, outcome, now, out),
            Input::Changed { creatures, afresh } => self.changed(creatures, afresh, now, out),
            Input::Said(word) => self.hear(*word, now, out),
            Input::Wake => self.wake(now, out),
            Input::Drain => self.drain(now, out),
        }
        self.let_out(now, out);
        self.schedule(is_wake, now.ms);
    }

    /// Where no player looks, little is done.
    fn look_who_looks(&mut self, now: &Now<'_>) {
        self.is_seen = self
            .publisher
            .links()
            .any(|link| now.around.is_seen_by(link));
    }

    /// Does what is due.
    fn wake(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        if self.expires_at_ms().is_some_and(|at_ms| at_ms <= now.ms) {
            self.account(Work::Expiry, now, |here| {
                here.expire(now);
                here.decay(now, out);
            });
        }
        self.give_again(now, out);
        if self.live(now, out) && self.publisher.is_dirty() {
            self.tick_at_ms = Some(now.ms);
        }
        self.save_arrivals(now.ms, out);
        if self.save_at_ms.is_some_and(|at_ms| at_ms <= now.ms) {
            self.save_at_ms = None;
            self.publisher.retain(|link| now.around.is_linked(link));
            self.look_who_looks(now);
            self.account(Work::Spawning, now, |here| {
                here.look_after_creatures(now, out);
            });
            self.account(Work::Saving, now, |here| {
                here.look_after_sessions(now, out);
                here.save_positions(out);
            });
            if self.needs_care() {
                self.save_at_ms = Some(now.ms + SAVE_INTERVAL_MS);
            }
        }
        if self.tick_at_ms.is_some_and(|at_ms| at_ms <= now.ms) {
            self.tick_at_ms = None;
            self.account(Work::Publishing, now, |here| {
                here.publisher.tick(&here.residents, out);
            });
            // The way may be open by now, or away.
            self.at_border.clone_from(&self.outside);
        }
    }

    /// Whether there is something to look after each second.
    fn needs_care(&self) -> bool {
        let has_row_behind = |one: &Resident| one.unsaved_since_ms.is_some() && !one.is_creature();
        let mut residents = self.cared_for();
        self.publisher.has_links()
            || self.has_travellers()
            || residents.any(|one| one.is_player() || has_row_behind(one))
    }

    /// Those who are looked after each second.
    fn cared_for(&self) -> impl Iterator<Item = &Resident> {
        let keys = self.cared_for.iter();
        keys.filter_map(|key| self.residents.get(key))
    }

    /// A region in which nothing happens has no reason to wake. Whether it needs care is not worked out anew at each input: it wakes once to see.
    fn schedule(&mut self, is_wake: bool, now_ms: u64) {
        if self.publisher.is_dirty() || !self.outside.is_empty() {
            self.tick_at_ms.get_or_insert(now_ms + TICK_MS);
        }
        let has_anybody = || self.publisher.has_links() || !self.residents.is_empty();
        // Who has set out of itself has done so while the region was awake.
        let is_wanted = || (!is_wake && has_anybody()) || self.has_travellers();
        if self.save_at_ms.is_none() && is_wanted() {
            self.save_at_ms = Some(now_ms + SAVE_INTERVAL_MS);
        }
    }

    fn expire(&mut self, now: &Now<'_>) {
        while let Some((at_ms, _)) = self.expiries.first() {
            if *at_ms > now.ms {
                return;
            }
            let Some((_, key)) = self.expiries.pop_first() else {
                return;
            };
            let Some(resident) = self.residents.get_mut(&key) else {
                continue;
            };
            resident.expiry_ms = None;
            if attributes::expire(&mut resident.state, now.ms)
                && resident.refresh(now.settings, now.ms)
            {
                self.publisher.touch(resident, true);
            }
            self.note_expiry(&key);
        }
    }

    /// Notes when the first of a resident's attributes ceases to be: one time for each resident, however often it is set anew.
    fn note_expiry(&mut self, key: &str) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let attributes = resident.state.attributes.values();
        let next = attributes
            .filter_map(|attribute| attribute.expires_ms)
            .min();
        let noted = std::mem::replace(&mut resident.expiry_ms, next);
        if noted != next {
            self.forget_expiry(noted, key);
            self.expiries
                .extend(next.map(|at_ms| (at_ms, key.to_owned())));
        }
    }

    /// What was noted does not hold any more.
    fn forget_expiry(&mut self, noted: Option<u64>, key: &str) {
        if let Some(at_ms) = noted {
            self.expiries.remove(&(at_ms, key.to_owned()));
        }
    }

    /// Puts an entity in, and tells everybody at once.
    fn settle(&mut self, mut resident: Resident, now: &Now<'_>, out: &mut Vec<Output>) {
        let key = resident.key.clone();
        let free = movement::free_place(now.ground(), resident.state.position);
        if free != resident.state.position {
            resident.walked(now.ms);
        }
        resident.state.position = free;
        self.publisher.touch(&mut resident, true);
        self.publisher.flush_all(&resident, out);
        if resident.home() != Some(self.id) {
            self.cared_for.insert(key.clone());
        }
        if let Some(mut before) = self.residents.insert(key.clone(), resident) {
            self.end_mind(&mut before.mind);
        }
        self.note_expiry(&key);
        self.animate(&key, now);
        self.end_if_dead(&key, now);
        out.push(Output::Here(key.clone()));
        self.look_outside(&key, now.settings.cell_tiles);
    }

    fn drain(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        self.is_draining = true;
        let keys: Vec<String> = self.residents.keys().cloned().collect();
        for key in keys {
            self.pay(&key, out);
            // Whoever has this region next does not know of a creature that is not at home here.
            self.say_ended(&key, false, out);
            self.go_on(&key, now, out);
        }
    }
}
