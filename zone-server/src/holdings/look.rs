//! When the regions and the zone servers are looked at, and what is read then. What is made of it is [`super::keeper`]'s business.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use store::directory::ZoneServer;
use tokio::time::Instant;
use world::region_id::RegionId;

use super::plan::Holding;
use crate::{server::Server, trust::Term};

/// How often regions are looked at, give or take [`JITTER`] (DESIGN, "Regions").
const INTERVAL: Duration = Duration::from_millis(250);
/// By how much the time between two looks varies, so that servers that have begun together do not look together for ever.
const JITTER: Duration = Duration::from_millis(50);
/// How long after a look the next one begins at the earliest, however many hints there are.
const SPACING: Duration = Duration::from_millis(20);
/// How long to wait after a look that has failed; each time twice as long, up to [`BACKOFF_MAX`].
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// When and how regions are looked at.
pub(super) struct Look {
    pub(super) under_way: Option<BoxFuture<'static, Result<Looked, store::Error>>>,
    /// When the last one began.
    pub(super) began: Instant,
    /// When the next one begins.
    pub(super) next: Instant,
    /// How many have succeeded.
    pub(super) count: u64,
    /// Whether there was a hint since the last one began.
    is_hinted: bool,
    /// Regions that changed hands since the last one began, by our doing: what it says of them may be outdated.
    pub(super) outdated: BTreeSet<RegionId>,
    /// How long to wait after a failure; zero after a success.
    backoff: Duration,
}

/// What a look has read.
pub(super) struct Looked {
    /// None: our heartbeats did not count.
    pub(super) term: Option<Term>,
    /// Who lives.
    pub(super) servers: Vec<ZoneServer>,
    /// Who holds what.
    pub(super) holdings: BTreeMap<RegionId, Holding>,
}

impl Look {
    /// The first one is due.
    pub(super) fn new() -> Self {
        Self {
            under_way: None,
            began: Instant::now(),
            next: Instant::now(),
            count: 0,
            is_hinted: false,
            outdated: BTreeSet::new(),
            backoff: Duration::ZERO,
        }
    }

    /// Begins one.
    pub(super) fn begin(&mut self, server: &Arc<Server>) {
        self.began = Instant::now();
        self.is_hinted = false;
        self.outdated.clear();
        self.under_way = Some(read(Arc::clone(server)).boxed());
    }

    /// What a look has seen that is under way now does not count, and the next one is due.
    pub(super) fn restart(&mut self) {
        self.under_way = None;
        self.next = Instant::now();
    }

    /// There may be something new.
    pub(super) fn hasten(&mut self) {
        self.is_hinted = true;
        if self.backoff.is_zero() {
            self.next = self.next.min(self.began + SPACING);
        }
    }

    /// It has been read.
    pub(super) fn succeeded(&mut self) {
        if !self.backoff.is_zero() {
            tracing::info!("who holds which region is known again");
        }
        self.count += 1;
        self.backoff = Duration::ZERO;
        let jitter = rand::random_range(Duration::ZERO..JITTER * 2);
        self.next = self.began + INTERVAL - JITTER + jitter;
        if self.is_hinted {
            self.hasten();
        }
    }

    /// It could not be read.
    pub(super) fn failed(&mut self, error: &store::Error) {
        if self.backoff.is_zero() {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "who holds which region cannot be read; what we hold stays as it is"
            );
        }
        self.backoff = (self.backoff * 2).clamp(INTERVAL, BACKOFF_MAX);
        self.next = Instant::now() + self.backoff;
    }
}

/// Reads who holds what, and then who lives: a holder that has come meanwhile is not taken for dead.
pub(super) async fn read(server: Arc<Server>) -> Result<Looked, store::Error> {
    let term = server.trust.term();
    let holdings = server.store.regions().all().await?;
    let servers = server.store.directory().live().await?;
    let holdings = holdings.into_iter().map(|held| {
        let (holder, epoch) = (held.holder, held.epoch);
        (held.region, Holding { holder, epoch })
    });
    Ok(Looked {
        term,
        servers,
        holdings: holdings.collect(),
    })
}
