//! Which regions this gateway listens to: those that somebody needs, and for some seconds those that somebody needed. What is to be said to
//! whom is worked out from that again and again, so that nothing has to be remembered when a zone server goes and another comes. Pure.
//!
//! When a region gets another holder, that one is listened to at once, and the former one until the new one has told everything.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use world::region_id::RegionId;

use crate::zone_link::LinkId;

/// How long a region is still listened to when nobody needs it: a border can be danced on, and a warp come back through, for free.
pub(crate) const LINGER: Duration = Duration::from_secs(5);
/// A subscription that nothing came of is repeated: the zone server may not have had the region yet.
const REPEAT: Duration = Duration::from_secs(1);
/// How long what is known of a region is shown while nobody tells of it. A region whose zone server has died is held by another one after some three seconds,
/// and in the meantime everything in it stands still; after this long, it is gone.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The regions and who needs them.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    regions: HashMap<RegionId, Need>,
    /// What could not be said for want of room; bounded by what was once subscribed to, and forgotten with the stream.
    owed: BTreeSet<(LinkId, RegionId)>,
}

#[derive(Debug, Default)]
struct Need {
    /// How many players.
    count: usize,
    /// Since when none.
    idle_since: Option<Instant>,
    /// The stream to the holder.
    asked: Option<Asked>,
    /// The stream to the holder before, until the present one has told everything.
    former: Option<LinkId>,
    /// Since when nobody tells of the region.
    silent_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    link: LinkId,
    /// None: it has not been said yet.
    at: Option<Instant>,
}

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Say to a zone server: tell us of this region.
    Subscribe(LinkId, RegionId),
    /// Say to a zone server: do not tell us of it any more.
    Unsubscribe(LinkId, RegionId),
    /// Nobody needs what is known of the region.
    Forget(RegionId),
    /// What is known of the region is too old to be shown.
    Blank(RegionId),
}

/// What is there now.
#[derive(Clone, Copy)]
pub(crate) struct Situation<'s> {
    /// The stream to the zone server that holds a region.
    pub(crate) holder: &'s dyn Fn(RegionId) -> Option<LinkId>,
    /// Whether a stream is up.
    pub(crate) is_up: &'s dyn Fn(LinkId) -> bool,
    /// Whether everything that is in a region was told by a stream.
    pub(crate) is_told: &'s dyn Fn(RegionId, LinkId) -> bool,
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

    /// What is to be done now. Of what cannot be said, tell [`Self::unsaid`].
    pub(crate) fn orders(&mut self, now: Instant, situation: Situation<'_>) -> Vec<Order> {
        let mut orders = Vec::new();
        for (link, region) in std::mem::take(&mut self.owed) {
            orders.push(Order::Unsubscribe(link, region));
        }
        self.regions.retain(|region, need| {
            if need.idle_since.is_some_and(|since| since + LINGER <= now) {
                let asked = need.asked.map(|asked| asked.link);
                let links = asked.into_iter().chain(need.former);
                orders.extend(links.map(|link| Order::Unsubscribe(link, *region)));
                orders.push(Order::Forget(*region));
                return false;
            }
            need.follow(*region, now, situation, &mut orders);
            need.watch(*region, now, situation, &mut orders);
            true
        });
        // Of what is owed and said now, the later word counts.
        let subscribed: BTreeSet<(LinkId, RegionId)> = orders
            .iter()
            .filter_map(|order| match order {
                Order::Subscribe(link, region) => Some((*link, *region)),
                _ => None,
            })
            .collect();
        orders.retain(|order| match order {
            Order::Unsubscribe(link, region) => {
                (situation.is_up)(*link) && !subscribed.contains(&(*link, *region))
            }
            _ => true,
        });
        orders
    }

    /// What is to be done now about one region: somebody is about to enter there. Of what cannot be said, tell [`Self::unsaid`].
    pub(crate) fn orders_of(
        &mut self,
        region: RegionId,
        now: Instant,
        situation: Situation<'_>,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        if let Some(need) = self.regions.get_mut(&region) {
            need.follow(region, now, situation, &mut orders);
        }
        orders
    }

    /// There was no room for it; it is said the next time.
    pub(crate) fn unsaid(&mut self, order: Order) {
        match order {
            Order::Subscribe(link, region) => {
                if let Some(need) = self.regions.get_mut(&region)
                    && let Some(asked) = &mut need.asked
                    && asked.link == link
                {
                    asked.at = None;
                }
            }
            Order::Unsubscribe(link, region) => {
                self.owed.insert((link, region));
            }
            Order::Forget(_) | Order::Blank(_) => {}
        }
    }
}

impl Need {
    /// Listens to the holder.
    fn follow(
        &mut self,
        region: RegionId,
        now: Instant,
        situation: Situation<'_>,
        orders: &mut Vec<Order>,
    ) {
        let Some(holder) = (situation.holder)(region) else {
            return;
        };
        match self.asked {
            Some(asked) if asked.link == holder => {
                if (situation.is_told)(region, holder) {
                    let former = self.former.take();
                    orders.extend(former.map(|link| Order::Unsubscribe(link, region)));
                    return;
                }
                if asked.at.is_some_and(|at| at + REPEAT > now) {
                    return;
                }
            }
            Some(asked) => {
                // If it is the present one again, that it is asked now counts for more.
                let older = self.former.replace(asked.link);
                orders.extend(older.map(|link| Order::Unsubscribe(link, region)));
            }
            None => {}
        }
        self.asked = Some(Asked {
            link: holder,
            at: Some(now),
        });
        orders.push(Order::Subscribe(holder, region));
    }

    /// Notices when nobody tells of the region for too long.
    fn watch(
        &mut self,
        region: RegionId,
        now: Instant,
        situation: Situation<'_>,
        orders: &mut Vec<Order>,
    ) {
        let is_told = self.asked.is_some_and(|asked| {
            (situation.is_up)(asked.link) && (situation.is_told)(region, asked.link)
        });
        if is_told {
            self.silent_since = None;
            return;
        }
        let since = *self.silent_since.get_or_insert(now);
        if now >= since + SILENCE_MAX {
            self.silent_since = Some(now);
            orders.push(Order::Blank(region));
        }
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

    const ONE: LinkId = LinkId(1);
    const TWO: LinkId = LinkId(2);

    /// What is to be done with that holder, when the region was told by these streams and those streams are down.
    fn orders(
        interest: &mut Interest,
        now: Instant,
        holder: Option<LinkId>,
        told: &[LinkId],
        down: &[LinkId],
    ) -> Vec<Order> {
        let situation = Situation {
            holder: &|_| holder,
            is_up: &|link| !down.contains(&link),
            is_told: &|_, link| told.contains(&link),
        };
        interest.orders(now, situation)
    }

    fn subscribe(link: LinkId) -> Order {
        Order::Subscribe(link, REGION)
    }

    fn unsubscribe(link: LinkId) -> Order {
        Order::Unsubscribe(link, REGION)
    }

    #[test]
    fn a_region_is_subscribed_once_and_lingers() {
        let mut interest = Interest::default();
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        assert!(interest.need(REGION));
        let nobody = orders(&mut interest, start, None, &[], &[]);
        assert_eq!(nobody, [], "nobody holds it yet");
        let held = |interest: &mut Interest, ms| {
            let told: &[LinkId] = if ms > 0 { &[ONE] } else { &[] };
            orders(interest, after(ms), Some(ONE), told, &[])
        };
        assert_eq!(held(&mut interest, 0), [subscribe(ONE)]);
        assert!(!interest.need(REGION));
        assert_eq!(held(&mut interest, 10), []);
        interest.release(REGION, after(20));
        assert_eq!(held(&mut interest, 20_000), []);
        interest.release(REGION, after(20_000));
        assert_eq!(held(&mut interest, 24_999), []);
        let end = [unsubscribe(ONE), Order::Forget(REGION)];
        assert_eq!(held(&mut interest, 25_000), end);
        assert_eq!(held(&mut interest, 30_000), []);
    }

    #[test]
    fn who_comes_back_in_time_finds_it() {
        let mut interest = Interest::default();
        let start = Instant::now();
        interest.need(REGION);
        orders(&mut interest, start, Some(ONE), &[], &[]);
        interest.release(REGION, start);
        assert!(!interest.need(REGION));
        let later = orders(&mut interest, start + LINGER * 2, Some(ONE), &[ONE], &[]);
        assert_eq!(later, []);
    }

    #[test]
    fn silence_is_asked_again() {
        let mut interest = Interest::default();
        let start = Instant::now();
        interest.need(REGION);
        for n in 0..3 {
            let now = start + REPEAT * n;
            assert_eq!(
                orders(&mut interest, now, Some(ONE), &[], &[]),
                [subscribe(ONE)]
            );
            let soon = now + REPEAT / 2;
            assert_eq!(orders(&mut interest, soon, Some(ONE), &[], &[]), []);
        }
    }

    #[test]
    fn the_former_holder_is_listened_to_until_the_new_one_has_told_everything() {
        let mut interest = Interest::default();
        let now = Instant::now();
        interest.need(REGION);
        orders(&mut interest, now, Some(ONE), &[], &[]);
        let new = orders(&mut interest, now, Some(TWO), &[ONE], &[]);
        assert_eq!(new, [subscribe(TWO)]);
        assert_eq!(orders(&mut interest, now, Some(TWO), &[ONE], &[]), []);
        let told = orders(&mut interest, now, Some(TWO), &[TWO], &[]);
        assert_eq!(told, [unsubscribe(ONE)]);
        assert_eq!(orders(&mut interest, now, Some(TWO), &[TWO], &[]), []);
    }

    #[test]
    fn who_enters_listens_first() {
        let mut interest = Interest::default();
        let now = Instant::now();
        let situation = |told: &'static [LinkId]| Situation {
            holder: &|_| Some(TWO),
            is_up: &|_| true,
            is_told: if told.is_empty() {
                &|_, _| false
            } else {
                &|_, _| true
            },
        };
        assert_eq!(
            interest.orders_of(REGION, now, situation(&[])),
            [],
            "nobody needs it"
        );
        interest.need(REGION);
        orders(&mut interest, now, Some(ONE), &[], &[]);
        let ahead = interest.orders_of(REGION, now, situation(&[]));
        assert_eq!(ahead, [subscribe(TWO)]);
        assert_eq!(interest.orders_of(REGION, now, situation(&[])), [], "once");
        assert_eq!(orders(&mut interest, now, Some(TWO), &[], &[]), []);
        let told = interest.orders_of(REGION, now, situation(&[TWO]));
        assert_eq!(told, [unsubscribe(ONE)]);
    }

    #[test]
    fn a_region_that_comes_back_at_once_is_not_left() {
        let mut interest = Interest::default();
        let now = Instant::now();
        interest.need(REGION);
        orders(&mut interest, now, Some(ONE), &[], &[]);
        orders(&mut interest, now, Some(TWO), &[ONE], &[]);
        let back = orders(&mut interest, now, Some(ONE), &[], &[]);
        assert_eq!(back, [subscribe(ONE)]);
        let told = orders(&mut interest, now, Some(ONE), &[ONE], &[]);
        assert_eq!(told, [unsubscribe(TWO)]);
    }

    #[test]
    fn what_found_no_room_is_said_later() {
        let mut interest = Interest::default();
        let now = Instant::now();
        interest.need(REGION);
        for order in orders(&mut interest, now, Some(ONE), &[], &[]) {
            interest.unsaid(order);
        }
        let again = orders(&mut interest, now, Some(ONE), &[], &[]);
        assert_eq!(again, [subscribe(ONE)]);
        interest.release(REGION, now);
        let late = now + LINGER;
        for order in orders(&mut interest, late, Some(ONE), &[ONE], &[]) {
            interest.unsaid(order);
        }
        let again = orders(&mut interest, late, Some(ONE), &[ONE], &[]);
        assert_eq!(again, [unsubscribe(ONE)]);
        interest.unsaid(unsubscribe(ONE));
        interest.need(REGION);
        let needed = orders(&mut interest, late, Some(ONE), &[], &[]);
        assert_eq!(needed, [subscribe(ONE)], "and not left after it");
        interest.unsaid(unsubscribe(TWO));
        let down = orders(&mut interest, late, Some(ONE), &[ONE], &[TWO]);
        assert_eq!(down, [], "that stream has ended");
    }

    #[test]
    fn what_nobody_tells_of_is_shown_for_a_while() {
        let mut interest = Interest::default();
        let start = Instant::now();
        interest.need(REGION);
        orders(&mut interest, start, Some(ONE), &[], &[]);
        assert_eq!(orders(&mut interest, start, Some(ONE), &[ONE], &[]), []);
        let dead = |interest: &mut Interest, ms| {
            let now = start + Duration::from_millis(ms);
            orders(interest, now, None, &[ONE], &[ONE])
        };
        assert_eq!(dead(&mut interest, 60_000), []);
        assert_eq!(dead(&mut interest, 69_999), []);
        assert_eq!(dead(&mut interest, 70_000), [Order::Blank(REGION)]);
        assert_eq!(dead(&mut interest, 70_001), []);
    }
}
