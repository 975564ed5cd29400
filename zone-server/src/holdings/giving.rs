//! Giving regions away: a region lets go of everybody, then its row names the next holder, then that one is told. It does not know which regions are given
//! to whom.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use futures::{FutureExt, future::BoxFuture};
use store::{announce::Topic, entities::Incarnation};
use world::region_id::RegionId;

use super::plan::Gift;
use crate::{count, regions::supervisor::Supervisor, server::Server};

/// How many regions are on their way at once. More wait and are served meanwhile: whoever plays there is held up for one turn, and not for all of them.
pub(crate) const GIFTS_MAX: usize = 16;

/// Regions that are being given away.
pub(crate) struct Giving {
    server: Arc<Server>,
    /// Those that are to be given when there is room, as the last look has said.
    waiting: VecDeque<Gift>,
    /// Those that still let go of somebody.
    draining: BTreeMap<RegionId, Gift>,
    /// Those that nobody is in any more.
    drained: Vec<Gift>,
    /// Those whose rows are being written.
    writing: Option<(BTreeSet<RegionId>, BoxFuture<'static, Given>)>,
}

/// What became of some gifts.
#[derive(Debug)]
pub(crate) struct Given {
    /// All that were to be given.
    pub(crate) tried: BTreeSet<RegionId>,
    /// Those that were.
    pub(crate) given: Vec<Gift>,
}

impl Giving {
    /// Nothing is given away.
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self {
            server,
            waiting: VecDeque::new(),
            draining: BTreeMap::new(),
            drained: Vec::new(),
            writing: None,
        }
    }

    /// All that are on their way. Those that wait are as any other that is held.
    pub(crate) fn regions(&self) -> BTreeSet<RegionId> {
        let draining = self.draining.keys().copied();
        let drained = self.drained.iter().map(|gift| gift.region);
        let written = self
            .writing
            .iter()
            .flat_map(|(regions, _)| regions)
            .copied();
        draining.chain(drained).chain(written).collect()
    }

    /// Whether none is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.draining.is_empty()
            && self.drained.is_empty()
            && self.writing.is_none()
    }

    /// From now on these are to be given, and no others.
    pub(crate) fn set(&mut self, gifts: Vec<Gift>, supervisor: &mut Supervisor) {
        self.waiting = gifts.into();
        self.go_on(supervisor);
    }

    /// Begins with as many as may be on their way.
    pub(crate) fn go_on(&mut self, supervisor: &mut Supervisor) {
        let under_way = self.draining.len() + self.drained.len();
        let written = self
            .writing
            .as_ref()
            .map_or(0, |(regions, _)| regions.len());
        let room = GIFTS_MAX.saturating_sub(under_way + written);
        let mut regions = Vec::new();
        for gift in self.waiting.drain(..room.min(self.waiting.len())) {
            if supervisor.runs(gift.region) {
                self.draining.insert(gift.region, gift);
                regions.push(gift.region);
            } else {
                self.drained.push(gift);
            }
        }
        supervisor.drain(&regions);
    }

    /// The tasks of regions have ended; whether all of them were being given away.
    pub(crate) fn drained(&mut self, regions: &[RegionId]) -> bool {
        let before = self.drained.len();
        for region in regions {
            self.drained.extend(self.draining.remove(region));
        }
        self.drained.len() - before == regions.len()
    }

    /// Waits until some have been given, or not, or for ever. It may be dropped and called again.
    pub(crate) async fn next(&mut self) -> Given {
        if self.writing.is_none() && !self.drained.is_empty() {
            let gifts = std::mem::take(&mut self.drained);
            let regions = gifts.iter().map(|gift| gift.region).collect();
            let write = write(Arc::clone(&self.server), gifts).boxed();
            self.writing = Some((regions, write));
        }
        let Some((_, write)) = &mut self.writing else {
            return std::future::pending().await;
        };
        let given = write.await;
        self.writing = None;
        given
    }
}

/// Names the next holders. Where the outcome is unknown, the next look finds out.
async fn write(server: Arc<Server>, gifts: Vec<Gift>) -> Given {
    let tried = gifts.iter().map(|gift| gift.region).collect();
    let mut by_receiver = BTreeMap::<Option<Incarnation>, Vec<Gift>>::new();
    for mut gift in gifts {
        gift.to = gift.to.filter(|to| stays(&server, *to));
        by_receiver.entry(gift.to).or_default().push(gift);
    }
    let mut given = Vec::new();
    for (to, gifts) in by_receiver {
        let regions = gifts.iter().map(|gift| (gift.region, gift.epoch)).collect();
        match server.store.regions().give(server.me, to, regions).await {
            Ok(regions) => {
                let regions: BTreeSet<RegionId> = regions.into_iter().collect();
                given.extend(
                    gifts
                        .into_iter()
                        .filter(|gift| regions.contains(&gift.region)),
                );
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                region_count = gifts.len(),
                "whether regions were given away is unknown"
            ),
        }
    }
    if !given.is_empty() {
        count::given(given.len());
        server.announcements.announce(Topic::Directory);
    }
    for Gift { region, epoch, to } in &given {
        if let Some(to) = to {
            server.peers.held(*to, *region, epoch + 1);
        }
    }
    Given { tried, given }
}

/// Whether a zone server is there to be given something, as far as is known. If it is not, the region is for whoever wants it.
fn stays(server: &Server, to: Incarnation) -> bool {
    let servers = server.holdings.servers();
    servers
        .iter()
        .any(|other| other.incarnation == to && !other.is_leaving)
}
