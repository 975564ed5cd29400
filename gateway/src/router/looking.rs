//! Looking at who holds what: at times, when it is announced to have changed, and soon when somebody was not where we thought.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use runtime::shutdown::Shutdown;
use store::{
    Store,
    announce::{Announcements, Topic},
};
use tokio::task::JoinSet;

use super::{Keeping, Router};
use crate::throttle::Throttle;

/// How often is looked at the latest.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest time from the beginning of a look to the next one. While many regions change hands at once, there is something new all the time.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(50);
/// Of the time, looking takes at most one part in so many, however many regions there are.
const LOOK_SHARE: u32 = 4;

/// Counts looks.
#[derive(Debug, Default)]
pub(super) struct Looks {
    begun: AtomicU64,
    finished: AtomicU64,
}

impl Looks {
    /// The last that has begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// The last that has found something out.
    pub(super) fn finished(&self) -> u64 {
        self.finished.load(Ordering::SeqCst)
    }
}

impl Router {
    /// Keeps a stream to each zone server that is alive, and looks at who holds what, until the shutdown.
    pub(crate) async fn keep(
        self: Arc<Self>,
        store: Store,
        announcements: Arc<dyn Announcements>,
        keeping: Keeping,
    ) -> anyhow::Result<()> {
        let mut announced = announcements.listen(Topic::Directory);
        let mut known: BTreeMap<String, Shutdown> = BTreeMap::new();
        let mut keepers: JoinSet<String> = JoinSet::new();
        let warnings = Throttle::default();
        while !keeping.shutdown.is_triggered() {
            let began = Instant::now();
            let rest = match self.look(&store, &keeping).await {
                Ok(live) => {
                    self.follow(&live, &mut known, &mut keepers, &keeping);
                    LOOK_INTERVAL_MIN.max(began.elapsed() * LOOK_SHARE)
                }
                Err(error) => {
                    if warnings.is_due() {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the list of zone servers cannot be read; keeping those that are known"
                        );
                    }
                    POLL_INTERVAL
                }
            };
            let soon = async {
                tokio::select! {
                    _ = announced.changed() => {}
                    () = self.doubts.notified() => {}
                }
                tokio::time::sleep_until((began + rest).into()).await;
            };
            tokio::select! {
                () = soon => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
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

    /// Takes in who holds what, and says where zone servers are that are alive.
    async fn look(
        &self,
        store: &Store,
        keeping: &Keeping,
    ) -> Result<BTreeSet<String>, store::Error> {
        let number = self.looks.begun.fetch_add(1, Ordering::SeqCst) + 1;
        // In this order: whoever holds a region by the first list is on the second one, if he is alive.
        let holdings = store.regions().all().await?;
        let live = store.directory().live().await?;
        let is_new = self.holders.write().learn(&holdings, &live);
        self.looks.finished.store(number, Ordering::SeqCst);
        if is_new {
            self.changed(&keeping.counters);
        } else {
            self.review();
        }
        Ok(live.into_iter().map(|server| server.address).collect())
    }
}
