//! Those whom the content puts into the world. Each has a home, the region where the content puts it, which counts it wherever it goes: each second a
//! creature that is not at home lets its home know that it lives, and one that is silent for too long is made anew. It crosses to a region of another
//! server by a word: who has sent it keeps it, frozen, and says so again each second until the other has it.
//!
//! Whatever gets lost on the way, there may be two of a name only until the home hears of the older one, and nobody sees that one: of a name, the
//! higher `(own, version)` counts.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Creature, News, Now, Output, Region, Resident, SAVE_INTERVAL_MS, Traveller, Word,
    commits::answer_repeats,
    resident::{Kind, Waiting, Writing},
};
use crate::{name, position::Position, region_id::RegionId};

/// How long a creature may be silent before its home takes it for dead, in milliseconds (DESIGN, "Promises").
pub const SILENCE_MAX_MS: u64 = 5_000;
/// How far a creature's version is ahead where it has come, of what it can come to where it waits to be forgotten.
const CROSSING_VERSIONS: u64 = 64;
/// How far the version of a creature that is made anew is ahead of the last that was heard: it may have crossed and changed since, and nobody may have heard
/// of that yet.
const ANEW_VERSIONS: u64 = 16 * CROSSING_VERSIONS;
/// How long it is remembered who has come over, in milliseconds: longer than a stream that carries words holds one back.
const REMEMBERED_MS: u64 = 60_000;
/// How many are remembered. With more, the longest ago is forgotten: if it comes twice, its home finds out.
const REMEMBERED_MAX: usize = 4_096;

/// The attribute that says where somebody was put into the world by a game master who is to do something there: the middle of its leash, wherever it is when the
/// server starts again.
pub(super) const HOME: &str = "home";

/// The creatures that have to do with a region.
#[derive(Debug, Default)]
pub(super) struct Creatures {
    /// Those whose home it is.
    counted: BTreeMap<String, Counted>,
    /// Those of them who are not at home, or come back.
    awaited: BTreeSet<String>,
    /// Those who have come over to it: as what, and when.
    come: BTreeMap<String, ((u64, u64), u64)>,
    /// When it was last looked who is silent.
    looked_at_ms: u64,
}

/// How many creatures a region has to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Population {
    /// Those who are in it, wherever they are at home.
    pub alive_count: usize,
    /// Those whose home it is, and who come back when their time has come.
    pub dead_count: usize,
}

/// A creature, at its home.
#[derive(Debug)]
struct Counted {
    creature: Creature,
    /// The highest `(own, version)` that was heard of it.
    last: (u64, u64),
    /// None: it is at home, or dead.
    away: Option<Away>,
    /// When it comes back, if it is dead.
    due_ms: Option<u64>,
    /// Whether the content knows it; else something that lives here has put it into the world, and it does not come back.
    is_of_content: bool,
}

/// That a creature is not at home.
#[derive(Debug)]
struct Away {
    region: RegionId,
    heard_ms: u64,
}

impl Creatures {
    fn stop_counting(&mut self, key: &str) {
        self.counted.remove(key);
        self.awaited.remove(key);
    }
}

impl Counted {
    fn is_awaited(&self) -> bool {
        self.away.is_some() || self.due_ms.is_some()
    }
}

impl Region {
    /// How many creatures there are. It looks at each.
    #[must_use]
    pub fn population(&self) -> Population {
        let residents = self.residents.values();
        let counted = self.creatures.counted.values();
        Population {
            alive_count: residents.filter(|one| one.is_creature()).count(),
            dead_count: counted.filter(|one| one.due_ms.is_some()).count(),
        }
    }

    /// Those whom the content puts here are here, and no others of their kind. Who has been taken elsewhere is at home again.
    pub(super) fn change_creatures(
        &mut self,
        creatures: Vec<Creature>,
        afresh: bool,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let mut wanted: BTreeMap<String, Creature> = creatures
            .into_iter()
            .map(|creature| (name::key(&creature.name), creature))
            .collect();
        let mut ended = Vec::new();
        for (key, resident) in self.residents.iter() {
            if !resident.is_creature() {
                continue;
            }
            let is_home = resident.home() == Some(self.id) && resident.crossing().is_none();
            let known = self.creatures.counted.get(key);
            let is_as_wanted = known.is_some_and(|one| wanted.get(key) == Some(&one.creature));
            let is_born = known.is_some_and(|one| !one.is_of_content);
            if is_home && (is_as_wanted || is_born) && !afresh {
                wanted.remove(key);
            } else {
                ended.push(key.clone());
            }
        }
        // Who is dead comes back when its time has come, not when something else has changed.
        let is_dead = |one: &Counted| one.due_ms.is_some() && !afresh;
        wanted.retain(|key, _| !self.creatures.counted.get(key).is_some_and(is_dead));
        for key in ended {
            self.end(&key, false, out);
        }
        let is_here = |key: &String| self.residents.contains_key(key);
        let mut counted = std::mem::take(&mut self.creatures.counted);
        let is_gone = |key: &String, one: &mut Counted| {
            !is_here(key) && !is_dead(one) && !wanted.contains_key(key)
        };
        for (key, one) in counted.extract_if(.., is_gone) {
            if one.away.is_some() {
                out.push(Output::Abroad(key, None));
            }
        }
        let awaited = counted.iter().filter(|(_, one)| one.is_awaited());
        self.creatures.awaited = awaited.map(|(key, _)| key.clone()).collect();
        self.creatures.counted = counted;
        for creature in wanted.into_values() {
            self.make(creature, now, out);
        }
    }

    /// How many it counts that something that lives here has put into the world.
    pub(super) fn born_count(&self) -> usize {
        let counted = self.creatures.counted.values();
        counted.filter(|one| !one.is_of_content).count()
    }

    /// Something that lives here has put a creature into the world.
    pub(super) fn bear(&mut self, creature: Creature, now: &Now<'_>, out: &mut Vec<Output>) {
        let key = name::key(&creature.name);
        self.make(creature, now, out);
        if let Some(counted) = self.creatures.counted.get_mut(&key) {
            counted.is_of_content = false;
        }
    }

    /// Puts one of ours where the content wants it. If there is another one of the name, it counts no longer.
    fn make(&mut self, creature: Creature, now: &Now<'_>, out: &mut Vec<Output>) {
        let epoch = self.publisher.epoch();
        let key = name::key(&creature.name);
        let before = self.creatures.counted.get(&key);
        let last = before.map_or(0, |before| before.last.1);
        // A later creature of a name must have a higher version than an earlier one had at its end: time goes on faster than changes do.
        let version = match before {
            Some(_) => now.ms.max(last.saturating_add(ANEW_VERSIONS)),
            None => now.ms,
        };
        if before.is_some_and(|before| before.away.is_some()) {
            out.push(Output::Abroad(key.clone(), None));
        }
        let mut resident = Resident::creature(&creature, self.id, epoch, version, now);
        if let Some(place) = self.place_in_area(&creature, now) {
            resident.put_at(place);
        }
        let counted = Counted {
            creature,
            last: (epoch, version),
            away: None,
            due_ms: None,
            is_of_content: true,
        };
        self.creatures.counted.insert(key.clone(), counted);
        self.creatures.awaited.remove(&key);
        for waiting in self.drop_resident(&key, Some(self.id), out) {
            try_again(&waiting, out);
        }
        self.settle(resident, now, out);
    }

    /// A creature ends here. Whoever counts it is told, unless it may live where it was about to cross to.
    fn end(&mut self, key: &str, for_good: bool, out: &mut Vec<Output>) {
        self.say_ended(key, for_good, out);
        if let Some(asker) = self.residents.get_mut(key).and_then(|one| one.owed.take()) {
            out.push(asker.done(true));
        }
        for waiting in self.drop_resident(key, None, out) {
            try_again(&waiting, out);
        }
    }

    /// Tells whoever counts a creature that it is about to end here.
    pub(super) fn say_ended(&mut self, key: &str, for_good: bool, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get(key) else {
            return;
        };
        match resident.home() {
            Some(home) if home == self.id && for_good => {
                self.creatures.stop_counting(key);
            }
            Some(home) if home == self.id => {}
            Some(home) if resident.crossing().is_none() => {
                let news = News::HasEnded { for_good };
                out.push(self.say(home, resident, resident.version, news));
            }
            _ => {}
        }
    }

    fn say(&self, to: RegionId, of: &Resident, version: u64, news: News) -> Output {
        let word = Word {
            from: self.id,
            key: of.key.clone(),
            own: of.own,
            version,
            news,
        };
        Output::Say(to, Box::new(word))
    }

    /// A creature wants to go on to a region of another server: it stays, and takes no input, until it is there.
    pub(super) fn cross(&mut self, key: &str, to: RegionId, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let version = resident.version;
        resident.writing = Some(Writing::Crossing { to, version });
        self.cared_for.insert(key.to_owned());
        if let Some(resident) = self.residents.get(key) {
            self.ask_for_passage(resident, out);
        }
    }

    /// Always with the version with which it has set out: who has it already knows it by that.
    fn ask_for_passage(&self, resident: &Resident, out: &mut Vec<Output>) {
        let (Some((to, version)), Some(home)) = (resident.crossing(), resident.home()) else {
            return;
        };
        let traveller = Traveller {
            name: resident.name.clone(),
            home,
            origin: resident.origin(),
            state: resident.state.clone(),
            applied: resident.applied.clone(),
        };
        let news = News::Crosses(Box::new(traveller));
        out.push(self.say(to, resident, version, news));
    }

    /// Another region says something of a creature.
    pub(super) fn hear(&mut self, word: Word, now: &Now<'_>, out: &mut Vec<Output>) {
        let Word {
            from,
            key,
            own,
            version,
            news,
        } = word;
        let said = (own, version);
        match news {
            // Who lets go of everything takes nobody in, and counts nobody: it says nothing, and what matters is said again.
            News::Crosses(_) | News::Lives | News::HasEnded { .. } | News::HasDied
                if self.is_draining => {}
            News::Crosses(traveller) => {
                let answer = self.answer(&key, said, News::HasCome);
                self.come(key, said, *traveller, now, out);
                out.push(Output::Say(from, answer));
            }
            News::HasCome => self.has_crossed(&key, said, from, now, out),
            News::Lives => self.lives(&key, said, from, now, out),
            News::HasEnded { for_good } => self.ended_abroad(&key, said, for_good, now, out),
            News::HasDied => self.died_abroad(&key, said, now.ms, out),
            News::Answered {
                number,
                attempt,
                done,
            } => self.given(number, attempt, done),
            News::Superseded => {
                let here = self.residents.get(&key);
                let is_guest = here.is_some_and(|one| one.home().is_some_and(|it| it != self.id));
                if is_guest && here.is_some_and(|here| here.said() < said) {
                    self.end(&key, false, out);
                }
            }
        }
    }

    fn answer(&self, key: &str, (own, version): (u64, u64), news: News) -> Box<Word> {
        Box::new(Word {
            from: self.id,
            key: key.to_owned(),
            own,
            version,
            news,
        })
    }

    /// A creature comes from a region of another server, unless it has come before.
    fn come(
        &mut self,
        key: String,
        said: (u64, u64),
        traveller: Traveller,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let here = self.residents.get(&key).map(Resident::said);
        let remembered = self.creatures.come.get(&key).map(|(come, _)| *come);
        let has_come = here.max(remembered).is_some_and(|known| known >= said);
        if has_come || self.is_outdated(&key, said) {
            return;
        }
        self.remember(&key, said, now.ms);
        let waiting = self.drop_resident(&key, Some(self.id), out);
        let (own, version) = said;
        let mut resident = Resident::traveller(&key, traveller, own, now);
        resident.version = version + CROSSING_VERSIONS;
        resident.waiting = waiting;
        self.settle(resident, now, out);
        self.note_home(&key, out);
        self.go_on(&key, now, out);
    }

    fn remember(&mut self, key: &str, said: (u64, u64), now_ms: u64) {
        let come = &mut self.creatures.come;
        come.insert(key.to_owned(), (said, now_ms));
        if come.len() > REMEMBERED_MAX {
            let oldest = come.iter().min_by_key(|(_, (_, at_ms))| *at_ms);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                come.remove(&oldest);
            }
        }
    }

    /// Whether a creature of ours was made anew since.
    pub(super) fn is_outdated(&self, key: &str, said: (u64, u64)) -> bool {
        let counted = self.creatures.counted.get(key);
        counted.is_some_and(|counted| said < counted.last)
    }

    /// A creature that was sent to another region has come there.
    fn has_crossed(
        &mut self,
        key: &str,
        (own, version): (u64, u64),
        to: RegionId,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        if resident.own != own || resident.crossing() != Some((to, version)) {
            return;
        }
        let owed = resident.owed.take();
        self.goes(key, to, now.ms, out);
        if let Some(counted) = self.creatures.counted.get_mut(key) {
            counted.last = counted.last.max((own, version + CROSSING_VERSIONS));
        }
        let mut waiting = self.drop_resident(key, Some(to), out);
        if let Some(asker) = owed {
            out.push(asker.done(true));
            answer_repeats(&mut waiting, &asker, true, out);
        }
        for waiting in waiting {
            try_again(&waiting, out);
        }
    }

    /// An entity goes on to another region. Of ours, it is noted since when it has not been heard of.
    pub(super) fn goes(&mut self, key: &str, to: RegionId, now_ms: u64, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get(key) else {
            return;
        };
        if resident.home() != Some(self.id) {
            return;
        }
        if let Some(counted) = self.creatures.counted.get_mut(key) {
            counted.last = counted.last.max(resident.said());
            counted.away = Some(Away {
                region: to,
                heard_ms: now_ms,
            });
            self.creatures.awaited.insert(key.to_owned());
            out.push(Output::Abroad(key.to_owned(), Some(to)));
        }
    }

    /// An entity has come here. If it is one of ours, it is at home.
    pub(super) fn note_home(&mut self, key: &str, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get(key) else {
            return;
        };
        if let Some(counted) = self.creatures.counted.get_mut(key)
            && resident.home() == Some(self.id)
        {
            counted.last = counted.last.max(resident.said());
            if counted.away.take().is_some() {
                out.push(Output::Abroad(key.to_owned(), None));
            }
            if !counted.is_awaited() {
                self.creatures.awaited.remove(key);
            }
        }
    }

    /// One of ours lives in another region; or one that does not count any more.
    fn lives(
        &mut self,
        key: &str,
        said: (u64, u64),
        region: RegionId,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        if let Some(here) = self.residents.get(key) {
            if let Some((to, version)) = here.crossing()
                && to == region
                && (here.own, version) < said
            {
                // The word that it has come was lost.
                return self.has_crossed(key, (here.own, version), to, now, out);
            }
            let before = (here.own, u64::MAX);
            let answer = self.answer(key, before, News::Superseded);
            return out.push(Output::Say(region, answer));
        }
        let Some(counted) = self.creatures.counted.get_mut(key) else {
            let before = (self.publisher.epoch(), u64::MAX);
            let answer = self.answer(key, before, News::Superseded);
            return out.push(Output::Say(region, answer));
        };
        if said < counted.last {
            let before = counted.last;
            let answer = self.answer(key, before, News::Superseded);
            return out.push(Output::Say(region, answer));
        }
        counted.last = said;
        let away = Away {
            region,
            heard_ms: now.ms,
        };
        let before = counted.away.replace(away);
        self.creatures.awaited.insert(key.to_owned());
        if before.is_none_or(|before| before.region != region) {
            out.push(Output::Abroad(key.to_owned(), Some(region)));
        }
    }

    /// One of ours has ended elsewhere.
    fn ended_abroad(
        &mut self,
        key: &str,
        said: (u64, u64),
        for_good: bool,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let counted = self.creatures.counted.get_mut(key);
        let Some(counted) = counted.filter(|one| one.away.is_some() && one.last <= said) else {
            return;
        };
        counted.last = said;
        if for_good || !counted.is_of_content {
            self.creatures.stop_counting(key);
            out.push(Output::Abroad(key.to_owned(), None));
        } else {
            let creature = counted.creature.clone();
            self.make(creature, now, out);
        }
    }

    /// One of ours has died elsewhere.
    fn died_abroad(&mut self, key: &str, said: (u64, u64), now_ms: u64, out: &mut Vec<Output>) {
        let counted = self.creatures.counted.get_mut(key);
        if let Some(counted) = counted.filter(|one| one.away.is_some() && one.last <= said) {
            counted.last = said;
            out.push(Output::Abroad(key.to_owned(), None));
            self.bury(key, now_ms);
        }
    }

    /// A creature has died here: whoever counts it makes it anew in time, if it is to come back.
    pub(super) fn die(&mut self, key: &str, now: &Now<'_>, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get(key) else {
            return;
        };
        match resident.home() {
            Some(home) if home == self.id => self.bury(key, now.ms),
            Some(home) => out.push(self.say(home, resident, resident.version, News::HasDied)),
            None => return,
        }
        let waiting = self.drop_resident(key, None, out);
        self.start_again(waiting, now, out);
    }

    /// One of ours that is not here is nobody any more.
    pub(super) fn count_no_longer(&mut self, key: &str, out: &mut Vec<Output>) {
        let counted = self.creatures.counted.get(key);
        if counted.is_some_and(|one| one.away.is_some()) {
            self.creatures.stop_counting(key);
            out.push(Output::Abroad(key.to_owned(), None));
        }
    }

    fn bury(&mut self, key: &str, now_ms: u64) {
        let Some(counted) = self.creatures.counted.get_mut(key) else {
            return;
        };
        match &counted.creature.respawn {
            Some(respawn) => {
                counted.away = None;
                counted.due_ms = Some(now_ms.saturating_add(respawn.after_ms));
                self.creatures.awaited.insert(key.to_owned());
            }
            None => {
                self.creatures.stop_counting(key);
            }
        }
    }

    /// Each second: who is not at home says that it lives, who waits to cross asks again, and whoever has been silent for too long is made anew.
    pub(super) fn look_after_creatures(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        for resident in self.cared_for() {
            if let Some(home) = resident.home().filter(|home| *home != self.id)
                && !self.is_draining
            {
                out.push(self.say(home, resident, resident.version, News::Lives));
            }
            self.ask_for_passage(resident, out);
        }
        let is_kept = |at_ms: u64| at_ms.saturating_add(REMEMBERED_MS) > now.ms;
        let come = &mut self.creatures.come;
        come.retain(|_, (_, at_ms)| is_kept(*at_ms));
        self.miss_creatures(now, out);
    }

    fn miss_creatures(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        let looked_at_ms = std::mem::replace(&mut self.creatures.looked_at_ms, now.ms);
        // Whoever has not looked has not listened either.
        let was_deaf = now.ms.saturating_sub(looked_at_ms) > 2 * SAVE_INTERVAL_MS;
        let mut missed = Vec::new();
        for key in &self.creatures.awaited {
            let Some(counted) = self.creatures.counted.get_mut(key) else {
                continue;
            };
            if counted.due_ms.is_some_and(|due_ms| due_ms <= now.ms) {
                missed.push(counted.creature.clone());
            }
            let Some(away) = &mut counted.away else {
                continue;
            };
            if was_deaf {
                away.heard_ms = now.ms;
            } else if now.ms.saturating_sub(away.heard_ms) >= SILENCE_MAX_MS {
                missed.push(counted.creature.clone());
            }
        }
        if self.is_draining {
            return;
        }
        for creature in missed {
            let key = name::key(&creature.name);
            if self
                .creatures
                .counted
                .get(&key)
                .is_some_and(|one| one.is_of_content)
            {
                self.make(creature, now, out);
            } else {
                self.count_no_longer(&key, out);
            }
        }
    }

    /// Whether there are creatures to look after each second.
    pub(super) fn has_travellers(&self) -> bool {
        let mut residents = self.cared_for();
        let travels = |one: &Resident| {
            one.crossing().is_some() || one.home().is_some_and(|home| home != self.id)
        };
        !self.creatures.awaited.is_empty() || residents.any(travels)
    }
}

impl Resident {
    /// What orders it among all that is said of its name.
    pub(super) fn said(&self) -> (u64, u64) {
        (self.own, self.version)
    }

    /// The region that counts it, if it is a creature.
    pub(super) fn home(&self) -> Option<RegionId> {
        match self.kind {
            Kind::Creature { home, .. } => Some(home),
            Kind::Player | Kind::Placed => None,
        }
    }

    /// Where it was put into the world. Who has no [`HOME`] is at home where it is.
    pub(super) fn origin(&self) -> Position {
        match self.kind {
            Kind::Creature { origin, .. } => origin,
            Kind::Player => self.state.position,
            Kind::Placed => {
                let home = self.state.attributes.get(HOME);
                let home = home.and_then(|home| Position::from_value(&home.value));
                let home = home.filter(|home| home.z == self.state.position.z);
                home.unwrap_or(self.state.position)
            }
        }
    }

    /// Where to it waits to cross, and its version when it set out.
    pub(super) fn crossing(&self) -> Option<(RegionId, u64)> {
        match self.writing {
            Some(Writing::Crossing { to, version }) => Some((to, version)),
            _ => None,
        }
    }
}

/// The creature that it has waited for is not here any more. No session enters for a creature.
fn try_again(waiting: &Waiting, out: &mut Vec<Output>) {
    if let Waiting::Ask(ask) = waiting {
        out.push(ask.asker.try_again());
    }
}
