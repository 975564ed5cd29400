//! Which regions there are, who holds each, and which zone servers live: as this server has read it last, and what it does about it. The truth is
//! in SQL; what is read here is a hint for whoever has to send something somewhere.
//!
//! [`keeper`] does what is to be done, after each [`look`]; [`plan`] decides what that is; [`giving`] gives regions away.

mod giving;
pub(crate) mod keeper;
mod look;
pub mod plan;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arc_swap::ArcSwap;
use store::{directory::ZoneServer, entities::Incarnation};
use tokio::sync::{Notify, watch};
use world::region_id::RegionId;

use plan::{Gift, Holding};

/// What was read last. Reading it waits for nobody.
#[derive(Debug)]
pub(crate) struct Holdings {
    me: Incarnation,
    known: ArcSwap<Known>,
    changes: watch::Sender<u64>,
    hint: Notify,
}

/// What is known at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The zone servers that live.
    pub(crate) servers: Arc<[ZoneServer]>,
    /// Who holds each region, if anybody, and its epoch.
    pub(crate) regions: BTreeMap<RegionId, (Option<Incarnation>, u64)>,
}

impl Holdings {
    /// Nothing is known yet.
    pub(crate) fn new(me: Incarnation) -> Self {
        Self {
            me,
            known: ArcSwap::default(),
            changes: watch::Sender::default(),
            hint: Notify::new(),
        }
    }

    /// The living zone server that holds a region.
    pub(crate) fn holder(&self, region: RegionId) -> Option<ZoneServer> {
        let known = self.known.load();
        let (holder, _) = *known.regions.get(&region)?;
        let mut servers = known.servers.iter();
        servers
            .find(|server| Some(server.incarnation) == holder)
            .cloned()
    }

    /// Whether this server holds a region.
    pub(crate) fn is_mine(&self, region: RegionId) -> bool {
        let known = self.known.load();
        let held = known.regions.get(&region);
        held.is_some_and(|(holder, _)| *holder == Some(self.me))
    }

    /// The regions that this server holds, and their epochs.
    pub(crate) fn mine(&self) -> Vec<(RegionId, u64)> {
        let known = self.known.load();
        let mine = known.regions.iter();
        mine.filter(|(_, (holder, _))| *holder == Some(self.me))
            .map(|(region, (_, epoch))| (*region, *epoch))
            .collect()
    }

    /// The zone servers that live, this one among them.
    pub(crate) fn servers(&self) -> Arc<[ZoneServer]> {
        Arc::clone(&self.known.load().servers)
    }

    /// Changes whenever anything above does.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// There may be something new: it is looked at soon.
    pub(crate) fn look(&self) {
        self.hint.notify_one();
    }

    /// Notes what was read. Regions that have changed hands meanwhile stay as they were noted then.
    fn read(
        &self,
        servers: &[ZoneServer],
        holdings: &BTreeMap<RegionId, Holding>,
        outdated: &BTreeSet<RegionId>,
    ) {
        let known = self.known.load();
        let held = holdings.iter().map(|(region, held)| {
            let noted = known.regions.get(region);
            let noted = noted.filter(|_| outdated.contains(region));
            (*region, *noted.unwrap_or(&(held.holder, held.epoch)))
        });
        self.know(Known {
            servers: servers.into(),
            regions: held.collect(),
        });
    }

    /// Notes regions that this server has taken.
    fn taken(&self, regions: &[(RegionId, u64)]) {
        let regions = regions.iter();
        self.hold(regions.map(|(region, epoch)| (*region, (Some(self.me), *epoch))));
    }

    /// Notes regions that this server has given away.
    fn given(&self, gifts: &[Gift]) {
        let gifts = gifts.iter();
        self.hold(gifts.map(|gift| (gift.region, (gift.to, gift.epoch + 1))));
    }

    fn hold(&self, regions: impl Iterator<Item = (RegionId, (Option<Incarnation>, u64))>) {
        let mut known = Known::clone(&self.known.load());
        known.regions.extend(regions);
        self.know(known);
    }

    /// Notes what is known now.
    pub(crate) fn know(&self, known: Known) {
        if **self.known.load() != known {
            self.known.store(Arc::new(known));
            self.changes.send_modify(|count| *count += 1);
        }
    }
}
