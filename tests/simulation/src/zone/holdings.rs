//! Which regions run here: `zone-server/src/holdings/` around its own `plan`. What is read, taken and given takes its time; what is decided is the
//! product's.

use std::collections::{BTreeMap, BTreeSet};

use store::{directory::ZoneServer, entities::Incarnation};
use world::{region::Input, region_id::RegionId};
use zone_server::holdings::plan::{Found, Gift, Holding, Plan, plan};

use super::{At, Due, Then, Zone, trust::Term};
use crate::{
    mutant::Mutant,
    schedule::{MILLI, Micros},
    shared::{Event, Shared},
    statement::{Answered, Response, Statement},
    yard::Yard,
};

/// How often it is looked who holds what.
pub(super) const INTERVAL: Micros = 250 * MILLI;
/// How many regions are given at a time.
const GIFTS_MAX: usize = 16;

/// What was read last, and what is under way.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    live: Vec<ZoneServer>,
    regions: BTreeMap<RegionId, Holding>,
    /// The regions that run here, and their epochs.
    running: BTreeMap<RegionId, u64>,
    /// Regions that are taken or given just now.
    changing: BTreeSet<RegionId>,
    /// Regions that were, while a look was under way.
    changed: BTreeSet<RegionId>,
    /// Regions that drain, to be given away.
    gifts: BTreeMap<RegionId, Gift>,
    is_looking: bool,
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
}

impl Zone {
    /// Whether a region is not on this server.
    pub(super) fn is_away(&self, region: RegionId) -> bool {
        !self.actors.contains_key(&region)
    }

    pub(super) fn look(&mut self, shared: &mut Shared) {
        if self.has_ended {
            return;
        }
        if std::mem::replace(&mut self.holdings.is_looking, true) {
            return;
        }
        let now = shared.now();
        let term = self.trust.term(now);
        self.holdings.changed = self.holdings.changing.clone();
        self.submit(Statement::Look, Then::Looked(term), shared);
    }

    pub(super) fn looked(&mut self, term: Option<Term>, answered: Answered, shared: &mut Shared) {
        self.holdings.is_looking = false;
        let Ok(Response::Looked(live, regions)) = answered else {
            return;
        };
        self.holdings.live = live;
        self.holdings.regions = regions
            .into_iter()
            .map(|held| {
                let holding = Holding {
                    holder: held.holder,
                    epoch: held.epoch,
                };
                (held.region, holding)
            })
            .collect();
        let plan = self.work_out(shared);
        for region in &plan.drop {
            self.holdings.running.remove(region);
            self.holdings.gifts.remove(region);
            self.drop_actor(*region, shared);
            self.recovery.is_in_doubt = true;
        }
        let now = shared.now();
        if let Some(term) = term
            && self.trust.open(term, now)
        {
            self.begin(&plan, shared);
        }
    }

    fn work_out(&mut self, shared: &Shared) -> Plan {
        let now = shared.now();
        let terrain: BTreeSet<RegionId> = Yard::regions().collect();
        plan(&Found {
            me: &self.standing,
            is_acknowledged: self.trust.term(now).is_some(),
            may_judge: self.trust.may_judge(now),
            live: &self.holdings.live,
            terrain: &terrain,
            holdings: &self.holdings.regions,
            running: &self.holdings.running,
            changing: &(&self.holdings.changing | &self.holdings.changed),
        })
    }

    /// Does what was worked out.
    fn begin(&mut self, plan: &Plan, shared: &mut Shared) {
        for (region, epoch) in &plan.start {
            self.run(*region, *epoch, shared);
        }
        if !plan.take.is_empty() {
            let regions = plan.take.iter().map(|(region, _)| *region);
            self.holdings.changing.extend(regions);
            let take = Statement::Take(self.me, plan.take.clone());
            self.submit(take, Then::Taken, shared);
        }
        let room = GIFTS_MAX.saturating_sub(self.holdings.gifts.len());
        for gift in plan.give.iter().take(room) {
            self.holdings.changing.insert(gift.region);
            self.holdings.gifts.insert(gift.region, *gift);
            let run = self.actors.get(&gift.region).map(|actor| actor.run);
            match run {
                Some(run) if !shared.is(Mutant::GiveUndrained) => {
                    let at = At {
                        region: gift.region,
                        run,
                    };
                    self.take(at, Input::Drain, shared);
                }
                _ => self.drained(gift.region, shared),
            }
        }
        self.end_if_empty(shared);
    }

    fn run(&mut self, region: RegionId, epoch: u64, shared: &mut Shared) {
        if self.actors.contains_key(&region) {
            return;
        }
        self.holdings.running.insert(region, epoch);
        self.start_actor(region, epoch, shared);
        shared.started.push((self.node, region));
        self.later(MILLI, Due::Rows, shared);
    }

    pub(super) fn taken(&mut self, answered: Answered, shared: &mut Shared) {
        // What is not known to be taken is read again.
        self.holdings.changing = self.holdings.gifts.keys().copied().collect();
        if let Ok(Response::Taken(regions)) = answered {
            for (region, epoch) in regions {
                let holding = Holding {
                    holder: Some(self.me),
                    epoch,
                };
                self.holdings.regions.insert(region, holding);
                self.run(region, epoch, shared);
            }
        }
        shared.announce();
    }

    /// A region runs here no more, since it has let go of everything.
    pub(super) fn drained(&mut self, region: RegionId, shared: &mut Shared) {
        self.holdings.running.remove(&region);
        if let Some(gift) = self.holdings.gifts.get(&region).copied() {
            let regions = vec![(region, gift.epoch)];
            let give = Statement::Give(self.me, gift.to, regions.clone());
            self.submit(give, Then::Given(gift.to, regions), shared);
        }
    }

    pub(super) fn given(
        &mut self,
        to: Option<Incarnation>,
        regions: &[(RegionId, u64)],
        answered: Answered,
        shared: &mut Shared,
    ) {
        for (region, epoch) in regions {
            self.holdings.gifts.remove(region);
            self.holdings.changing.remove(region);
            self.holdings.running.remove(region);
            if self.actors.contains_key(region) {
                self.drop_actor(*region, shared);
            }
            if answered.is_ok() {
                let holding = Holding {
                    holder: to,
                    epoch: epoch + 1,
                };
                self.holdings.regions.insert(*region, holding);
                if let Some(to) = to {
                    self.tell_held(to, *region, shared);
                }
            }
        }
        shared.announce();
        self.later(0, Due::LookSoon, shared);
    }

    /// A server that leaves and has nothing any more ends.
    fn end_if_empty(&mut self, shared: &mut Shared) {
        let mut holders = self.holdings.regions.values().map(|held| held.holder);
        let has_none = self.actors.is_empty() && holders.all(|holder| holder != Some(self.me));
        if self.standing.is_leaving && has_none && !self.has_ended {
            self.has_ended = true;
            self.submit(Statement::Remove(self.me), Then::Removed, shared);
        }
    }

    pub(super) fn removed(&mut self, shared: &mut Shared) {
        self.close_all(shared);
        shared.announce();
        shared.after(0, Event::Ended(self.node));
    }
}
