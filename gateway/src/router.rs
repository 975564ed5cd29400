//! Which zone server holds a region, and the streams to all that are alive: kept up, and made again when they break. It does not know what is
//! said by them.

mod looking;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::RwLock;
use runtime::shutdown::Shutdown;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use world::region_id::RegionId;

use crate::{
    counters::Counters,
    grpc,
    holders::Holders,
    registry::{Registry, Way},
    replica::Replica,
    throttle::Throttle,
    zone_link::{self, Link, LinkId},
};
use looking::Looks;

/// How long after a stream has broken a new one is tried; doubled each time that it fails.
const BACK_OFF: Duration = Duration::from_millis(50);
/// The longest that it is doubled to: zone servers are expected back within three seconds.
const BACK_OFF_MAX: Duration = Duration::from_millis(800);

/// The streams that are up, and where they lead.
#[derive(Debug)]
pub(crate) struct Router {
    /// By address: a zone server that comes back at its old address is the same one to us.
    links: RwLock<BTreeMap<String, Link>>,
    holders: RwLock<Holders>,
    registry: Arc<Registry>,
    /// Counts streams that have come up or ended, and changes of holders.
    changes: watch::Sender<u64>,
    /// Somebody was not where we thought.
    doubts: Notify,
    looks: Looks,
}

/// What keeping streams needs.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    /// Our name for zone servers.
    pub(crate) gateway: String,
    /// Where news goes.
    pub(crate) replica: Arc<Replica>,
    /// For operators.
    pub(crate) counters: Arc<Counters>,
    /// When to end the streams.
    pub(crate) shutdown: Shutdown,
}

impl Router {
    /// Without streams.
    pub(crate) fn new() -> Self {
        Self {
            links: RwLock::default(),
            holders: RwLock::default(),
            registry: Arc::default(),
            changes: watch::Sender::new(0),
            doubts: Notify::new(),
            looks: Looks::default(),
        }
    }

    /// The stream to the zone server that holds a region; None: nobody holds it who can be reached now.
    pub(crate) fn holder(&self, region: RegionId) -> Option<Link> {
        self.way(region).map(|(_, link)| link)
    }

    /// The way to a region, and the stream of it; None: as for [`Self::holder`].
    pub(crate) fn way(&self, region: RegionId) -> Option<(Way, Link)> {
        let holders = self.holders.read();
        let link = self.links.read().get(holders.address(region)?)?.clone();
        let epoch = holders.epoch(region).unwrap_or(0);
        let way = Way {
            link: link.id(),
            epoch,
        };
        Some((way, link))
    }

    /// A stream that is up.
    pub(crate) fn link(&self, id: LinkId) -> Option<Link> {
        self.links
            .read()
            .values()
            .find(|link| link.id() == id)
            .cloned()
    }

    /// Who hears of what comes by the streams.
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Changes whenever a stream comes up or ends, or a region has another holder.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Somebody was not where we thought, so that who holds what is looked at soon.
    pub(crate) fn doubt(&self) {
        self.doubts.notify_one();
    }

    /// The last look at who holds what that has begun.
    pub(crate) fn last_look(&self) -> u64 {
        self.looks.begun()
    }

    /// Tells those who are concerned that a region is reached by another stream than before.
    fn changed(&self, counters: &Counters) {
        self.changes.send_modify(|count| *count += 1);
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        counters.links.set(self.links.read().len() as f64);
        self.review();
    }

    fn review(&self) {
        let way = |region| self.way(region).map(|(way, _)| way);
        self.registry.review(self.looks.finished(), way);
    }

    /// Starts keepers for those that are new, and lets go of those that are dead. A stream that works is kept, whatever the list says.
    fn follow(
        self: &Arc<Self>,
        live: &BTreeSet<String>,
        known: &mut BTreeMap<String, Shutdown>,
        keepers: &mut JoinSet<String>,
        keeping: &Keeping,
    ) {
        for address in live {
            if !known.contains_key(address) {
                let gone = Shutdown::default();
                known.insert(address.clone(), gone.clone());
                tracing::info!(address, "zone server found");
                keepers.spawn(Arc::clone(self).keep_one(address.clone(), gone, keeping.clone()));
            }
        }
        for (address, gone) in known {
            if !live.contains(address) && !self.links.read().contains_key(address) {
                gone.trigger();
            }
        }
    }

    /// Keeps the stream to one zone server, until it is gone or we stop.
    async fn keep_one(
        self: Arc<Self>,
        address: String,
        gone: Shutdown,
        keeping: Keeping,
    ) -> String {
        let mut back_off = BACK_OFF;
        let warnings = Throttle::default();
        while !gone.is_triggered() {
            match grpc::Stream::open(&address, &keeping.gateway).await {
                Ok(stream) => {
                    let began = Instant::now();
                    self.run(&address, stream, &keeping, &warnings).await;
                    // One that is cut at once comes from a zone server that wants none now.
                    if began.elapsed() >= BACK_OFF_MAX {
                        back_off = BACK_OFF;
                    }
                }
                Err(error) => tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    address,
                    "zone server cannot be reached"
                ),
            }
            tokio::select! {
                () = tokio::time::sleep(back_off) => back_off = (back_off * 2).min(BACK_OFF_MAX),
                () = gone.triggered() => {}
                () = keeping.shutdown.triggered() => return address,
            }
        }
        tracing::info!(address, "zone server is gone");
        address
    }

    async fn run(
        &self,
        address: &str,
        stream: grpc::Stream,
        keeping: &Keeping,
        warnings: &Throttle,
    ) {
        let (link, messages) = Link::new(address);
        self.links.write().insert(address.to_owned(), link.clone());
        self.changed(&keeping.counters);
        tracing::info!(address, link = link.id().0, "stream to zone server is up");
        let carrying = zone_link::run(
            stream,
            &link,
            messages,
            &keeping.replica,
            &self.registry,
            &keeping.shutdown,
        );
        let result = carrying.await;
        self.links.write().remove(address);
        link.end(&self.registry);
        self.changed(&keeping.counters);
        self.doubt();
        match result {
            _ if keeping.shutdown.is_triggered() => {}
            Ok(()) => tracing::info!(address, "stream was ended by the zone server"),
            Err(error) if warnings.is_due() => tracing::warn!(
                error = &error as &dyn std::error::Error,
                address,
                "stream to zone server broke"
            ),
            Err(error) => tracing::info!(
                error = &error as &dyn std::error::Error,
                address,
                "stream to zone server broke again"
            ),
        }
    }
}
