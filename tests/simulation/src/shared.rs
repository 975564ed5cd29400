//! What everything in a run stands on: time, chance, the network, the way to the database, the watch, and the trace.

use std::time::{Duration, Instant};

use store::entities::Incarnation;
use world::region_id::RegionId;

use crate::{
    chance::Chance,
    database::Commit,
    desk::{Desk, Step, Ticket},
    gateways,
    mutant::Mutant,
    network::{Network, NodeId, Packet, Side, StreamId},
    players,
    schedule::{Micros, Schedule},
    statement::{Answered, Statement},
    watch::Watch,
    yard::Yard,
    zone,
};

/// The time at which every run begins, in milliseconds since 1970.
const EPOCH_MS: u64 = 1_800_000_000_000;

/// Something that happens.
#[derive(Debug)]
pub enum Event {
    /// The database executes a statement.
    Execute(Ticket),
    /// A process hears from the database.
    Answer(NodeId, Ticket, Answered),
    /// Something arrives at an end of a stream.
    Arrive(StreamId, Side),
    /// A zone server does something.
    Zone(NodeId, zone::Due),
    /// A gateway does something.
    Gateway(NodeId, gateways::Due),
    /// A player does something.
    Player(usize, players::Due),
    /// Something goes wrong: the number of it in the plan.
    Fault(usize),
    /// A process goes on.
    Resume(NodeId),
    /// A zone server starts in a slot.
    StartZone(usize),
    /// A gateway starts in a slot.
    StartGateway(usize),
    /// A zone server has handed everything over.
    Ended(NodeId),
    /// Everybody who is at the other end of a silent stream looks whether it lives.
    KeepAlive(StreamId),
}

/// The parts that all share.
#[derive(Debug)]
pub struct Shared {
    /// What happens next.
    pub schedule: Schedule<Event>,
    /// For everything that has no chance of its own.
    pub chance: Chance,
    /// Streams.
    pub network: Network,
    /// The way to the database.
    pub desk: Desk,
    /// The world.
    pub yard: Yard,
    /// What was promised.
    pub watch: Watch,
    /// The rule that is left out.
    pub mutant: Option<Mutant>,
    /// What has happened, if somebody wants to read it.
    pub trace: Option<Vec<String>>,
    /// Gateways that want a stream to a zone server.
    pub links_wanted: Vec<(NodeId, String)>,
    /// Zone servers that want a stream to another one.
    pub peers_wanted: Vec<(NodeId, Incarnation)>,
    /// Regions that have begun to run.
    pub started: Vec<(NodeId, RegionId)>,
    /// Whether somebody announces that the directory has changed.
    pub is_announced: bool,
    /// How many events have happened.
    pub event_count: u64,
    began: Instant,
}

impl Shared {
    /// The beginning of a run.
    #[must_use]
    pub fn new(chance: &mut Chance, players: &[String], mutant: Option<Mutant>) -> Self {
        Self {
            schedule: Schedule::new(chance.branch()),
            network: Network::new(chance.branch()),
            desk: Desk::new(chance.branch(), mutant),
            chance: chance.branch(),
            yard: Yard::new(players),
            watch: Watch::default(),
            mutant,
            trace: None,
            links_wanted: Vec::new(),
            peers_wanted: Vec::new(),
            started: Vec::new(),
            is_announced: false,
            event_count: 0,
            began: Instant::now(),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.schedule.now()
    }

    /// The time by the database's clock, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        EPOCH_MS + self.now() / 1_000
    }

    /// The time as gateways know it. Only its distance to others means something.
    #[must_use]
    pub fn instant(&self) -> Instant {
        self.began + Duration::from_micros(self.now())
    }

    /// When that is.
    #[must_use]
    pub fn micros(&self, at: Instant) -> Micros {
        let since = at.saturating_duration_since(self.began);
        // A deadline has passed when its last microsecond has.
        u64::try_from(since.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
    }

    /// Whether a rule is left out.
    #[must_use]
    pub fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Sends a statement to the database.
    pub fn submit(&mut self, node: NodeId, statement: Statement) -> Ticket {
        let mut steps = Vec::new();
        let now = self.now();
        let ticket = self.desk.submit(node, statement, now, &mut steps);
        self.plan(steps);
        ticket
    }

    /// The database executes a statement.
    pub fn execute(&mut self, ticket: Ticket) {
        let (now, now_ms) = (self.now(), self.now_ms());
        let mut commits: Vec<Commit> = Vec::new();
        let is_traced = self.trace.is_some();
        let executed = self
            .desk
            .execute(ticket, now, now_ms, &mut commits, is_traced);
        let Some((text, steps)) = executed else {
            return;
        };
        self.plan(steps);
        self.note(|| format!("database: {text}"));
        for commit in &commits {
            self.watch.committed(commit, now);
        }
    }

    fn plan(&mut self, steps: Vec<(Micros, Step)>) {
        for (at, step) in steps {
            let event = match step {
                Step::Execute(ticket) => Event::Execute(ticket),
                Step::Answer(node, ticket, answered) => Event::Answer(node, ticket, answered),
            };
            self.schedule.at(at, event);
        }
    }

    /// Says something to an end of a stream.
    pub fn send(&mut self, stream: StreamId, to: Side, packet: Packet) {
        let now = self.now();
        if let Some((at, stream, side)) = self.network.send(stream, to, packet, now) {
            self.schedule.at(at, Event::Arrive(stream, side));
        }
    }

    /// Breaks a stream.
    pub fn cut(&mut self, stream: StreamId) {
        let now = self.now();
        for (at, stream, side) in self.network.cut(stream, now) {
            self.schedule.at(at, Event::Arrive(stream, side));
        }
    }

    /// Ends a stream, after what was said by it.
    pub fn close(&mut self, stream: StreamId, from: Side) {
        let now = self.now();
        for (at, stream, side) in self.network.close(stream, from, now) {
            self.schedule.at(at, Event::Arrive(stream, side));
        }
    }

    /// Something happens now, in the order in which this was called.
    pub fn in_order(&mut self, event: Event) {
        self.schedule.in_order(event);
    }

    /// Announces that the directory has changed.
    pub fn announce(&mut self) {
        self.is_announced = true;
    }

    /// Something happens after a while.
    pub fn after(&mut self, delay: Micros, event: Event) {
        self.schedule.after(delay, event);
    }

    /// Writes a line of the trace, if somebody wants to read it.
    pub fn note(&mut self, text: impl FnOnce() -> String) {
        let now = self.now();
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>10.3} ms  {}", now as f64 / 1_000.0, text()));
        }
    }
}
