//! Which zone server holds a region, and the streams to all that are alive: kept up, and made again when they break. It does not know what is
//! said by them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use runtime::shutdown::Shutdown;
use store::{
    Store,
    announce::{Announcements, Topic},
};
use tokio::{sync::watch, task::JoinSet};
use world::region_id::RegionId;

use crate::{
    counters::Counters,
    grpc,
    replica::Replica,
    zone_link::{self, Link, LinkId},
};

/// How often the list of zone servers is read, besides when it is announced to have changed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long after a stream has broken a new one is tried; doubled each time that it fails.
const BACK_OFF: Duration = Duration::from_millis(50);
/// The longest that it is doubled to: zone servers are expected back within three seconds.
const BACK_OFF_MAX: Duration = Duration::from_millis(800);

/// The streams that are up.
#[derive(Debug)]
pub(crate) struct Router {
    /// By address: a zone server that comes back at its old address is the same one to us.
    links: RwLock<BTreeMap<String, Link>>,
    /// Counts streams that have come up or ended.
    changes: watch::Sender<u64>,
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
            changes: watch::Sender::new(0),
        }
    }

    /// The stream to the zone server that holds a region; None: it cannot be reached now. There is one zone server, which holds every region.
    pub(crate) fn holder(&self, _region: RegionId) -> Option<Link> {
        // Of two, while one is on its way out, the newer stream leads to the newer one.
        self.links
            .read()
            .values()
            .max_by_key(|link| link.id())
            .cloned()
    }

    /// A stream that is up.
    pub(crate) fn link(&self, id: LinkId) -> Option<Link> {
        self.links
            .read()
            .values()
            .find(|link| link.id() == id)
            .cloned()
    }

    /// Changes whenever a stream comes up or ends.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Keeps a stream to each zone server that is alive, until the shutdown.
    pub(crate) async fn keep(
        self: Arc<Self>,
        store: Store,
        announcements: Arc<dyn Announcements>,
        keeping: Keeping,
    ) -> anyhow::Result<()> {
        let mut announced = announcements.listen(Topic::Directory);
        let mut known: BTreeMap<String, Shutdown> = BTreeMap::new();
        let mut keepers: JoinSet<String> = JoinSet::new();
        while !keeping.shutdown.is_triggered() {
            match store.directory().live().await {
                Ok(live) => {
                    let live = live.into_iter().map(|server| server.address).collect();
                    self.follow(&live, &mut known, &mut keepers, &keeping);
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the list of zone servers cannot be read; keeping those that are known"
                ),
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                _ = announced.changed() => {}
                Some(ended) = keepers.join_next() => { known.remove(&ended?); }
                () = keeping.shutdown.triggered() => {}
            }
        }
        for gone in known.values() {
            gone.trigger();
        }
        while let Some(ended) = keepers.join_next().await {
            ended?;
        }
        Ok(())
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
        while !gone.is_triggered() {
            match grpc::Stream::open(&address, &keeping.gateway).await {
                Ok(stream) => {
                    back_off = BACK_OFF;
                    self.run(&address, stream, &keeping).await;
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

    async fn run(&self, address: &str, stream: grpc::Stream, keeping: &Keeping) {
        let (link, messages) = Link::new(address);
        self.links.write().insert(address.to_owned(), link.clone());
        self.changed(keeping);
        tracing::info!(address, link = link.id().0, "stream to zone server is up");
        let result =
            zone_link::run(stream, &link, messages, &keeping.replica, &keeping.shutdown).await;
        self.links.write().remove(address);
        self.changed(keeping);
        match result {
            _ if keeping.shutdown.is_triggered() => {}
            Ok(()) => tracing::info!(address, "stream was ended by the zone server"),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                address,
                "stream to zone server broke"
            ),
        }
    }

    fn changed(&self, keeping: &Keeping) {
        self.changes.send_modify(|count| *count += 1);
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        keeping.counters.links.set(self.links.read().len() as f64);
    }
}
