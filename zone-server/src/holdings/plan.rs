//! What one look at the regions and the zone servers comes to: what this server takes, begins, gives away and drops. A pure function of what was
//! read; it does not know how any of it is done.

use std::collections::{BTreeMap, BTreeSet};

use store::{directory::ZoneServer, entities::Incarnation};
use world::{
    placement::{self, Candidate},
    region_id::RegionId,
};

/// Who holds a region, if anybody, and how often it changed hands: 0 for one that nobody ever held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The zone server that holds it, alive or not.
    pub holder: Option<Incarnation>,
    /// Its epoch.
    pub epoch: u64,
}

/// What a look has found, and what this server does at the time.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// This server. If it is leaving, it gives everything away and takes nothing.
    pub me: &'a ZoneServer,
    /// Whether its heartbeats count. Who does not count as alive takes nothing, since it would be taken from him again, and gives nothing, since he
    /// does not know who else lives.
    pub is_acknowledged: bool,
    /// Whether it may judge others by their heartbeats: all of its own were acknowledged for a full time to live.
    pub may_judge: bool,
    /// The zone servers that live by the database's clock.
    pub live: &'a [ZoneServer],
    /// Those of the living whom this server has not known for a full time to live yet: they may not judge anybody dead. Of a dead server's regions
    /// nobody waits for them; they are given theirs later.
    pub newcomers: &'a BTreeSet<Incarnation>,
    /// The regions that the content has.
    pub terrain: &'a BTreeSet<RegionId>,
    /// All regions that were ever held.
    pub holdings: &'a BTreeMap<RegionId, Holding>,
    /// The regions that run on this server, and the epochs under which they began.
    pub running: &'a BTreeMap<RegionId, u64>,
    /// Regions that this server takes or gives just now, or did while it looked: what was read of them may be outdated.
    pub changing: &'a BTreeSet<RegionId>,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Regions that run here and are not held under that epoch any more: they are forgotten, and nothing of them is written.
    pub drop: Vec<RegionId>,
    /// Regions that are held and do not run, and their epochs.
    pub start: Vec<(RegionId, u64)>,
    /// Regions to be taken, and the epochs that were seen.
    pub take: Vec<(RegionId, u64)>,
    /// Regions to be given away, those first that nobody simulates.
    pub give: Vec<Gift>,
}

/// A region that is to be given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gift {
    /// Which one.
    pub region: RegionId,
    /// The epoch under which this server holds it.
    pub epoch: u64,
    /// To whom; None: to whoever wants it.
    pub to: Option<Incarnation>,
}

/// Works out what is to be done.
#[must_use]
pub fn plan(found: &Found<'_>) -> Plan {
    let candidates = candidates(found);
    let mut plan = Plan::default();
    for (region, epoch) in found.running {
        let held = found.holdings.get(region);
        let is_ours = held.is_some_and(|held| is_held_under(held, found.me.incarnation, *epoch));
        // A region that still runs was given to nobody by us: whoever has a later epoch has taken it, for instance while we were being given up for dead
        // and it was letting go of everybody.
        let is_taken = held.is_some_and(|held| held.epoch > *epoch);
        if is_taken || !is_ours && !found.changing.contains(region) {
            plan.drop.push(*region);
        }
    }
    for (region, held) in found.holdings {
        let is_mine = held.holder == Some(found.me.incarnation);
        if is_mine && !found.changing.contains(region) {
            plan.keep_or_give(*region, held.epoch, found, &candidates);
        }
    }
    if !found.me.is_leaving {
        plan.take = takes(found, &candidates);
    }
    if !found.is_acknowledged {
        (plan.take, plan.give) = (Vec::new(), Vec::new());
    }
    plan.give
        .sort_by_key(|gift| found.running.contains_key(&gift.region));
    plan
}

/// Who could hold regions: whoever lives and is not leaving. This server lives, even if the database has just lost sight of it.
fn candidates(found: &Found<'_>) -> Vec<Candidate> {
    let others = found
        .live
        .iter()
        .filter(|server| server.incarnation != found.me.incarnation);
    others
        .chain([found.me])
        .filter(|server| !server.is_leaving)
        .map(|server| Candidate {
            incarnation: server.incarnation.0,
            address: server.address.clone(),
        })
        .collect()
}

impl Plan {
    /// A region that this server holds.
    fn keep_or_give(
        &mut self,
        region: RegionId,
        epoch: u64,
        found: &Found<'_>,
        candidates: &[Candidate],
    ) {
        let running = found.running.get(&region);
        let (is_leaving, is_in_terrain) = (found.me.is_leaving, found.terrain.contains(&region));
        if !is_in_terrain && !is_leaving && running.is_some() {
            // It ends by itself when everybody has gone to where a map is.
            return;
        }
        let winner = placement::holder(region, candidates)
            .map(|winner| Incarnation(winner.incarnation))
            .filter(|_| is_in_terrain);
        if winner != Some(found.me.incarnation) {
            if running.is_none_or(|running| *running == epoch) {
                let to = winner;
                self.give.push(Gift { region, epoch, to });
            }
        } else if running.is_none() {
            self.start.push((region, epoch));
        }
    }
}

/// The regions that nobody living holds and that are this server's to take.
fn takes(found: &Found<'_>, candidates: &[Candidate]) -> Vec<(RegionId, u64)> {
    let living: BTreeSet<Incarnation> =
        found.live.iter().map(|server| server.incarnation).collect();
    let is_free = |held: &Holding| {
        held.holder.is_none_or(|holder| {
            found.may_judge && holder != found.me.incarnation && !living.contains(&holder)
        })
    };
    let judges: Vec<Candidate> = candidates
        .iter()
        .filter(|server| !found.newcomers.contains(&Incarnation(server.incarnation)))
        .cloned()
        .collect();
    let never_held = Holding {
        holder: None,
        epoch: 0,
    };
    found
        .terrain
        .iter()
        .filter(|region| !found.changing.contains(region))
        .map(|region| (*region, *found.holdings.get(region).unwrap_or(&never_held)))
        .filter(|(_, held)| is_free(held))
        .filter(|(region, held)| {
            let candidates = if held.holder.is_some() {
                &judges
            } else {
                candidates
            };
            placement::holder(*region, candidates)
                .is_some_and(|winner| winner.incarnation == found.me.incarnation.0)
        })
        .map(|(region, held)| (region, held.epoch))
        .collect()
}

fn is_held_under(held: &Holding, me: Incarnation, epoch: u64) -> bool {
    held.holder == Some(me) && held.epoch == epoch
}

#[cfg(test)]
mod tests;
