//! What a region sees of the rest of its server: `zone-server/src/actor/around.rs`.

use std::collections::BTreeMap;

use store::entities::Incarnation;
use world::{
    region::{LinkId, Passage, Surroundings},
    region_id::RegionId,
    scheduler::{Meter, Resumes},
};

use super::{actor::Actor, holdings::Holdings, links::Links};
use crate::yard::Yard;

/// The surroundings during one input.
pub(super) struct Around<'z> {
    pub(super) whereabouts: &'z BTreeMap<String, RegionId>,
    pub(super) actors: &'z BTreeMap<RegionId, Actor>,
    pub(super) links: &'z Links,
    pub(super) holdings: &'z Holdings,
    pub(super) me: Incarnation,
    /// Whether all mailboxes are full just now.
    pub(super) is_busy: bool,
}

impl Surroundings for Around<'_> {
    fn whereabouts(&self, key: &str) -> Option<RegionId> {
        self.whereabouts.get(key).copied()
    }

    fn passage(&self, region: RegionId) -> Passage {
        match self.actors.get(&region) {
            // It is about to run here, or no map has it, so that nobody has it.
            None if self.holdings.is_mine(self.me, region) => Passage::Busy,
            None if !Yard::regions().any(|known| known == region) => Passage::Busy,
            None => Passage::Away,
            Some(actor) if self.is_busy || actor.is_draining() => Passage::Busy,
            Some(_) => Passage::Open,
        }
    }

    fn is_linked(&self, link: LinkId) -> bool {
        self.links.is_linked(link)
    }

    fn is_seen_by(&self, link: LinkId) -> bool {
        self.links.is_linked(link)
    }

    fn meter(&self) -> Box<dyn Meter + '_> {
        Box::new(Resumes(u64::MAX))
    }
}
