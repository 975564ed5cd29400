//! A run: processes, players and what goes wrong, one event after the other, from one seed. Whoever waits for something waits in virtual time.

use std::collections::BTreeMap;

use store::entities::EntityRow;
use world::{
    applied::{Applied, CommandId},
    entity::EntityState,
    position::Position,
    region_id::RegionId,
};

use crate::{
    chance::Chance,
    database::Row,
    faults::{CALM, GATEWAY_SLOTS, Plan, ZONE_SLOTS},
    gateways::Gateway,
    mutant::Mutant,
    network::{KEEP_ALIVE, NodeId},
    players::{self, Counts, Player},
    schedule::{MILLI, Micros, SECOND},
    shared::{Event, Shared},
    watch::Violation,
    yard,
    zone::Zone,
};

/// How long after everything has calmed down all must be well: three seconds for a zone server that died last, five for a statement that hangs, ten for
/// who has no gateway any more, and as much again for what follows from them.
const SETTLE_MAX: Micros = 20 * SECOND;
/// How often it is looked whether all is well.
const SETTLE_INTERVAL: Micros = 100 * MILLI;

/// One run.
#[derive(Debug)]
pub struct Run {
    pub(crate) shared: Shared,
    plan: Plan,
    pub(crate) zones: BTreeMap<NodeId, Zone>,
    pub(crate) gateways: BTreeMap<NodeId, Gateway>,
    pub(crate) zone_slots: [Option<NodeId>; ZONE_SLOTS],
    pub(crate) gateway_slots: [Option<NodeId>; GATEWAY_SLOTS],
    /// Processes that stand still, and what waits for them.
    pub(crate) paused: BTreeMap<NodeId, Vec<Event>>,
    pub(crate) players: Vec<Player>,
    pub(crate) player_keys: Vec<String>,
    pub(crate) counts: Counts,
    node_count: u32,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// How many events happened.
    pub event_count: u64,
    /// How many requests were answered.
    pub answer_count: usize,
    /// How long the slowest answer took.
    pub slowest: Micros,
    /// What happened, if it was asked for.
    pub trace: Vec<String>,
}

impl Run {
    /// The beginning of a run with what goes wrong in it.
    #[must_use]
    pub fn new(seed: u64, plan: Plan, mutant: Option<Mutant>) -> Self {
        // What goes wrong was drawn from the seed itself; leaving some of it out changes nothing of what is drawn here.
        let mut chance = Chance::new(seed ^ 0x5eed);
        let masters = [yard::GAME_MASTER.to_owned()];
        let others = (0..plan.player_count).map(|number| format!("p{number}"));
        let player_keys: Vec<String> = others.chain(masters).collect();
        let mut run = Self {
            shared: Shared::new(&mut chance, &player_keys, mutant),
            zones: BTreeMap::new(),
            gateways: BTreeMap::new(),
            zone_slots: [None; ZONE_SLOTS],
            gateway_slots: [None; GATEWAY_SLOTS],
            paused: BTreeMap::new(),
            players: Vec::new(),
            counts: Counts::default(),
            node_count: 0,
            plan,
            player_keys,
        };
        run.populate(&mut chance);
        run
    }

    /// Writes down what happens.
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.shared.trace = Some(Vec::new());
        self
    }

    fn populate(&mut self, chance: &mut Chance) {
        for (index, key) in self.player_keys.clone().into_iter().enumerate() {
            let x = i32::try_from(chance.below(yard::WIDTH.unsigned_abs().into()));
            let y = i32::try_from(chance.below(yard::HEIGHT.unsigned_abs().into()));
            let place = Position::centre_of(x.unwrap_or_default(), y.unwrap_or_default(), 0);
            let row = row(&key, place);
            let database = &mut self.shared.desk.database;
            database.rows.insert(key.clone(), row);
            database.generations.insert(key.clone(), 0);
            // Every other player walks and is left alone.
            if index % 2 == 1 || key == yard::GAME_MASTER {
                self.shared.watch.teleported.insert(key.clone());
            }
            self.players.push(Player::new(key, chance.branch()));
            let delay = chance.within(300 * MILLI, 900 * MILLI);
            self.shared
                .after(delay, Event::Player(index, players::Due::Act));
        }
        for slot in 0..self.plan.zone_count {
            self.shared.after(0, Event::StartZone(slot));
        }
        for slot in 0..GATEWAY_SLOTS {
            self.shared.after(0, Event::StartGateway(slot));
        }
        for (number, (at, _)) in self.plan.faults.iter().enumerate() {
            self.shared.schedule.at(*at, Event::Fault(number));
        }
        // Whatever went wrong, somebody serves in the end.
        self.shared.schedule.at(CALM - SECOND, Event::StartZone(0));
        for slot in 0..GATEWAY_SLOTS {
            self.shared
                .schedule
                .at(CALM - SECOND, Event::StartGateway(slot));
        }
        let is_hurt = self.plan.hurts_database();
        self.shared.watch.lateness_max = if is_hurt { 10 * SECOND } else { 400 * MILLI };
    }

    /// Runs to the end, or to the first broken promise.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let mut look_at = CALM;
        loop {
            while self.shared.watch.violation.is_none() {
                let Some(event) = self.shared.schedule.next(look_at) else {
                    break;
                };
                self.shared.event_count += 1;
                self.happen(event);
                self.follow();
            }
            if self.shared.watch.violation.is_some() {
                break;
            }
            let Some(unsettled) = self.unsettled() else {
                break;
            };
            if look_at >= CALM + SETTLE_MAX {
                let text = format!(
                    "{} s after the last fault, {unsettled}",
                    SETTLE_MAX / SECOND
                );
                self.shared.watch.broken(look_at, text);
                break;
            }
            look_at += SETTLE_INTERVAL;
        }
        let watch = &self.shared.watch;
        let slowest = watch.slowest();
        Outcome {
            event_count: self.shared.event_count,
            answer_count: watch.answered_count(),
            slowest: slowest.map_or(0, |wish| wish.answered - wish.asked),
            violation: watch.violation.clone(),
            trace: self.shared.trace.unwrap_or_default(),
        }
    }

    fn happen(&mut self, event: Event) {
        if let Some(node) = self.node_of(&event)
            && let Some(waiting) = self.paused.get_mut(&node)
        {
            waiting.push(event);
            return;
        }
        match event {
            Event::Execute(ticket) => self.shared.execute(ticket),
            Event::Answer(node, ticket, answered) => {
                if let Some(zone) = self.zones.get_mut(&node) {
                    zone.answered(ticket, answered, &mut self.shared);
                } else if let Some(gateway) = self.gateways.get_mut(&node) {
                    gateway.answered(ticket, answered, &mut self.shared);
                }
            }
            Event::Arrive(stream, side) => {
                let held_until = self.shared.network.held_until(stream, side);
                if held_until > self.shared.now() {
                    let arrival = Event::Arrive(stream, side);
                    return self.shared.schedule.at(held_until, arrival);
                }
                let node = self.shared.network.node(stream, side);
                let packet = self.shared.network.receive(stream, side);
                if let (Some(node), Some(packet)) = (node, packet) {
                    if let Some(zone) = self.zones.get_mut(&node) {
                        zone.receive(stream, packet, &mut self.shared);
                    } else if let Some(gateway) = self.gateways.get_mut(&node) {
                        gateway.receive(stream, packet, &mut self.shared);
                    }
                }
            }
            Event::Zone(node, due) => {
                if let Some(zone) = self.zones.get_mut(&node) {
                    zone.due(due, &mut self.shared);
                }
            }
            Event::Gateway(node, due) => {
                if let Some(gateway) = self.gateways.get_mut(&node) {
                    gateway.due(due, &mut self.shared);
                }
            }
            Event::Player(index, players::Due::Act) => self.act(index),
            Event::Fault(number) => {
                let (_, fault) = self.plan.faults[number];
                self.go_wrong(fault);
            }
            Event::Resume(node) => self.resume(node),
            Event::StartZone(slot) => self.start_zone(slot),
            Event::StartGateway(slot) => self.start_gateway(slot),
            Event::Ended(node) => self.end_zone(node),
            Event::KeepAlive(stream) => self.keep_alive(stream),
        }
    }

    /// Which process something happens to.
    fn node_of(&self, event: &Event) -> Option<NodeId> {
        match event {
            Event::Answer(node, ..) | Event::Zone(node, _) | Event::Gateway(node, _) => Some(*node),
            Event::Arrive(stream, side) => self.shared.network.node(*stream, *side),
            _ => None,
        }
    }

    /// What has to do with more than one process.
    fn follow(&mut self) {
        for (node, region) in std::mem::take(&mut self.shared.started) {
            self.check_holder(node, region);
        }
        for (node, address) in std::mem::take(&mut self.shared.links_wanted) {
            self.link(node, &address);
        }
        for (node, other) in std::mem::take(&mut self.shared.peers_wanted) {
            let found = self.zones.values().find(|zone| zone.me == other);
            if let Some(accepter) = found.map(|zone| zone.node) {
                let stream = self.open(node, accepter);
                if let Some(zone) = self.zones.get_mut(&node) {
                    zone.peer_up(other, stream, &mut self.shared);
                }
            }
        }
        if std::mem::take(&mut self.shared.is_announced) {
            self.announce();
        }
        let said: Vec<_> = self
            .gateways
            .values_mut()
            .flat_map(|gateway| std::mem::take(&mut gateway.said))
            .collect();
        for said in said {
            self.hear(said);
        }
    }

    /// A gateway wants a stream to a zone server.
    fn link(&mut self, node: NodeId, address: &str) {
        let slots = self.zone_slots.iter().flatten();
        let mut zones = slots.filter_map(|node| self.zones.get(node));
        let accepter = zones.find(|zone| zone.standing.address == address);
        let stream = accepter
            .map(|zone| zone.node)
            .map(|accepter| self.open(node, accepter));
        if let Some(gateway) = self.gateways.get_mut(&node) {
            gateway.connected(address, stream, &mut self.shared);
        }
    }

    fn open(&mut self, opener: NodeId, accepter: NodeId) -> crate::network::StreamId {
        let stream = self.shared.network.open(opener, accepter);
        if self.paused.contains_key(&accepter) {
            self.shared.after(KEEP_ALIVE, Event::KeepAlive(stream));
        }
        stream
    }

    /// Nobody else who may speak runs a region that somebody begins with, or begins to speak for.
    fn check_holder(&mut self, node: NodeId, region: RegionId) {
        let speaks = |zone: &&Zone| zone.is_trusted(&self.shared);
        let Some(zone) = self.zones.get(&node).filter(speaks) else {
            return;
        };
        let others = self.zones.values().filter(|other| other.node != zone.node);
        let mut running = others.filter(|other| other.regions().contains(&region) && speaks(other));
        if let Some(other) = running.next() {
            let text = format!(
                "{region} begins while {} runs it and may speak",
                other.standing.address
            );
            let now = self.shared.now();
            self.shared.watch.broken(now, text);
        }
    }

    pub(crate) fn new_node(&mut self) -> NodeId {
        self.node_count += 1;
        NodeId(self.node_count)
    }
}

/// The row of a character that has never played.
fn row(key: &str, place: Position) -> Row {
    Row {
        entity: EntityRow {
            key: key.to_owned(),
            name: key.to_owned(),
            player: true,
            region: RegionId::of(place, yard::CELL_TILES),
            present: false,
            owner: None,
            own: 1,
            generation: 0,
            moved: CommandId::default(),
            applied: Applied::default(),
            state: EntityState::at(place),
        },
        is_gone: false,
    }
}
