//! The regions' mailboxes: how anybody reaches a region of this server.

pub(crate) mod supervisor;

use std::collections::BTreeMap;

use arc_swap::ArcSwap;
use world::region_id::RegionId;

use crate::actor::{MAILBOX_MAX, Mailbox};

/// Every region that has a task. Read by all, written by the [`supervisor`].
#[derive(Debug, Default)]
pub(crate) struct Regions(ArcSwap<BTreeMap<RegionId, Entry>>);

#[derive(Debug, Clone)]
struct Entry {
    mailbox: Mailbox,
    is_draining: bool,
}

impl Regions {
    /// The way to a region. None: it is not here.
    pub(crate) fn mailbox(&self, region: RegionId) -> Option<Mailbox> {
        let all = self.0.load();
        all.get(&region).map(|entry| entry.mailbox.clone())
    }

    /// Whether a region is here, and takes in whoever comes. One that lets go of everybody, so that another server can have it, does not.
    pub(crate) fn is_open(&self, region: RegionId) -> bool {
        let all = self.0.load();
        all.get(&region).is_some_and(|entry| !entry.is_draining)
    }

    /// All regions that take in whoever comes.
    pub(crate) fn open(&self) -> Vec<RegionId> {
        let all = self.0.load();
        let open = all.iter().filter(|(_, entry)| !entry.is_draining);
        open.map(|(region, _)| *region).collect()
    }

    /// All of them, as they are now.
    pub(crate) fn all(&self) -> Vec<(RegionId, Mailbox)> {
        let all = self.0.load();
        all.iter()
            .map(|(region, entry)| (*region, entry.mailbox.clone()))
            .collect()
    }

    /// How many there are, and the most inputs that wait for one.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let all = self.0.load();
        let waiting = |entry: &Entry| MAILBOX_MAX - entry.mailbox.capacity();
        let depth_max = all.values().map(waiting).max().unwrap_or_default();
        (all.len(), depth_max)
    }

    fn add(&self, new: &[(RegionId, Mailbox)]) {
        let entry = |mailbox: &Mailbox| Entry {
            mailbox: mailbox.clone(),
            is_draining: false,
        };
        self.change(|all| {
            all.extend(
                new.iter()
                    .map(|(region, mailbox)| (*region, entry(mailbox))),
            )
        });
    }

    fn drain(&self, regions: &[RegionId]) {
        self.change(|all| {
            for region in regions {
                if let Some(entry) = all.get_mut(region) {
                    entry.is_draining = true;
                }
            }
        });
    }

    fn remove(&self, regions: &[RegionId]) {
        self.change(|all| {
            for region in regions {
                all.remove(region);
            }
        });
    }

    fn change(&self, change: impl Fn(&mut BTreeMap<RegionId, Entry>)) {
        self.0.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            change(&mut all);
            all
        });
    }
}
