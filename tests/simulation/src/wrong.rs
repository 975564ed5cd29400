//! How things go wrong: processes die, stand still, come and go; streams break or stand still; the database is down, or loses statements.

use crate::{
    faults::Fault,
    gateways,
    gateways::Gateway,
    network::{KEEP_ALIVE, NodeId, StreamId},
    run::Run,
    schedule::{MILLI, Micros},
    shared::Event,
    zone::{self, Zone},
};

/// How long to wait for an address that is still in use.
const ADDRESS_WAIT: Micros = 200 * MILLI;

impl Run {
    /// Something goes wrong.
    pub(crate) fn go_wrong(&mut self, fault: Fault) {
        self.shared.note(|| format!("=== {fault:?}"));
        let now = self.shared.now();
        match fault {
            Fault::KillZone(slot, restart) => {
                if let Some(node) = self.zone_slots[slot].take() {
                    self.kill_zone(node);
                    self.start_later(slot, restart);
                }
            }
            Fault::PauseZone(slot, pause) => {
                if let Some(node) = self.zone_slots[slot] {
                    self.pause(node, pause);
                }
            }
            Fault::StopZone(slot, restart) => {
                if let Some(node) = self.zone_slots[slot] {
                    self.shared.after(0, Event::Zone(node, zone::Due::Leaving));
                    self.start_later(slot, restart);
                }
            }
            Fault::JoinZone(slot) => self.start_zone(slot),
            Fault::CutOffZone(slot, pause) => {
                if let Some(node) = self.zone_slots[slot] {
                    self.shared.desk.cut_off.insert(node, now + pause);
                }
            }
            Fault::KillGateway(slot, restart) => {
                if let Some(node) = self.gateway_slots[slot].take() {
                    self.kill_gateway(node);
                    self.shared.after(restart, Event::StartGateway(slot));
                }
            }
            Fault::PauseGateway(slot, pause) => {
                if let Some(node) = self.gateway_slots[slot] {
                    self.pause(node, pause);
                }
            }
            Fault::BreakStreams(share) => {
                for stream in self.drawn_streams(share) {
                    self.shared.cut(stream);
                }
            }
            Fault::HoldStreams(share, pause) => {
                for stream in self.drawn_streams(share) {
                    self.shared.network.hold(stream, now + pause);
                    if pause >= KEEP_ALIVE {
                        self.shared.after(KEEP_ALIVE, Event::KeepAlive(stream));
                    }
                }
            }
            Fault::DatabaseDown(pause) => self.shared.desk.down_until = now + pause,
            Fault::DatabaseTrouble(share, pause) => {
                self.shared.desk.trouble = share;
                self.shared.desk.trouble_until = now + pause;
            }
        }
    }

    fn drawn_streams(&mut self, share: u64) -> Vec<StreamId> {
        let mut streams = self.shared.network.streams();
        let chance = &mut self.shared.chance;
        streams.retain(|_| chance.per_mille(share));
        streams
    }

    fn start_later(&mut self, slot: usize, after: Option<Micros>) {
        if let Some(after) = after {
            self.shared.after(after, Event::StartZone(slot));
        }
    }

    /// A zone server starts, if there is none in its place. If that one is leaving, its address is free when it has left.
    pub(crate) fn start_zone(&mut self, slot: usize) {
        let present = self.zone_slots[slot].and_then(|node| self.zones.get(&node));
        if present.is_some_and(|zone| zone.standing.is_leaving) {
            self.shared.after(ADDRESS_WAIT, Event::StartZone(slot));
        } else if present.is_none() {
            let node = self.new_node();
            let address = format!("http://zone-{slot}");
            let zone = Zone::start(node, address, &mut self.shared);
            self.zones.insert(node, zone);
            self.zone_slots[slot] = Some(node);
        }
    }

    /// A gateway starts, if there is none in its place.
    pub(crate) fn start_gateway(&mut self, slot: usize) {
        if self.gateway_slots[slot].is_none() {
            let node = self.new_node();
            let gateway = Gateway::start(node, &mut self.shared);
            self.gateways.insert(node, gateway);
            self.gateway_slots[slot] = Some(node);
        }
    }

    fn kill_zone(&mut self, node: NodeId) {
        let now = self.shared.now();
        if let Some(zone) = self.zones.remove(&node) {
            self.shared.watch.stopped(zone.me, now);
            for region in zone.all_regions() {
                self.shared.watch.forgotten(zone.me, region, now);
            }
        }
        self.bury(node);
    }

    /// A zone server has handed everything over.
    pub(crate) fn end_zone(&mut self, node: NodeId) {
        self.kill_zone(node);
        for slot in &mut self.zone_slots {
            slot.take_if(|present| *present == node);
        }
    }

    fn kill_gateway(&mut self, node: NodeId) {
        let Some(gateway) = self.gateways.remove(&node) else {
            return;
        };
        for (index, id, _) in gateway.connections() {
            self.closed(index, id, None);
        }
        self.bury(node);
    }

    fn bury(&mut self, node: NodeId) {
        self.paused.remove(&node);
        for stream in self.shared.network.streams_of(node) {
            self.shared.cut(stream);
        }
    }

    fn pause(&mut self, node: NodeId, pause: Micros) {
        if self.paused.contains_key(&node) {
            return;
        }
        self.paused.insert(node, Vec::new());
        self.shared.after(pause, Event::Resume(node));
        if let Some(zone) = self.zones.get(&node) {
            let now = self.shared.now();
            self.shared.watch.stands_still(zone.me, now);
        }
        if pause >= KEEP_ALIVE {
            for stream in self.shared.network.streams_of(node) {
                self.shared.after(KEEP_ALIVE, Event::KeepAlive(stream));
            }
        }
    }

    /// A process goes on, with everything that it has missed at once.
    pub(crate) fn resume(&mut self, node: NodeId) {
        let Some(waiting) = self.paused.remove(&node) else {
            return;
        };
        self.shared.note(|| format!("=== {node:?} goes on"));
        if let Some(zone) = self.zones.get(&node) {
            let now = self.shared.now();
            self.shared.watch.went_on(zone.me, now);
        }
        for event in waiting {
            match event {
                // A socket keeps its order.
                Event::Gateway(_, gateways::Due::Request(..)) => self.shared.in_order(event),
                event => self.shared.after(0, event),
            }
        }
    }

    /// Whoever is at the other end of a silent stream gives it up.
    pub(crate) fn keep_alive(&mut self, stream: StreamId) {
        let now = self.shared.now();
        let network = &self.shared.network;
        let is_silent = [crate::network::Side::Opener, crate::network::Side::Accepter]
            .into_iter()
            .any(|side| {
                let node = network.node(stream, side);
                node.is_some_and(|node| self.paused.contains_key(&node))
                    || network.held_until(stream, side) > now
            });
        if is_silent {
            self.shared.cut(stream);
        }
    }

    /// It is announced that the directory has changed: most hear of it.
    pub(crate) fn announce(&mut self) {
        let zones: Vec<NodeId> = self.zones.keys().copied().collect();
        let gateways: Vec<NodeId> = self.gateways.keys().copied().collect();
        for node in zones {
            if let Some(delay) = self.announcement() {
                let look = Event::Zone(node, zone::Due::Announced);
                self.shared.after(delay, look);
            }
        }
        for node in gateways {
            if let Some(delay) = self.announcement() {
                let look = Event::Gateway(node, gateways::Due::LookSoon);
                self.shared.after(delay, look);
            }
        }
    }

    fn announcement(&mut self) -> Option<Micros> {
        let is_lost = self.shared.chance.per_mille(200);
        let delay = self.shared.chance.within(0, 20 * MILLI);
        (!is_lost).then_some(delay)
    }
}
