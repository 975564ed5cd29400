//! Rows that other zone servers say to have released for regions of ours: whoever recovers rows claims them at once. It does not know how.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;
use world::region_id::RegionId;

/// How many wait. More are not noted: rows that nobody owns are looked for each second as well.
pub(crate) const ARRIVALS_MAX: usize = 4_096;

/// The [`world::name::key`]s of rows, and the regions that they are released for, in the order in which we were told.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    waiting: Mutex<VecDeque<(RegionId, String)>>,
    come: Notify,
}

impl Arrivals {
    /// A row was released for a region.
    pub(crate) fn add(&self, region: RegionId, key: String) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < ARRIVALS_MAX {
            waiting.push_back((region, key));
            self.come.notify_one();
        }
    }

    /// Waits until there are some, and takes them. For one task; it may be dropped and called again.
    pub(crate) async fn take(&self) -> VecDeque<(RegionId, String)> {
        loop {
            let taken = std::mem::take(&mut *self.waiting.lock());
            if !taken.is_empty() {
                return taken;
            }
            self.come.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_has_come_is_taken_in_order_and_never_too_much() {
        let arrivals = Arrivals::default();
        assert!(arrivals.take().now_or_never().is_none());
        let region: RegionId = "0:0:0".parse().unwrap();
        let names = || (0..).map(|number: usize| (region, number.to_string()));
        for (region, key) in names().take(ARRIVALS_MAX + 1) {
            arrivals.add(region, key);
        }
        let taken = arrivals.take().await;
        assert!(taken.into_iter().eq(names().take(ARRIVALS_MAX)));
        assert!(arrivals.take().now_or_never().is_none());
    }
}
