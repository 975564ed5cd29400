//! What operators can count at a gateway. The handles are made once: looking one up by name for each request would cost more than most requests.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use wire::reply::Flag;

use crate::request::Kind;

/// How a request was answered, for labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With True, or with what was asked for.
    Done,
    /// With False.
    Refused,
}

/// Every metric of a gateway.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Characters that are in the world by this gateway.
    pub(crate) players: Gauge,
    /// Messages that were ignored.
    pub(crate) bad_messages: Counter,
    /// Entities in the replica.
    pub(crate) replica_entities: Gauge,
    /// Regions in the replica.
    pub(crate) replica_regions: Gauge,
    /// Streams to zone servers that are up.
    pub(crate) links: Gauge,
    /// Commands that were sent again.
    pub(crate) resends: Counter,
    /// How long characters were asked for before they were found: at a login, and on the way from one zone server to another.
    pub(crate) entrances: Histogram,
    requests: [[Counter; 2]; Kind::ALL.len()],
    latencies: [Histogram; Kind::ALL.len()],
    map_flags: Counter,
    client_flags: Counter,
}

impl Default for Counters {
    fn default() -> Self {
        let requests = Kind::ALL.map(|kind| {
            ["done", "refused"].map(|result| {
                counter!("gateway_requests_total", "command" => kind.as_str(), "result" => result)
            })
        });
        let latencies =
            Kind::ALL.map(|kind| histogram!("gateway_request_seconds", "command" => kind.as_str()));
        Self {
            connections: gauge!("gateway_connections"),
            players: gauge!("gateway_players"),
            bad_messages: counter!("gateway_bad_messages_total"),
            replica_entities: gauge!("gateway_replica_entities"),
            replica_regions: gauge!("gateway_replica_regions"),
            links: gauge!("gateway_links"),
            resends: counter!("gateway_resends_total"),
            entrances: histogram!("gateway_entrance_seconds"),
            requests,
            latencies,
            map_flags: counter!("gateway_flags_total", "flag" => "map"),
            client_flags: counter!("gateway_flags_total", "flag" => "client"),
        }
    }
}

impl Counters {
    /// A request was answered.
    pub(crate) fn answered(&self, kind: Kind, outcome: Outcome, took: Duration) {
        self.requests[kind as usize][outcome as usize].increment(1);
        self.latencies[kind as usize].record(took);
    }

    /// A flag was sent.
    pub(crate) fn flagged(&self, flag: Flag) {
        match flag {
            Flag::Map => self.map_flags.increment(1),
            Flag::Client => self.client_flags.increment(1),
        }
    }

    /// A connection has ended.
    pub(crate) fn closed(&self, reason: &'static str) {
        counter!("gateway_closed_total", "reason" => reason).increment(1);
    }
}
