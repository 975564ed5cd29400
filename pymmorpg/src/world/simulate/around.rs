//! What a region sees of the rest: all regions of all maps are on one server, whose mailboxes are never full.

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use world::{
    region::{LinkId, Passage, Surroundings},
    region_id::RegionId,
    scheduler::Meter,
};

use super::gateway::LINK;

/// How many uthreads are resumed before there is another look whether they may.
const RESUMES_AT_ONCE: u64 = 64;

/// The surroundings during one input.
pub(super) struct Around<'s> {
    pub(super) whereabouts: &'s HashMap<String, RegionId>,
    pub(super) regions: &'s BTreeSet<RegionId>,
}

impl Surroundings for Around<'_> {
    fn whereabouts(&self, key: &str) -> Option<RegionId> {
        self.whereabouts.get(key).copied()
    }

    fn passage(&self, region: RegionId) -> Passage {
        match self.regions.contains(&region) {
            true => Passage::Open,
            // No map has it, so that nobody has it.
            false => Passage::Busy,
        }
    }

    fn is_linked(&self, link: LinkId) -> bool {
        link == LINK
    }

    fn is_seen_by(&self, link: LinkId) -> bool {
        link == LINK
    }

    fn meter(&self) -> Box<dyn Meter + '_> {
        Box::new(Unlimited(Instant::now()))
    }
}

/// A budget that is never spent, with a clock for who uses how much.
struct Unlimited(Instant);

impl Meter for Unlimited {
    fn grant(&mut self, _resumed: u64) -> u64 {
        RESUMES_AT_ONCE
    }

    fn now_ns(&mut self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
