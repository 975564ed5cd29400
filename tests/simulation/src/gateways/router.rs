//! Which zone server holds a region, and the streams to all that are alive: `gateway/src/router.rs` and `router/`.

use std::collections::{BTreeMap, BTreeSet};

use gateway::holders::Holders;
use store::regions::Holding;
use world::region_id::RegionId;

use super::{Due, Gateway, Then, connection::ConnectionId};
use crate::{
    network::{Packet, Side, StreamId},
    schedule::{MILLI, Micros, SECOND},
    shared::Shared,
    statement::{Answered, Response, Statement},
};

/// How often is looked at the latest.
pub(super) const POLL_INTERVAL: Micros = SECOND;
/// The shortest time from the beginning of a look to the next one.
const LOOK_INTERVAL_MIN: Micros = 50 * MILLI;
/// How long after a stream has broken a new one is tried; doubled each time that it fails.
const BACK_OFF: Micros = 50 * MILLI;
const BACK_OFF_MAX: Micros = 800 * MILLI;

/// What is known, and the streams.
#[derive(Debug, Default)]
pub(super) struct Router {
    holders: Holders,
    links: BTreeMap<String, StreamId>,
    /// Zone servers to which a stream is tried, and how long it is waited for before the next.
    trying: BTreeMap<String, Micros>,
    live: BTreeSet<String>,
    is_looking: bool,
    is_look_planned: bool,
    looked_at: Micros,
    /// How many looks have begun.
    pub(super) look_count: u64,
    /// The last look that has found something out.
    pub(super) last_look: u64,
}

impl Router {
    /// The stream to the zone server that holds a region.
    pub(super) fn holder(&self, region: RegionId) -> Option<StreamId> {
        self.links.get(self.holders.address(region)?).copied()
    }

    pub(super) fn streams(&self) -> Vec<StreamId> {
        self.links.values().copied().collect()
    }
}

impl Gateway {
    /// Somebody was not where we thought: it is looked again soon.
    pub(super) fn doubt(&mut self, shared: &mut Shared) {
        if !std::mem::replace(&mut self.router.is_look_planned, true) {
            let at = self.router.looked_at + LOOK_INTERVAL_MIN;
            let delay = at.saturating_sub(shared.now());
            self.later(delay, Due::LookSoon, shared);
        }
    }

    pub(super) fn look(&mut self, shared: &mut Shared) {
        if std::mem::replace(&mut self.router.is_looking, true) {
            return;
        }
        self.router.is_look_planned = false;
        self.router.looked_at = shared.now();
        self.router.look_count += 1;
        let number = self.router.look_count;
        self.submit(Statement::Holdings, Then::HoldingsRead(number), shared);
    }

    /// In this order: whoever holds a region by the first list is on the second one, if he is alive.
    pub(super) fn holdings_read(&mut self, number: u64, answered: Answered, shared: &mut Shared) {
        match answered {
            Ok(Response::Holdings(holdings)) => {
                self.submit(Statement::Live, Then::Looked(number, holdings), shared);
            }
            _ => self.router.is_looking = false,
        }
    }

    pub(super) fn looked(
        &mut self,
        number: u64,
        holdings: &[Holding],
        answered: Answered,
        shared: &mut Shared,
    ) {
        self.router.is_looking = false;
        let Ok(Response::Live(live)) = answered else {
            return;
        };
        self.router.holders.learn(holdings, &live);
        self.router.last_look = number;
        let addresses: BTreeSet<String> = live.into_iter().map(|server| server.address).collect();
        for address in &addresses {
            let router = &mut self.router;
            if !router.links.contains_key(address) && !router.trying.contains_key(address) {
                router.trying.insert(address.clone(), BACK_OFF);
                self.later(0, Due::Connect(address.clone()), shared);
            }
        }
        self.router.live = addresses;
        self.review(shared);
    }

    /// Tries to make a stream to a zone server.
    pub(super) fn try_connect(&mut self, address: String, shared: &mut Shared) {
        if self.router.live.contains(&address) {
            shared.links_wanted.push((self.node, address));
        } else {
            self.router.trying.remove(&address);
        }
    }

    /// A stream is up, or could not be made.
    pub fn connected(&mut self, address: &str, stream: Option<StreamId>, shared: &mut Shared) {
        let Some(stream) = stream else {
            if let Some(back_off) = self.router.trying.get_mut(address) {
                let delay = *back_off;
                *back_off = (delay * 2).min(BACK_OFF_MAX);
                self.later(delay, Due::Connect(address.to_owned()), shared);
            }
            return;
        };
        shared.note(|| format!("{} has {stream:?} to {address}", self.name));
        shared.send(stream, Side::Accepter, Packet::Gateway(self.name.clone()));
        self.router.trying.remove(address);
        self.router.links.insert(address.to_owned(), stream);
        self.review(shared);
    }

    /// A stream has ended.
    pub(super) fn stream_ended(&mut self, stream: StreamId, shared: &mut Shared) {
        let links = &mut self.router.links;
        let address = links.iter().find(|(_, link)| **link == stream);
        let Some(address) = address.map(|(address, _)| address.clone()) else {
            return;
        };
        links.remove(&address);
        shared.note(|| format!("{} has {stream:?} to {address} no more", self.name));
        self.router.trying.insert(address.clone(), BACK_OFF);
        self.later(BACK_OFF, Due::Connect(address), shared);
        self.doubt(shared);
        let speaking: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.link == Some(stream))
            .map(|(id, _)| *id)
            .collect();
        for id in speaking {
            self.lost(id, shared);
        }
    }

    /// Everybody whose region is reached by another stream than that by which he speaks looks again.
    fn review(&mut self, shared: &mut Shared) {
        let ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for id in ids {
            let Some(connection) = self.connections.get(&id) else {
                continue;
            };
            let held = connection
                .region
                .and_then(|region| self.router.holder(region));
            let is_wrong = held.is_some()
                && held != connection.link
                && connection.since_look < self.router.last_look;
            if is_wrong {
                self.look_at_holder(id, shared);
            }
        }
    }
}
