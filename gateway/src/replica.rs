//! A read-only copy of the regions that this gateway's players can see, from which `update` is answered. It is shared by all connections: many
//! read it at a time, and the streams to zone servers write it once per batch. What is true is the zone servers' to say.

mod entity;
mod interest;
mod state;
#[cfg(test)]
mod tests;
mod watcher;

use std::{collections::BTreeSet, sync::Arc, time::Duration, time::Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};
use wire::{
    Dialect, Value,
    reply::{self, Flag},
};
use world::{position::Position, region_id::RegionId};

use crate::{
    counters::Counters,
    router::Router,
    zone_link::LinkId,
    zone_message::{News, ToZone},
};
use entity::position_value;
use interest::{Interest, Order, Situation};
use runtime::shutdown::Shutdown;
use state::State;
pub(crate) use watcher::{Scale, Sight, Watcher};

/// How often subscriptions that time alone changes are looked at.
const UPKEEP_INTERVAL: Duration = Duration::from_millis(250);

/// The copy, and who needs what of it.
#[derive(Debug)]
pub(crate) struct Replica {
    state: RwLock<State>,
    interest: Mutex<Interest>,
    /// Somebody needs a region that nobody needed.
    wanted: Notify,
    /// Counts the batches of news.
    news: watch::Sender<u64>,
}

/// What the replica says of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Lookup {
    /// This is it.
    Known(Value),
    /// Only the owner can say.
    Unknown,
}

impl Replica {
    /// An empty one, for a world in which players see this far, in tiles.
    pub(crate) fn new(view_distance: f64) -> Self {
        Self {
            state: RwLock::new(State::new(view_distance)),
            interest: Mutex::default(),
            wanted: Notify::new(),
            news: watch::Sender::new(0),
        }
    }

    /// Opens the eyes of a player.
    pub(crate) fn watch(self: &Arc<Self>, key: Arc<str>, at: RegionId) -> Watcher {
        self.state.write().add_player(&key);
        Watcher::new(Arc::clone(self), key, at)
    }

    /// Merges news that has come by a stream, all of it at once.
    pub(crate) fn apply(&self, link: LinkId, news: Vec<News>, now: Instant) {
        {
            let mut state = self.state.write();
            for one in news {
                state.apply(link, one, now);
            }
        }
        self.news.send_modify(|count| *count += 1);
    }

    /// Changes whenever there was news.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Where an entity is, and whether it is on its way to another region.
    fn position(&self, key: &str) -> Option<(Position, bool)> {
        self.state.read().position(key)
    }

    /// Writes the reply to an `update` from a place.
    pub(crate) fn write_view(
        &self,
        centre: Position,
        view_distance: f64,
        flags: &[Flag],
        dialect: Dialect,
        out: &mut Vec<u8>,
    ) {
        let state = self.state.read();
        let fragments = state.view(centre, view_distance, dialect);
        reply::write_view(fragments.iter().copied(), flags, dialect, out);
    }

    /// An attribute of an entity, if it is one that `update` shows. `is_shown` says whether the attribute is.
    pub(crate) fn attribute(&self, key: &str, attribute: &str, is_shown: bool) -> Lookup {
        let state = self.state.read();
        // Of who is between two regions only the owner knows where it is.
        let Some(entity) = state.find(key).filter(|entity| entity.leaving.is_none()) else {
            return Lookup::Unknown;
        };
        match attribute {
            "pos" => Lookup::Known(position_value(entity.position)),
            "name" => Lookup::Known(Value::Str(entity.name.clone())),
            _ if is_shown => {
                Lookup::Known(entity.attribute(attribute).cloned().unwrap_or(Value::None))
            }
            _ => Lookup::Unknown,
        }
    }

    /// Keeps the zone servers' idea of what we listen to in step with what is needed, until the shutdown.
    pub(crate) async fn keep_subscribed(
        self: Arc<Self>,
        router: Arc<Router>,
        counters: Arc<Counters>,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        let mut links = router.changes();
        while !shutdown.is_triggered() {
            self.say(&router);
            self.upkeep(Instant::now(), &counters);
            tokio::select! {
                () = self.wanted.notified() => {}
                () = tokio::time::sleep(UPKEEP_INTERVAL) => {}
                _ = links.changed() => {}
                () = shutdown.triggered() => {}
            }
        }
        Ok(())
    }

    /// Says what is to be said now. Nobody is waited for: what finds no room in a stream's queue is said the next time.
    fn say(&self, router: &Router) {
        let mut interest = self.interest.lock();
        let orders = self.within(router, |situation| {
            interest.orders(Instant::now(), situation)
        });
        // What is not wanted any more is forgotten before anybody can want it again.
        for order in &orders {
            match order {
                Order::Forget(region) => self.state.write().forget(*region),
                Order::Blank(region) => self.state.write().blank(*region),
                Order::Subscribe(..) | Order::Unsubscribe(..) => {}
            }
        }
        send(orders, &mut interest, router);
    }

    /// Listens to a region, before somebody enters there: what is told of it comes by the same stream as what that one is answered, and ahead of it.
    pub(crate) fn listen_ahead(&self, region: RegionId, router: &Router) {
        let mut interest = self.interest.lock();
        let orders = self.within(router, |situation| {
            interest.orders_of(region, Instant::now(), situation)
        });
        send(orders, &mut interest, router);
    }

    fn within(
        &self,
        router: &Router,
        orders: impl FnOnce(Situation<'_>) -> Vec<Order>,
    ) -> Vec<Order> {
        let state = self.state.read();
        orders(Situation {
            holder: &|region| router.holder(region).map(|link| link.id()),
            is_up: &|link| router.link(link).is_some(),
            is_told: &|region, link| state.is_told(region, link),
        })
    }

    fn upkeep(&self, now: Instant, counters: &Counters) {
        if self.state.read().has_leaving() {
            self.state.write().expire(now);
        }
        let state = self.state.read();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge of counts far below 2^53"
        )]
        {
            counters.replica_entities.set(state.entity_count() as f64);
            counters.replica_regions.set(state.region_count() as f64);
        }
    }

    /// Those of the regions whose content is not known.
    fn missing(&self, regions: impl Iterator<Item = RegionId>) -> BTreeSet<RegionId> {
        let state = self.state.read();
        regions.filter(|region| !state.has(*region)).collect()
    }

    fn change_need(&self, old: &BTreeSet<RegionId>, new: &BTreeSet<RegionId>) {
        let now = Instant::now();
        // Whoever takes both locks takes this one first.
        let mut interest = self.interest.lock();
        for region in old.difference(new) {
            interest.release(*region, now);
        }
        let added: Vec<RegionId> = new
            .difference(old)
            .copied()
            .filter(|region| interest.need(*region))
            .collect();
        if !added.is_empty() {
            let mut state = self.state.write();
            for region in added {
                state.want(region);
            }
            self.wanted.notify_one();
        }
    }

    fn leave(&self, key: &str, needed: &BTreeSet<RegionId>) {
        self.change_need(needed, &BTreeSet::new());
        self.state.write().remove_player(key);
    }
}

/// Says it while the lock is held, so that nobody finds something asked for that has not been said yet.
fn send(orders: Vec<Order>, interest: &mut Interest, router: &Router) {
    for order in orders {
        let (link, message) = match order {
            Order::Subscribe(link, region) => (link, ToZone::Subscribe(region)),
            Order::Unsubscribe(link, region) => (link, ToZone::Unsubscribe(region)),
            Order::Forget(_) | Order::Blank(_) => continue,
        };
        // A stream that has ended needs no word; the one after it is told everything.
        let is_said = router.link(link).is_none_or(|link| link.try_send(message));
        if !is_said {
            interest.unsaid(order);
        }
    }
}
