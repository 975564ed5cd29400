//! Which regions this gateway listens to: those that somebody needs, and for some seconds those that somebody needed. What is to be said to
//! whom is worked out from that again and again, so that nothing has to be remembered when a zone server goes and another comes. Pure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use world::region_id::RegionId;

use crate::zone_link::LinkId;

/// How long a region is still listened to when nobody needs it: a border can be danced on, and a warp come back through, for free.
pub(crate) const LINGER: Duration = Duration::from_secs(5);
/// A subscription that nothing came of is repeated: the zone server may not have had the region yet.
const REPEAT: Duration = Duration::from_secs(1);

/// The regions and who needs them.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    regions: HashMap<RegionId, Need>,
}

#[derive(Debug, Default)]
struct Need {
    /// How many players.
    count: usize,
    /// Since when none.
    idle_since: Option<Instant>,
    /// The stream that was told last, and when.
    asked: Option<(LinkId, Instant)>,
}

/// Something to be said to a zone server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Tell us of this region.
    Subscribe(LinkId, RegionId),
    /// Do not tell us of it any more.
    Unsubscribe(LinkId, RegionId),
    /// Nobody was ever told; only forget it.
    Forget(RegionId),
}

impl Interest {
    /// One more player needs a region. Whether it is a new one.
    pub(crate) fn need(&mut self, region: RegionId) -> bool {
        let mut is_new = false;
        let need = self.regions.entry(region).or_insert_with(|| {
            is_new = true;
            Need::default()
        });
        need.count += 1;
        need.idle_since = None;
        is_new
    }

    /// One player less needs it.
    pub(crate) fn release(&mut self, region: RegionId, now: Instant) {
        if let Some(need) = self.regions.get_mut(&region) {
            need.count = need.count.saturating_sub(1);
            if need.count == 0 {
                need.idle_since = Some(now);
            }
        }
    }

    /// What is to be said now. `holder` is the stream to the zone server that holds a region; `has` says whether everything in it is known.
    pub(crate) fn orders(
        &mut self,
        now: Instant,
        holder: impl Fn(RegionId) -> Option<LinkId>,
        has: impl Fn(RegionId) -> bool,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        self.regions.retain(|region, need| {
            if need.idle_since.is_some_and(|since| since + LINGER <= now) {
                orders.push(match need.asked {
                    Some((link, _)) => Order::Unsubscribe(link, *region),
                    None => Order::Forget(*region),
                });
                return false;
            }
            let Some(link) = holder(*region) else {
                return true;
            };
            let is_asked = need
                .asked
                .is_some_and(|(asked, at)| asked == link && (has(*region) || at + REPEAT > now));
            if !is_asked {
                need.asked = Some((link, now));
                orders.push(Order::Subscribe(link, *region));
            }
            true
        });
        orders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: RegionId = RegionId {
        level: 0,
        column: 3,
        row: 4,
    };

    #[test]
    fn a_region_is_subscribed_once_and_lingers() {
        let mut interest = Interest::default();
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let link = |_| Some(LinkId(1));
        assert!(interest.need(REGION));
        assert_eq!(
            interest.orders(start, |_| None, |_| false),
            [],
            "nobody holds it yet"
        );
        assert_eq!(
            interest.orders(start, link, |_| false),
            [Order::Subscribe(LinkId(1), REGION)]
        );
        assert!(!interest.need(REGION));
        assert_eq!(interest.orders(after(10), link, |_| false), []);
        interest.release(REGION, after(20));
        assert_eq!(interest.orders(after(20_000), link, |_| true), []);
        interest.release(REGION, after(20_000));
        assert_eq!(interest.orders(after(24_999), link, |_| true), []);
        assert_eq!(
            interest.orders(after(25_000), link, |_| true),
            [Order::Unsubscribe(LinkId(1), REGION)]
        );
        assert_eq!(interest.orders(after(30_000), link, |_| true), []);
    }

    #[test]
    fn who_comes_back_in_time_finds_it() {
        let mut interest = Interest::default();
        let start = Instant::now();
        let link = |_| Some(LinkId(1));
        interest.need(REGION);
        interest.orders(start, link, |_| true);
        interest.release(REGION, start);
        assert!(!interest.need(REGION));
        assert_eq!(interest.orders(start + LINGER * 2, link, |_| true), []);
    }

    #[test]
    fn another_stream_and_silence_are_asked_again() {
        let mut interest = Interest::default();
        let start = Instant::now();
        interest.need(REGION);
        let first = interest.orders(start, |_| Some(LinkId(1)), |_| false);
        assert_eq!(first, [Order::Subscribe(LinkId(1), REGION)]);
        let again = interest.orders(start + REPEAT, |_| Some(LinkId(1)), |_| false);
        assert_eq!(again, [Order::Subscribe(LinkId(1), REGION)]);
        let other = interest.orders(start + REPEAT, |_| Some(LinkId(2)), |_| true);
        assert_eq!(other, [Order::Subscribe(LinkId(2), REGION)]);
    }
}
