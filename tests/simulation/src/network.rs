//! Streams between processes. One direction of a stream keeps its order, and nothing else does: what is sent takes a time that is drawn, a stream may
//! stand still, and it may break, which each end hears after what has reached it before. It does not know what is said.

use std::collections::{BTreeMap, VecDeque};

use gateway::zone_message::ToZone;
use store::entities::Incarnation;
use world::{
    region::{Ask, Message},
    region_id::RegionId,
};

use crate::{
    chance::Chance,
    schedule::{MILLI, Micros, SECOND},
};

/// One run of a process; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// One stream; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

/// After how long a silence a stream counts as broken: the interval and the time-out of HTTP/2's keep-alive.
pub const KEEP_ALIVE: Micros = 3 * SECOND;

/// What is said by a stream.
#[derive(Debug)]
pub enum Packet {
    /// By a gateway, first: who it is.
    Gateway(String),
    /// By a zone server, first: who it is.
    Peer(Incarnation),
    /// By a gateway.
    ToZone(ToZone),
    /// By a zone server to a gateway.
    Message(Message),
    /// By a zone server to another: a command, the region that should have its target, and the gateway that is answered.
    Ask(RegionId, Box<Ask>, String),
    /// A row was released for a region.
    Arriving(RegionId, String),
    /// A region was given.
    Held(RegionId, u64),
    /// The stream has ended.
    End,
}

/// Which end of a stream: who opened it has the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who opened it.
    Opener,
    /// Who accepted it.
    Accepter,
}

impl Side {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Opener => Self::Accepter,
            Self::Accepter => Self::Opener,
        }
    }
}

#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Packet>,
    is_ended: bool,
    /// Before this nothing arrives.
    held_until: Micros,
}

#[derive(Debug)]
struct Stream {
    opener: NodeId,
    accepter: NodeId,
    /// What is on its way to the opener, and to the accepter.
    lanes: [Lane; 2],
}

/// All streams.
#[derive(Debug)]
pub struct Network {
    streams: BTreeMap<StreamId, Stream>,
    count: u32,
    chance: Chance,
    /// The longest that a packet usually takes.
    delay_max: Micros,
}

/// That a packet arrives at one end of a stream then.
pub type Arrival = (Micros, StreamId, Side);

impl Network {
    /// No streams.
    #[must_use]
    pub fn new(mut chance: Chance) -> Self {
        let delay_max = *chance
            .pick(&[MILLI, 5 * MILLI, 40 * MILLI])
            .unwrap_or(&MILLI);
        Self {
            streams: BTreeMap::new(),
            count: 0,
            chance,
            delay_max,
        }
    }

    /// A new stream.
    pub fn open(&mut self, opener: NodeId, accepter: NodeId) -> StreamId {
        self.count += 1;
        let id = StreamId(self.count);
        let lanes = <[Lane; 2]>::default();
        self.streams.insert(
            id,
            Stream {
                opener,
                accepter,
                lanes,
            },
        );
        id
    }

    /// Who is at an end.
    #[must_use]
    pub fn node(&self, stream: StreamId, side: Side) -> Option<NodeId> {
        let stream = self.streams.get(&stream)?;
        Some(match side {
            Side::Opener => stream.opener,
            Side::Accepter => stream.accepter,
        })
    }

    /// How long something takes on its way.
    pub fn delay(&mut self) -> Micros {
        let max = match self.chance.below(20) {
            0 => self.delay_max * 4,
            _ => self.delay_max,
        };
        self.chance.within(50, max)
    }

    /// Sends something to an end. None: the stream has ended, and nothing arrives.
    pub fn send(
        &mut self,
        stream: StreamId,
        to: Side,
        packet: Packet,
        now: Micros,
    ) -> Option<Arrival> {
        let delay = self.delay();
        let lane = self.lane(stream, to)?;
        if lane.is_ended {
            return None;
        }
        lane.queue.push_back(packet);
        Some(((now + delay).max(lane.held_until), stream, to))
    }

    /// What arrives at an end.
    pub fn receive(&mut self, stream: StreamId, to: Side) -> Option<Packet> {
        let packet = self.lane(stream, to)?.queue.pop_front();
        let is_over = |stream: &Stream| {
            let mut lanes = stream.lanes.iter();
            lanes.all(|lane| lane.is_ended && lane.queue.is_empty())
        };
        if self.streams.get(&stream).is_some_and(is_over) {
            self.streams.remove(&stream);
        }
        packet
    }

    /// A stream breaks: of what is on its way some arrives, and then its end.
    pub fn cut(&mut self, stream: StreamId, now: Micros) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for side in [Side::Opener, Side::Accepter] {
            let delay = self.delay();
            let chance = self.chance.number();
            let Some(lane) = self.lane(stream, side).filter(|lane| !lane.is_ended) else {
                continue;
            };
            let kept = chance % (lane.queue.len() as u64 + 1);
            lane.queue
                .truncate(usize::try_from(kept).unwrap_or_default());
            lane.queue.push_back(Packet::End);
            lane.is_ended = true;
            // One for what is there, and the end itself.
            let at = (now + delay).max(lane.held_until);
            arrivals.extend(lane.queue.iter().map(|_| (at, stream, side)));
        }
        arrivals
    }

    /// An end closes a stream in good order: everything that it has said arrives.
    pub fn close(&mut self, stream: StreamId, from: Side, now: Micros) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        arrivals.extend(self.send(stream, from.other(), Packet::End, now));
        for side in [Side::Opener, Side::Accepter] {
            if let Some(lane) = self.lane(stream, side) {
                if side == from {
                    lane.queue.clear();
                }
                lane.is_ended = true;
            }
        }
        arrivals
    }

    /// Nothing arrives by a stream for a while.
    pub fn hold(&mut self, stream: StreamId, until: Micros) {
        for side in [Side::Opener, Side::Accepter] {
            if let Some(lane) = self.lane(stream, side) {
                lane.held_until = lane.held_until.max(until);
            }
        }
    }

    /// Until when nothing arrives at an end.
    #[must_use]
    pub fn held_until(&self, stream: StreamId, to: Side) -> Micros {
        self.streams
            .get(&stream)
            .map_or(0, |stream| stream.lanes[index(to)].held_until)
    }

    /// All streams that a process has.
    #[must_use]
    pub fn streams_of(&self, node: NodeId) -> Vec<StreamId> {
        self.streams
            .iter()
            .filter(|(_, stream)| stream.opener == node || stream.accepter == node)
            .map(|(id, _)| *id)
            .collect()
    }

    /// All streams.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamId> {
        self.streams.keys().copied().collect()
    }

    fn lane(&mut self, stream: StreamId, to: Side) -> Option<&mut Lane> {
        Some(&mut self.streams.get_mut(&stream)?.lanes[index(to)])
    }
}

fn index(side: Side) -> usize {
    match side {
        Side::Opener => 0,
        Side::Accepter => 1,
    }
}
