//! The regions' mailboxes: how anybody reaches a region of this server.

pub(crate) mod supervisor;

use std::collections::BTreeMap;

use arc_swap::ArcSwap;
use world::region_id::RegionId;

use crate::actor::{MAILBOX_MAX, Mailbox};

/// Every region that has a task. Read by all, written by the [`supervisor`].
#[derive(Debug, Default)]
pub(crate) struct Regions(ArcSwap<BTreeMap<RegionId, Mailbox>>);

impl Regions {
    /// The way to a region. None: it is not here.
    pub(crate) fn mailbox(&self, region: RegionId) -> Option<Mailbox> {
        self.0.load().get(&region).cloned()
    }

    /// All of them, as they are now.
    pub(crate) fn all(&self) -> Vec<(RegionId, Mailbox)> {
        let all = self.0.load();
        all.iter()
            .map(|(region, mailbox)| (*region, mailbox.clone()))
            .collect()
    }

    /// How many there are, and the most inputs that wait for one.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let all = self.0.load();
        let waiting = |mailbox: &Mailbox| MAILBOX_MAX - mailbox.capacity();
        let depth_max = all.values().map(waiting).max().unwrap_or_default();
        (all.len(), depth_max)
    }

    fn add(&self, new: &[(RegionId, Mailbox)]) {
        self.0.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            all.extend(new.iter().cloned());
            all
        });
    }

    fn remove(&self, region: RegionId) {
        self.0.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            all.remove(&region);
            all
        });
    }
}
