//! Which regions run here: `zone-server/src/holdings/keeper.rs`, `look.rs` and `giving.rs` around their own `plan`. What is read, taken and given takes its
//! time; what is decided is the product's.

use std::collections::{BTreeMap, BTreeSet};

use store::{
    directory::{HEARTBEAT_TTL_MS, ZoneServer},
    entities::Incarnation,
};
use world::{region::Input, region_id::RegionId};
use zone_server::holdings::plan::{Found, Gift, Holding, Plan, plan};

use super::{At, Due, Then, Zone, trust::Term};
use crate::{
    mutant::Mutant,
    schedule::{MILLI, Micros, SECOND},
    shared::{Event, Shared},
    statement::{Answered, Response, Statement},
    yard::Yard,
};

/// How often it is looked who holds what, give or take [`JITTER`].
const INTERVAL: Micros = 250 * MILLI;
const JITTER: Micros = 50 * MILLI;
/// How long after a look the next one begins at the earliest.
const SPACING: Micros = 20 * MILLI;
/// How many regions are on their way at once.
const GIFTS_MAX: usize = 16;
/// How long a server that leaves may take to give everything away.
const DRAIN_TIMEOUT: Micros = 10 * SECOND;

/// What was read last, and what is under way.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    live: Vec<ZoneServer>,
    regions: BTreeMap<RegionId, Holding>,
    /// The regions that run here, and their epochs.
    running: BTreeMap<RegionId, u64>,
    /// Regions that are being taken.
    taking: BTreeSet<RegionId>,
    /// Regions that are being given away.
    gifts: BTreeMap<RegionId, Gift>,
    /// Regions that changed hands since the last look began, by our doing.
    outdated: BTreeSet<RegionId>,
    /// Since when each of those who live is known.
    known_since: BTreeMap<Incarnation, Micros>,
    is_looking: bool,
    look_began: Micros,
    /// When the next look begins, if none is under way.
    look_at: Micros,
    is_hinted: bool,
}

impl Holdings {
    /// All that live, as far as is known.
    pub(super) fn living(&self) -> Vec<Incarnation> {
        self.live.iter().map(|server| server.incarnation).collect()
    }

    /// The living zone server that holds a region.
    pub(super) fn holder(&self, region: RegionId) -> Option<Incarnation> {
        let holder = self.regions.get(&region)?.holder?;
        let mut living = self.live.iter().map(|server| server.incarnation);
        living.any(|other| other == holder).then_some(holder)
    }

    /// Whether a region is a server's.
    pub(super) fn is_mine(&self, me: Incarnation, region: RegionId) -> bool {
        let held = self.regions.get(&region);
        held.is_some_and(|held| held.holder == Some(me))
    }

    fn hold(&mut self, region: RegionId, holder: Option<Incarnation>, epoch: u64) {
        self.regions.insert(region, Holding { holder, epoch });
    }
}

impl Zone {
    /// It is announced that regions have changed hands. Whoever gives many away does not look after each.
    pub(super) fn announced(&mut self, shared: &mut Shared) {
        if self.holdings.gifts.is_empty() {
            self.hasten(shared);
        }
    }

    /// There may be something new.
    pub(super) fn hasten(&mut self, shared: &mut Shared) {
        self.holdings.is_hinted = true;
        if !self.holdings.is_looking {
            self.plan_look(self.holdings.look_began + SPACING, shared);
        }
    }

    fn plan_look(&mut self, at: Micros, shared: &mut Shared) {
        self.holdings.look_at = at;
        let delay = at.saturating_sub(shared.now());
        self.later(delay, Due::Look, shared);
    }

    /// The time for a look has come, unless it was put off or is under way.
    pub(super) fn look(&mut self, shared: &mut Shared) {
        let now = shared.now();
        if self.has_ended || self.holdings.is_looking || now < self.holdings.look_at {
            return;
        }
        self.holdings.is_looking = true;
        self.holdings.is_hinted = false;
        self.holdings.look_began = now;
        self.holdings.outdated.clear();
        let term = self.trust.term(now);
        self.submit(Statement::Holdings, Then::HoldingsRead(term), shared);
    }

    /// Who holds what is read first, and then who lives: a holder that has come meanwhile is not taken for dead.
    pub(super) fn holdings_read(
        &mut self,
        term: Option<Term>,
        answered: Answered,
        shared: &mut Shared,
    ) {
        match answered {
            Ok(Response::Holdings(holdings)) => {
                self.submit(Statement::Live, Then::Looked(term, holdings), shared);
            }
            _ => self.not_looked(shared),
        }
    }

    fn not_looked(&mut self, shared: &mut Shared) {
        self.holdings.is_looking = false;
        let at = shared.now() + INTERVAL;
        self.plan_look(at, shared);
    }

    pub(super) fn looked(
        &mut self,
        term: Option<Term>,
        regions: Vec<store::regions::Holding>,
        answered: Answered,
        shared: &mut Shared,
    ) {
        let Ok(Response::Live(live)) = answered else {
            return self.not_looked(shared);
        };
        self.holdings.is_looking = false;
        let jitter = shared.chance.below(2 * JITTER);
        let next = self.holdings.look_began + INTERVAL - JITTER + jitter;
        self.plan_look(next, shared);
        if self.holdings.is_hinted {
            self.hasten(shared);
        }
        let regions = regions.into_iter().map(|held| {
            let (holder, epoch) = (held.holder, held.epoch);
            (held.region, Holding { holder, epoch })
        });
        self.act_on(term, live, regions.collect(), shared);
    }

    /// Does what a look comes to.
    fn act_on(
        &mut self,
        term: Option<Term>,
        live: Vec<ZoneServer>,
        regions: BTreeMap<RegionId, Holding>,
        shared: &mut Shared,
    ) {
        let now = shared.now();
        let terrain: BTreeSet<RegionId> = Yard::regions().collect();
        let gifts: BTreeSet<RegionId> = self.holdings.gifts.keys().copied().collect();
        let mut changing = &gifts | &self.holdings.taking;
        changing.append(&mut self.holdings.outdated);
        let newcomers = self.newcomers(&live, now);
        let plan = plan(&Found {
            me: &self.standing,
            is_acknowledged: term.is_some() && self.trust.term(now) == term,
            may_judge: self.trust.may_judge(now),
            live: &live,
            newcomers: &newcomers,
            terrain: &terrain,
            holdings: &regions,
            running: &self.holdings.running,
            changing: &changing,
        });
        self.begin(&plan, shared);
        self.holdings.live = live;
        for (region, held) in regions {
            if !changing.contains(&region) {
                self.holdings.regions.insert(region, held);
            }
        }
        if let Some(term) = term
            && !self.is_trusted(shared)
        {
            // Whoever still has a stream may have missed something.
            self.suspend(shared);
            if self.trust.open(term, now) {
                let regions = self.all_regions().into_iter();
                let node = self.node;
                shared.started.extend(regions.map(|region| (node, region)));
                // What we have written late is ours, whoever has its region by now.
                self.recovery.is_in_doubt |= term.follows_a_lapse();
            }
        }
        self.end_if_rid_of_all(shared);
    }

    /// Those of the living who have come within the last time to live.
    fn newcomers(&mut self, live: &[ZoneServer], now: Micros) -> BTreeSet<Incarnation> {
        let known = &mut self.holdings.known_since;
        let living: BTreeSet<Incarnation> = live.iter().map(|server| server.incarnation).collect();
        known.retain(|server, _| living.contains(server));
        for server in living {
            known.entry(server).or_insert(now);
        }
        let ttl = HEARTBEAT_TTL_MS.unsigned_abs() * MILLI;
        let new = known
            .iter()
            .filter(|(server, since)| **server != self.me && now - **since < ttl);
        new.map(|(server, _)| *server).collect()
    }

    /// Does what was worked out.
    fn begin(&mut self, plan: &Plan, shared: &mut Shared) {
        for region in &plan.drop {
            self.holdings.running.remove(region);
            self.holdings.gifts.remove(region);
            self.drop_actor(*region, shared);
            self.recovery.is_in_doubt = true;
        }
        if !plan.drop.is_empty() {
            // Nobody here speaks for the characters that were in them.
            self.suspend(shared);
        }
        self.run(&plan.start, shared);
        if !plan.take.is_empty() && self.holdings.taking.is_empty() {
            let regions = plan.take.iter().map(|(region, _)| *region);
            self.holdings.taking = regions.collect();
            let take = Statement::Take(self.me, plan.take.clone());
            self.submit(take, Then::Taken, shared);
        }
        let room = GIFTS_MAX.saturating_sub(self.holdings.gifts.len());
        for gift in plan.give.iter().take(room) {
            self.holdings.gifts.insert(gift.region, *gift);
            let region = gift.region;
            match self.actors.get(&region).map(|actor| actor.run) {
                Some(run) if !shared.is(Mutant::GiveUndrained) => {
                    self.take(At { region, run }, Input::Drain, shared);
                }
                _ => self.give(*gift, shared),
            }
        }
    }

    fn run(&mut self, regions: &[(RegionId, u64)], shared: &mut Shared) {
        for (region, epoch) in regions {
            if !self.actors.contains_key(region) {
                self.holdings.running.insert(*region, *epoch);
                self.start_actor(*region, *epoch, shared);
                shared.started.push((self.node, *region));
            }
        }
        let begun = regions.iter().map(|(region, _)| *region).collect();
        self.adopt_in(begun, shared);
    }

    pub(super) fn taken(&mut self, answered: Answered, shared: &mut Shared) {
        let tried = std::mem::take(&mut self.holdings.taking);
        let tried_count = tried.len();
        self.holdings.outdated.extend(tried);
        let Ok(Response::Taken(regions)) = answered else {
            // The next look finds out.
            return;
        };
        for (region, epoch) in &regions {
            self.holdings.hold(*region, Some(self.me), *epoch);
        }
        if !self.standing.is_leaving {
            self.run(&regions, shared);
        }
        if !regions.is_empty() {
            shared.announce();
        }
        if regions.len() < tried_count {
            self.hasten(shared);
        }
    }

    /// A region runs here no more, since it has let go of everything.
    pub(super) fn drained(&mut self, region: RegionId, shared: &mut Shared) {
        self.holdings.running.remove(&region);
        if let Some(gift) = self.holdings.gifts.get(&region).copied() {
            self.give(gift, shared);
        }
        self.hasten(shared);
    }

    /// Names the next holder.
    fn give(&mut self, mut gift: Gift, shared: &mut Shared) {
        let stays = |to: &Incarnation| {
            let mut live = self.holdings.live.iter();
            live.any(|other| other.incarnation == *to && !other.is_leaving)
        };
        gift.to = gift.to.filter(stays);
        let give = Statement::Give(self.me, gift.to, vec![(gift.region, gift.epoch)]);
        self.submit(give, Then::Given(gift), shared);
    }

    pub(super) fn given(&mut self, gift: Gift, answered: Answered, shared: &mut Shared) {
        let region = gift.region;
        self.holdings.gifts.remove(&region);
        self.holdings.outdated.insert(region);
        if self.actors.contains_key(&region) {
            // Only the mutant gives what still runs.
            self.holdings.running.remove(&region);
            self.drop_actor(region, shared);
        }
        if let Ok(Response::Given(regions)) = answered
            && !regions.is_empty()
        {
            self.holdings.hold(region, gift.to, gift.epoch + 1);
            if let Some(to) = gift.to {
                self.tell_held(to, region, shared);
            }
            shared.announce();
        }
        self.hasten(shared);
        self.end_if_rid_of_all(shared);
    }

    /// It is told to stop: it says so, and gives everything away.
    pub(super) fn leave(&mut self, shared: &mut Shared) {
        shared.note(|| format!("{} is told to stop", self.standing.address));
        self.standing.is_leaving = true;
        self.heartbeat(shared);
        self.hasten(shared);
        self.later(DRAIN_TIMEOUT, Due::DrainTimeout, shared);
    }

    fn end_if_rid_of_all(&mut self, shared: &mut Shared) {
        let mut regions = self.holdings.regions.values();
        let is_rid = self.actors.is_empty()
            && self.holdings.taking.is_empty()
            && self.holdings.gifts.is_empty()
            && regions.all(|held| held.holder != Some(self.me));
        if self.standing.is_leaving && is_rid {
            self.end(shared);
        }
    }

    /// It ends, whatever it still has.
    pub(super) fn stop_all(&mut self, shared: &mut Shared) {
        for region in self.all_regions() {
            self.drop_actor(region, shared);
        }
        self.end(shared);
    }

    fn end(&mut self, shared: &mut Shared) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.submit(Statement::Remove(self.me), Then::Removed, shared);
        }
    }

    pub(super) fn removed(&mut self, shared: &mut Shared) {
        self.close_all(shared);
        shared.announce();
        shared.after(0, Event::Ended(self.node));
    }
}
