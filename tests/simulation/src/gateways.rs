//! A gateway: the tasks of `gateway` as one state machine in virtual time, around the real sessions and the real table of holders.
//!
//! `connection` is in step with `gateway/src/connection/effects.rs` and `connection/line.rs`, `router` with `router.rs`, `router/` and `registry.rs`.

mod connection;
mod router;

use std::collections::BTreeMap;

use gateway::zone_message::{Event as Heard, FromZone, SessionNumber};
use store::regions::Holding;
use world::region::Message;

use crate::{
    desk::Ticket,
    network::{NodeId, Packet, StreamId},
    schedule::{MILLI, Micros},
    shared::{Event, Shared},
    statement::{Answered, Statement},
    watch::WishId,
};
use connection::Connection;
pub use connection::ConnectionId;
use router::Router;

/// What a gateway does, when its time has come.
#[derive(Debug)]
pub enum Due {
    /// It is looked who holds what, as at each interval.
    Look,
    /// The same, because somebody was not where we thought.
    LookSoon,
    /// A stream to a zone server is tried.
    Connect(String),
    /// A session's deadline.
    Tick(ConnectionId),
    /// A player's request comes.
    Request(ConnectionId, WishId),
    /// A player closes its connection.
    Close(ConnectionId),
}

/// What follows an answer of the database.
#[derive(Debug)]
enum Then {
    HoldingsRead(u64),
    Looked(u64, Vec<Holding>),
    Begun(ConnectionId),
    Located(ConnectionId),
}

/// What a player hears of a gateway.
#[derive(Debug)]
pub enum ToPlayer {
    /// The answer to its oldest request.
    Reply(usize, ConnectionId, world::region::Answer),
    /// The connection is closed: why, as its session says, and of which generation that was.
    Closed(usize, ConnectionId, Option<(gateway::session::End, u64)>),
}

/// A gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Its process.
    pub node: NodeId,
    /// Its identity.
    name: String,
    router: Router,
    connections: BTreeMap<ConnectionId, Connection>,
    connection_count: u32,
    session_count: u64,
    pending: BTreeMap<Ticket, Then>,
    /// What players hear, in its order.
    pub said: Vec<ToPlayer>,
}

impl Gateway {
    /// One that has just started.
    pub fn start(node: NodeId, shared: &mut Shared) -> Self {
        let gateway = Self {
            node,
            name: format!("gateway-{}", node.0),
            router: Router::default(),
            connections: BTreeMap::new(),
            connection_count: 0,
            session_count: 0,
            pending: BTreeMap::new(),
            said: Vec::new(),
        };
        shared.note(|| format!("{} starts", gateway.name));
        let delay = shared.chance.below(20 * MILLI);
        gateway.later(delay, Due::Look, shared);
        gateway
    }

    /// The time has come.
    pub fn due(&mut self, due: Due, shared: &mut Shared) {
        match due {
            Due::Look => {
                self.later(router::POLL_INTERVAL, Due::Look, shared);
                self.look(shared);
            }
            Due::LookSoon => self.look(shared),
            Due::Connect(address) => self.try_connect(address, shared),
            Due::Tick(id) => self.tick(id, shared),
            Due::Request(id, wish) => self.request(id, wish, shared),
            Due::Close(id) => self.close(id, shared),
        }
    }

    /// The database, or the account service, answers.
    pub fn answered(&mut self, ticket: Ticket, answered: Answered, shared: &mut Shared) {
        match self.pending.remove(&ticket) {
            None => {}
            Some(Then::HoldingsRead(number)) => self.holdings_read(number, answered, shared),
            Some(Then::Looked(number, holdings)) => {
                self.looked(number, &holdings, answered, shared);
            }
            Some(Then::Begun(id)) => self.begun(id, answered, shared),
            Some(Then::Located(id)) => self.located(id, answered, shared),
        }
    }

    /// Something has come by a stream.
    pub fn receive(&mut self, stream: StreamId, packet: Packet, shared: &mut Shared) {
        match packet {
            Packet::End => self.stream_ended(stream, shared),
            Packet::Message(message) => {
                if let Some(FromZone::Session(number, event)) = from_zone(message) {
                    self.hear(stream, number, event, shared);
                }
            }
            _ => {}
        }
    }

    /// All its connections: whose each is, and of which generation.
    #[must_use]
    pub fn connections(&self) -> Vec<(usize, ConnectionId, u64)> {
        let connections = self.connections.iter();
        let of = |(id, connection): (&ConnectionId, &Connection)| {
            (connection.player, *id, connection.generation())
        };
        connections.map(of).collect()
    }

    /// Its streams.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamId> {
        self.router.streams()
    }

    fn later(&self, delay: Micros, due: Due, shared: &mut Shared) {
        shared.after(delay, Event::Gateway(self.node, due));
    }

    fn submit(&mut self, statement: Statement, then: Then, shared: &mut Shared) {
        let ticket = shared.submit(self.node, statement);
        self.pending.insert(ticket, then);
    }
}

/// A message as `gateway/src/grpc.rs` hands it over.
fn from_zone(message: Message) -> Option<FromZone> {
    let (session, event) = match message {
        Message::Entered { session, region } => (session, Heard::Entered(region)),
        Message::Reply {
            session,
            counter,
            attempt,
            answer,
            ..
        } => {
            let reply = Heard::Reply {
                counter,
                attempt,
                answer,
            };
            (session, reply)
        }
        Message::Elsewhere {
            session,
            counter,
            attempt,
            region,
        } => {
            let elsewhere = Heard::Elsewhere {
                counter,
                attempt,
                region,
            };
            (session, elsewhere)
        }
        Message::Again {
            session,
            counter,
            attempt,
        } => (session, Heard::Again { counter, attempt }),
        Message::Moved { session, region } => (session, Heard::Moved(region)),
        Message::Released { session, region } => (session, Heard::Released(region)),
        Message::Evicted { session, reason } => (session, Heard::Evicted(reason)),
        Message::Snapshot(_) | Message::Changes(_) => return None,
    };
    Some(FromZone::Session(SessionNumber(session), event))
}
