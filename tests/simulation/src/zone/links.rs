//! Streams from gateways and to and from other zone servers, and what comes by them: `zone-server/src/links.rs`, `service/listen.rs`, `peers.rs`.

use std::collections::BTreeMap;

use gateway::zone_message::{Character, ToZone};
use store::entities::Incarnation;
use world::{
    applied::CommandId,
    region::{Ask, Command, Enter, HOP_COUNT_MAX, Input, LinkId, Message, Session},
    region_id::RegionId,
};

use super::{Due, Zone, rows};
use crate::{
    describe,
    network::{Packet, Side, StreamId},
    schedule::{MILLI, SECOND},
    shared::Shared,
    yard::Yard,
};

/// The streams that others have opened, and those that we have.
#[derive(Debug, Default)]
pub(super) struct Links {
    count: u64,
    by_stream: BTreeMap<StreamId, Link>,
    by_id: BTreeMap<LinkId, StreamId>,
    /// Streams to other zone servers, and whether they are up.
    pub(super) peers: BTreeMap<Incarnation, StreamId>,
}

#[derive(Debug)]
struct Link {
    id: LinkId,
    gateway: Option<String>,
}

impl Links {
    pub(super) fn is_linked(&self, id: LinkId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// The newest stream of a gateway.
    fn link_of(&self, gateway: &str) -> Option<LinkId> {
        let links = self.by_stream.values();
        let its = links.filter(|link| link.gateway.as_deref() == Some(gateway));
        its.map(|link| link.id).max()
    }

    /// Which gateway's stream it is.
    fn gateway_of(&self, id: LinkId) -> Option<String> {
        self.by_stream.get(self.by_id.get(&id)?)?.gateway.clone()
    }

    fn accept(&mut self, stream: StreamId, gateway: Option<String>) {
        self.count += 1;
        let id = LinkId(self.count);
        self.by_stream.insert(stream, Link { id, gateway });
        self.by_id.insert(id, stream);
    }

    fn close(&mut self, stream: StreamId) {
        if let Some(link) = self.by_stream.remove(&stream) {
            self.by_id.remove(&link.id);
        }
        self.peers.retain(|_, peer| *peer != stream);
    }

    pub(super) fn streams(&self) -> Vec<StreamId> {
        let accepted = self.by_stream.keys();
        accepted.chain(self.peers.values()).copied().collect()
    }
}

impl Zone {
    /// The watch sees what is answered.
    pub(super) fn watch_reply(
        &self,
        region: Option<RegionId>,
        message: &Message,
        shared: &mut Shared,
    ) {
        if let Message::Reply {
            session,
            counter,
            answer,
            ..
        } = message
        {
            let now = shared.now();
            let tables = (&shared.yard, &shared.desk.database);
            let watch = &mut shared.watch;
            let speaker = (self.me, region, self.trust.is_trusted(now));
            watch.said(speaker, (*session, *counter), answer, tables, now);
        }
    }

    /// Says something to a gateway, if we may speak.
    pub(super) fn tell(&mut self, link: LinkId, message: Message, shared: &mut Shared) {
        let now = shared.now();
        if !self.trust.is_trusted(now) {
            // What is queued may not be true any more, even if nobody has noticed that yet.
            return self.suspend(shared);
        }
        if let Some(stream) = self.links.by_id.get(&link).copied() {
            shared.note(|| {
                format!(
                    "{} says {}",
                    self.standing.address,
                    describe::message(&message)
                )
            });
            shared.send(stream, Side::Opener, Packet::Message(message));
        }
    }

    /// Nobody may believe us: all streams end.
    pub(super) fn suspend(&mut self, shared: &mut Shared) {
        for stream in self.links.streams() {
            shared.cut(stream);
            self.links.close(stream);
        }
    }

    /// All streams end in good order: we have nothing more to say.
    pub(super) fn close_all(&mut self, shared: &mut Shared) {
        for stream in self.links.streams() {
            let is_peer = self.links.peers.values().any(|peer| *peer == stream);
            let side = if is_peer {
                Side::Opener
            } else {
                Side::Accepter
            };
            shared.close(stream, side);
            self.links.close(stream);
        }
    }

    /// Something has come by a stream.
    pub fn receive(&mut self, stream: StreamId, packet: Packet, shared: &mut Shared) {
        match packet {
            Packet::Gateway(_) | Packet::Peer(_) if !self.is_trusted(shared) => shared.cut(stream),
            Packet::Gateway(gateway) => self.links.accept(stream, Some(gateway)),
            Packet::Peer(_) => self.links.accept(stream, None),
            Packet::End => self.links.close(stream),
            Packet::ToZone(said) => self.hear(stream, said, shared),
            Packet::Ask(region, ask, gateway) => {
                if self.links.by_stream.contains_key(&stream) {
                    self.take_ask(region, *ask, &gateway, shared);
                }
            }
            Packet::Arriving(region, key) => {
                self.recovery.arrivals.push((region, key));
                self.later(MILLI, Due::Arrivals, shared);
            }
            Packet::Held(..) => self.hasten(shared),
            Packet::Message(_) => {}
        }
    }

    /// A gateway says something.
    fn hear(&mut self, stream: StreamId, said: ToZone, shared: &mut Shared) {
        let Some(link) = self.links.by_stream.get(&stream).map(|link| link.id) else {
            return;
        };
        match said {
            ToZone::Enter {
                character, region, ..
            } => {
                let enter = enter(link, &character);
                let session = enter.session;
                if self.mail(region, Input::Enter(enter), shared).is_err() {
                    self.tell(link, rows::elsewhere(session, 0, 0), shared);
                }
            }
            ToZone::Leave { character, region } => {
                let leave = enter(link, &character);
                let there = self.whereabouts.get(&leave.key).copied();
                self.deliver_leave(there.unwrap_or(region), leave, shared);
            }
            ToZone::Command(command) => {
                let session = session(link, &command.character);
                let (counter, attempt) = (command.counter, command.attempt);
                let region = command.region;
                let command = Command {
                    session,
                    author: command.character.key.to_string(),
                    id: CommandId {
                        generation: command.character.generation,
                        counter,
                    },
                    attempt,
                    body: (*command.body).clone(),
                };
                if self.mail(region, Input::Command(command), shared).is_err() {
                    self.tell(link, rows::elsewhere(session, counter, attempt), shared);
                }
            }
            ToZone::Subscribe(_) | ToZone::Unsubscribe(_) => {}
        }
    }

    /// A command that a peer has passed on. If nobody can be answered, the gateway sends it again by itself.
    fn take_ask(&mut self, region: RegionId, mut ask: Ask, gateway: &str, shared: &mut Shared) {
        let Some(link) = self.links.link_of(gateway) else {
            return;
        };
        ask.asker.session.link = link;
        let again = rows::try_again(&ask.asker);
        if self.mail(region, Input::Ask(ask), shared).is_err() {
            self.tell(link, again, shared);
        }
    }

    /// Passes a command on to the server that holds a region. Whether nothing more is to be done about it here.
    pub(super) fn pass_to_peer(
        &mut self,
        region: RegionId,
        mut ask: Ask,
        shared: &mut Shared,
    ) -> bool {
        let Some(gateway) = self.links.gateway_of(ask.asker.session.link) else {
            // It has gone: nobody waits for an answer here.
            return true;
        };
        let holder = self.holdings.holder(region);
        let stream = holder.and_then(|holder| self.links.peers.get(&holder).copied());
        let Some(stream) = stream.filter(|_| ask.hop_count < HOP_COUNT_MAX) else {
            return false;
        };
        ask.hop_count += 1;
        shared.note(|| {
            format!(
                "{} passes {} on to {region}",
                self.standing.address,
                describe::ask(&ask)
            )
        });
        let packet = Packet::Ask(region, Box::new(ask), gateway);
        shared.send(stream, Side::Accepter, packet);
        true
    }

    /// Tells the holder of a region that a row was released for it.
    pub(super) fn arriving(&mut self, region: RegionId, key: String, shared: &mut Shared) {
        if self.actors.contains_key(&region) {
            self.recovery.arrivals.push((region, key));
            return self.later(MILLI, Due::Arrivals, shared);
        }
        let holder = self.holdings.holder(region);
        if let Some(stream) = holder.and_then(|holder| self.links.peers.get(&holder).copied()) {
            shared.send(stream, Side::Accepter, Packet::Arriving(region, key));
        }
    }

    /// Tells a server that a region was given to it.
    pub(super) fn tell_held(&self, to: Incarnation, region: RegionId, shared: &mut Shared) {
        if let Some(stream) = self.links.peers.get(&to).copied() {
            shared.send(stream, Side::Accepter, Packet::Held(region, 0));
        }
    }

    /// Where another server has an entity, as far as it has told: often true, sometimes not any more, and sometimes nothing.
    pub(super) fn ghost(&self, key: &str, shared: &mut Shared) -> Option<RegionId> {
        let region = match shared.chance.below(10) {
            0..3 => shared.desk.database.peek(key)?.region,
            3 => {
                let regions: Vec<RegionId> = Yard::regions().collect();
                *shared.chance.pick(&regions)?
            }
            _ => return None,
        };
        (!self.holdings.is_mine(self.me, region)).then_some(region)
    }

    /// Streams to all that live.
    pub(super) fn make_peers(&mut self, shared: &mut Shared) {
        self.later(SECOND / 4, Due::Peers, shared);
        if !self.is_trusted(shared) {
            return;
        }
        for other in self.holdings.living() {
            if other != self.me && !self.links.peers.contains_key(&other) {
                shared.peers_wanted.push((self.node, other));
            }
        }
    }

    /// There is a stream to another zone server.
    pub fn peer_up(&mut self, other: Incarnation, stream: StreamId, shared: &mut Shared) {
        self.links.peers.insert(other, stream);
        shared.send(stream, Side::Accepter, Packet::Peer(self.me));
    }
}

fn session(link: LinkId, character: &Character) -> Session {
    Session {
        link,
        number: character.number.0,
    }
}

fn enter(link: LinkId, character: &Character) -> Enter {
    Enter {
        session: session(link, character),
        key: character.key.to_string(),
        generation: character.generation,
    }
}
