//! Which zone server holds which region, as far as this gateway has read. Pure: it is told what was read, and neither reads nor connects.
//!
//! It decides only where to try. Who is asked and does not hold the region says so, and then the list is read again.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use store::{directory::ZoneServer, entities::Incarnation, regions::Holding};
use world::{
    placement::{self, Candidate},
    region_id::RegionId,
};

/// What is known of who holds what.
#[derive(Debug, Default)]
pub struct Holders {
    regions: HashMap<RegionId, Held>,
    /// Zone servers that are alive, and those that hold a region all the same.
    servers: BTreeMap<Incarnation, Server>,
    /// Those that regions are given to.
    candidates: Vec<Candidate>,
    /// Those that were known once, the last at the end, and their places in the order. A late word of one of them makes it no later one.
    past: VecDeque<(Incarnation, u64)>,
    look_count: u64,
}

/// How many zone servers are remembered that are no more. Of an older one nothing is heard.
const PAST_MAX: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    address: Arc<str>,
    /// The number of the look that has found it first. If a later one is at its address, it has ended.
    order: u64,
}

/// A region's last change of hands that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    epoch: u64,
    holder: Option<Incarnation>,
}

impl Holders {
    /// Takes in what was read. Of a region, what has a lower epoch than what is known is passed over. Whether anything is new.
    pub fn learn(&mut self, holdings: &[Holding], live: &[ZoneServer]) -> bool {
        let mut is_new = false;
        for holding in holdings {
            let held = Held {
                epoch: holding.epoch,
                holder: holding.holder,
            };
            let known = self.regions.entry(holding.region).or_insert_with(|| {
                is_new = true;
                held
            });
            if known.epoch < held.epoch {
                *known = held;
                is_new = true;
            }
        }
        self.learn_servers(live) || is_new
    }

    /// A server that is not alive may still be who holds a region: its stream may work, and it is asked as long as nobody else holds it. But one that was
    /// started again at the same address is another one.
    fn learn_servers(&mut self, live: &[ZoneServer]) -> bool {
        let holders: HashSet<Incarnation> = self
            .regions
            .values()
            .filter_map(|held| held.holder)
            .collect();
        let is_alive = |incarnation: &Incarnation| {
            live.iter().any(|server| server.incarnation == *incarnation)
        };
        let before = self.servers.clone();
        self.servers
            .retain(|incarnation, _| is_alive(incarnation) || holders.contains(incarnation));
        let gone = before
            .iter()
            .filter(|(one, _)| !self.servers.contains_key(one))
            .map(|(one, server)| (*one, server.order));
        self.past.extend(gone);
        let excess = self.past.len().saturating_sub(PAST_MAX);
        self.past.drain(..excess);
        self.look_count += 1;
        for server in live {
            let known = self.servers.entry(server.incarnation);
            known.or_insert_with(|| {
                let past = self.past.iter().find(|(one, _)| *one == server.incarnation);
                Server {
                    address: Arc::from(&*server.address),
                    order: past.map_or(self.look_count, |(_, order)| *order),
                }
            });
        }
        let candidates: Vec<Candidate> = live
            .iter()
            .filter(|server| !server.is_leaving)
            .map(|server| Candidate {
                incarnation: server.incarnation.0,
                address: server.address.clone(),
            })
            .collect();
        let is_new = self.servers != before || candidates != self.candidates;
        self.candidates = candidates;
        is_new
    }

    /// The address of the zone server that holds a region. Of a region that was never held, it is the one that takes it when it is asked for.
    /// None: nobody holds it now, or nobody knows where that one is.
    #[must_use]
    pub fn address(&self, region: RegionId) -> Option<&str> {
        match self.regions.get(&region) {
            Some(held) => {
                let server = self.servers.get(&held.holder?)?;
                (!self.is_replaced(server)).then_some(&*server.address)
            }
            None => Some(&*placement::holder(region, &self.candidates)?.address),
        }
    }

    fn is_replaced(&self, server: &Server) -> bool {
        let mut others = self.servers.values();
        others.any(|other| other.address == server.address && other.order > server.order)
    }

    /// The zone server that holds a region, if any does.
    #[must_use]
    pub fn holder(&self, region: RegionId) -> Option<Incarnation> {
        self.regions.get(&region)?.holder
    }

    /// The epoch of a region's last change of hands that was read; None: it was never held.
    #[must_use]
    pub fn epoch(&self, region: RegionId) -> Option<u64> {
        Some(self.regions.get(&region)?.epoch)
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
    const OTHER: RegionId = RegionId {
        level: 0,
        column: 4,
        row: 4,
    };

    fn server(incarnation: i64) -> ZoneServer {
        ZoneServer {
            incarnation: Incarnation(incarnation),
            address: format!("http://zone-{incarnation}"),
            is_leaving: false,
            map: 0,
        }
    }

    fn holding(region: RegionId, holder: Option<i64>, epoch: u64) -> Holding {
        Holding {
            region,
            holder: holder.map(Incarnation),
            epoch,
        }
    }

    #[test]
    fn a_region_is_found_where_the_highest_epoch_says() {
        let mut holders = Holders::default();
        let live = [server(1), server(2)];
        assert!(holders.learn(&[holding(REGION, Some(1), 4)], &live));
        assert_eq!(holders.address(REGION), Some("http://zone-1"));
        assert!(!holders.learn(&[holding(REGION, Some(1), 4)], &live));
        assert!(holders.learn(&[holding(REGION, Some(2), 6)], &live));
        assert_eq!(holders.address(REGION), Some("http://zone-2"));
        // What was read by an older look, or from a copy that is behind, changes nothing.
        assert!(!holders.learn(&[holding(REGION, Some(1), 5)], &live));
        assert!(!holders.learn(&[], &live));
        assert_eq!(holders.holder(REGION), Some(Incarnation(2)));
        assert_eq!(holders.epoch(REGION), Some(6));
    }

    #[test]
    fn a_region_that_was_given_up_is_held_by_nobody() {
        let mut holders = Holders::default();
        holders.learn(&[holding(REGION, Some(1), 1)], &[server(1)]);
        assert!(holders.learn(&[holding(REGION, None, 2)], &[server(1)]));
        assert_eq!(holders.address(REGION), None);
    }

    #[test]
    fn who_is_not_alive_is_known_as_long_as_it_holds_a_region() {
        let mut holders = Holders::default();
        holders.learn(&[holding(REGION, Some(1), 1)], &[server(1), server(2)]);
        assert!(!holders.learn(&[], &[server(1), server(2)]));
        assert!(holders.learn(&[], &[server(2)]), "one less to give to");
        assert_eq!(holders.address(REGION), Some("http://zone-1"));
        holders.learn(&[holding(REGION, Some(2), 2)], &[server(2)]);
        assert_eq!(holders.address(REGION), Some("http://zone-2"));
        assert!(holders.learn(&[holding(REGION, Some(1), 3)], &[server(2)]));
        assert_eq!(holders.address(REGION), None, "it was forgotten");
    }

    #[test]
    fn who_was_started_again_holds_nothing_of_what_it_held() {
        let at_same_address = |incarnation| ZoneServer {
            address: server(1).address,
            ..server(incarnation)
        };
        let held = |holder| {
            [holding(
                REGION,
                Some(holder),
                u64::try_from(holder).unwrap(),
            )]
        };
        let mut holders = Holders::default();
        holders.learn(&held(1), &[at_same_address(1)]);
        holders.learn(&[], &[at_same_address(1), server(3)]);
        assert_eq!(holders.address(REGION), Some("http://zone-1"));
        // For a while both are alive by the database's clock.
        assert!(holders.learn(&[], &[at_same_address(1), at_same_address(2)]));
        assert_eq!(holders.address(REGION), None);
        assert!(holders.learn(&[], &[at_same_address(2)]));
        assert_eq!(holders.address(REGION), None);
        assert!(holders.learn(&held(2), &[at_same_address(2)]));
        assert_eq!(holders.address(REGION), Some("http://zone-1"));
        // Of two that were never seen apart, nobody can say which has ended.
        let mut holders = Holders::default();
        holders.learn(&held(1), &[at_same_address(1), at_same_address(2)]);
        assert_eq!(holders.address(REGION), Some("http://zone-1"));
    }

    #[test]
    fn a_late_word_of_who_was_started_again_changes_nothing() {
        let mut holders = Holders::default();
        let again = ZoneServer {
            address: server(1).address,
            ..server(7)
        };
        let held = [holding(REGION, Some(7), 2)];
        holders.learn(&[holding(REGION, Some(1), 1)], &[server(1)]);
        holders.learn(&held, std::slice::from_ref(&again));
        // A heartbeat that was under way when the first one died.
        holders.learn(&held, &[server(1), again.clone()]);
        assert_eq!(holders.address(REGION), Some("http://zone-1"));
        holders.learn(&held, &[]);
        holders.learn(&held, &[again]);
        assert_eq!(holders.address(REGION), Some("http://zone-1"));
    }

    #[test]
    fn of_a_region_without_a_past_it_is_known_who_will_take_it() {
        let mut holders = Holders::default();
        assert_eq!(holders.address(OTHER), None);
        let mut leaving = server(2);
        leaving.is_leaving = true;
        holders.learn(&[holding(REGION, Some(2), 1)], &[server(1), leaving]);
        assert_eq!(holders.address(OTHER), Some("http://zone-1"));
        assert_eq!(holders.address(REGION), Some("http://zone-2"));
        assert_eq!(holders.holder(OTHER), None);
    }
}
