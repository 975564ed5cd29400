//! What entities see over the borders of their regions: each region of this server keeps up who is in it, and of regions of others it is known who is in
//! them near ours. It decides nothing.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use world::{
    behaviours::Seen,
    position::Position,
    region::{Index, Neighbours},
    region_id::RegionId,
};

use crate::peers::SharedGhosts;

/// Who is in every region that can be seen from one of ours.
#[derive(Debug)]
pub(crate) struct Neighbourhood {
    regions: ArcSwap<BTreeMap<RegionId, Arc<Index>>>,
    ghosts: SharedGhosts,
}

impl Neighbourhood {
    pub(crate) fn new(ghosts: SharedGhosts) -> Self {
        Self {
            regions: ArcSwap::default(),
            ghosts,
        }
    }

    /// A region has begun.
    pub(crate) fn begin(&self, region: RegionId, index: &Arc<Index>) {
        self.regions.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            all.insert(region, Arc::clone(index));
            all
        });
    }

    /// That run of a region has ended.
    pub(crate) fn end(&self, region: RegionId, index: &Arc<Index>) {
        self.regions.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            if all.get(&region).is_some_and(|one| Arc::ptr_eq(one, index)) {
                all.remove(&region);
            }
            all
        });
    }
}

impl Neighbours for Neighbourhood {
    fn look(&self, here: RegionId, place: Position, radius: f64, cell_tiles: u32) -> Vec<Seen> {
        let regions = self.regions.load();
        let mut seen = Vec::new();
        for region in RegionId::in_view(place, radius, cell_tiles) {
            if region == here {
                continue;
            }
            match regions.get(&region) {
                Some(index) => seen.extend(index.look(place, radius)),
                None => self.ghosts.look(region, place, radius, &mut seen),
            }
        }
        seen
    }
}
