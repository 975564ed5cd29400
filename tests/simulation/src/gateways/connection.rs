//! One connection around a real session: `gateway/src/connection.rs`, `connection/effects.rs` and `connection/line.rs`, without sockets.

use std::sync::Arc;

use gateway::{
    request::{Asked, Kind, Read},
    session::{End, Head, Output, Session, Ticket, Verdict},
    zone_message::{Character, Event as Heard, SessionNumber, ToZone},
};
use wire::{Dialect, command::Credentials};
use world::{region::Body, region_id::RegionId};

use super::{Due, Gateway, Then, ToPlayer};
use crate::{
    describe,
    mutant::Mutant,
    network::{NodeId, Packet, Side, StreamId},
    schedule::Micros,
    shared::Shared,
    statement::{Answered, Response, Statement},
    watch::{Want, WishId},
};

/// How many requests of a connection are unanswered at most.
const UNANSWERED_MAX: usize = 64;
/// What the mutant adds to the count of a command that is sent again.
const RECOUNT: u64 = 1_000_000;

/// One connection of a gateway; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(NodeId, u32);

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) player: usize,
    key: String,
    session: Session,
    outputs: Vec<Output>,
    /// Whose words are heard.
    number: Option<SessionNumber>,
    /// The stream that the session speaks by.
    pub(super) link: Option<StreamId>,
    /// The region that it speaks to.
    pub(super) region: Option<RegionId>,
    /// The last look that had begun when the region was said by a zone server.
    pub(super) since_look: u64,
    tick_at: Option<Micros>,
}

impl Connection {
    /// Of its session; 0 before a login.
    pub(super) fn generation(&self) -> u64 {
        let character = self.session.character();
        character.map_or(0, |character| character.generation)
    }
}

impl Gateway {
    /// A player connects.
    pub fn accept(&mut self, player: usize, key: String) -> ConnectionId {
        self.connection_count += 1;
        let id = ConnectionId(self.node, self.connection_count);
        let connection = Connection {
            player,
            key,
            session: Session::new(UNANSWERED_MAX),
            outputs: Vec::new(),
            number: None,
            link: None,
            region: None,
            since_look: 0,
            tick_at: None,
        };
        self.connections.insert(id, connection);
        id
    }

    pub(super) fn request(&mut self, id: ConnectionId, wish: WishId, shared: &mut Shared) {
        let now = shared.instant();
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let (kind, asked) = asked(&connection.key, &shared.watch.wishes[wish.0].want);
        let ticket = Ticket {
            kind,
            dialect: Dialect::Four,
            came: now,
            weight: 64,
            span: tracing::Span::none(),
        };
        connection
            .session
            .request(asked, ticket, now, &mut connection.outputs);
        self.work(id, shared);
    }

    /// Does what the session wants and writes what it answers, until there is nothing more.
    fn work(&mut self, id: ConnectionId, shared: &mut Shared) {
        let now = shared.instant();
        loop {
            let Some(connection) = self.connections.get_mut(&id) else {
                return;
            };
            let outputs = std::mem::take(&mut connection.outputs);
            let is_quiet = outputs.is_empty();
            for output in outputs {
                self.carry_out(id, output, shared);
            }
            let Some(connection) = self.connections.get_mut(&id) else {
                return;
            };
            let session = &mut connection.session;
            let is_over = session.end().is_some();
            match session.head() {
                Head::Answer(answer) => {
                    let answer = answer.clone();
                    self.said
                        .push(ToPlayer::Reply(connection.player, id, answer));
                    session.pop(now, &mut connection.outputs);
                }
                Head::Read(_) if !is_over => session.ask_owner(now, &mut connection.outputs),
                _ if is_quiet && is_over => return self.end(id, shared),
                _ if is_quiet => break,
                _ => {}
            }
        }
        self.plan_tick(id, shared);
    }

    fn plan_tick(&mut self, id: ConnectionId, shared: &mut Shared) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some(at) = connection.session.deadline() else {
            return;
        };
        let at = shared.micros(at);
        if connection.tick_at.is_none_or(|planned| at < planned) {
            connection.tick_at = Some(at);
            let delay = at.saturating_sub(shared.now());
            self.later(delay, Due::Tick(id), shared);
        }
    }

    pub(super) fn tick(&mut self, id: ConnectionId, shared: &mut Shared) {
        let now = shared.instant();
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.tick_at = None;
            connection.session.tick(now, &mut connection.outputs);
            self.work(id, shared);
        }
    }

    fn carry_out(&mut self, id: ConnectionId, output: Output, shared: &mut Shared) {
        match output {
            Output::Authenticate { .. } => {
                if let Some(connection) = self.connections.get(&id) {
                    let begin = Statement::BeginSession(connection.key.clone());
                    self.submit(begin, Then::Begun(id), shared);
                }
            }
            Output::Enter(character, region) => self.enter(id, character, region, shared),
            Output::Leave(character, region) => {
                self.say(id, ToZone::Leave { character, region }, shared);
            }
            Output::Command(mut command) => {
                let is_durable = matches!(*command.body, Body::Set { .. } | Body::Edit(_));
                if shared.is(Mutant::NewCounterForRepeats) && command.attempt > 0 && is_durable {
                    command.counter += RECOUNT * u64::from(command.attempt);
                }
                self.say(id, ToZone::Command(command), shared);
            }
            Output::Begun(_) => {}
            Output::Locate(character) => {
                let peek = Statement::Peek(character.key.to_string());
                self.submit(peek, Then::Located(id), shared);
            }
        }
    }

    fn enter(
        &mut self,
        id: ConnectionId,
        character: Character,
        region: RegionId,
        shared: &mut Shared,
    ) {
        let link = self.router.holder(region);
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.number = Some(character.number);
        connection.region = Some(region);
        connection.since_look = 0;
        connection.link = link;
        if link.is_none() {
            return connection.session.unreachable();
        }
        let enter = ToZone::Enter {
            character,
            region,
            traceparent: String::new(),
        };
        self.say(id, enter, shared);
    }

    fn say(&mut self, id: ConnectionId, message: ToZone, shared: &mut Shared) {
        let link = self
            .connections
            .get(&id)
            .and_then(|connection| connection.link);
        if let Some(link) = link {
            shared.note(|| format!("{} says {}", self.name, describe::to_zone(&message)));
            shared.send(link, Side::Accepter, Packet::ToZone(message));
        }
    }

    /// The account service answers a login.
    pub(super) fn begun(&mut self, id: ConnectionId, answered: Answered, shared: &mut Shared) {
        let now = shared.instant();
        self.session_count += 1;
        let number = u64::from(self.node.0) * RECOUNT + self.session_count;
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let key = connection.key.clone();
        let verdict = match answered {
            Ok(Response::Begun(generation, region)) => {
                shared
                    .watch
                    .sessions
                    .insert(number, (key.clone(), generation));
                let character = Character {
                    number: SessionNumber(number),
                    name: Arc::from(key.as_str()),
                    key: Arc::from(key.as_str()),
                    generation,
                };
                Verdict::Begun { character, region }
            }
            _ => Verdict::Unknown,
        };
        connection
            .session
            .verdict(verdict, now, &mut connection.outputs);
        self.work(id, shared);
    }

    pub(super) fn located(&mut self, id: ConnectionId, answered: Answered, shared: &mut Shared) {
        let now = shared.instant();
        let found = match answered {
            Ok(Response::Row(row)) => Ok(row.map(|row| row.region)),
            _ => Err(()),
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection
                .session
                .located(found, now, &mut connection.outputs);
            self.work(id, shared);
        }
    }

    /// A zone server says something to a session.
    pub(super) fn hear(
        &mut self,
        stream: StreamId,
        number: SessionNumber,
        event: Heard,
        shared: &mut Shared,
    ) {
        let mut connections = self.connections.iter_mut();
        let found = connections.find(|(_, connection)| connection.number == Some(number));
        let Some((id, connection)) = found else {
            return;
        };
        if !event.is_for_any_stream() && connection.link != Some(stream) {
            return;
        }
        let (id, now) = (*id, shared.instant());
        let is_astray = matches!(
            event,
            Heard::Released(_) | Heard::Elsewhere { region: None, .. }
        );
        let event = uncounted(event);
        connection
            .session
            .heard(number, event, now, &mut connection.outputs);
        // Where the character is now is where its player looks.
        let mut is_elsewhere = false;
        if let Some(region) = connection.session.region()
            && connection.region != Some(region)
        {
            connection.region = Some(region);
            connection.since_look = self.router.look_count;
            let held = self.router.holder(region);
            is_elsewhere = held.is_some() && held != connection.link;
        }
        if is_astray || is_elsewhere {
            self.doubt(shared);
        }
        self.work(id, shared);
    }

    /// The stream by which a session spoke has ended.
    pub(super) fn lost(&mut self, id: ConnectionId, shared: &mut Shared) {
        let now = shared.instant();
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.link = None;
            connection.session.link_lost(now, &mut connection.outputs);
            self.work(id, shared);
        }
    }

    /// The region that a session speaks to may be reached by another stream.
    pub(super) fn look_at_holder(&mut self, id: ConnectionId, shared: &mut Shared) {
        let now = shared.instant();
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let held = connection
            .session
            .region()
            .and_then(|region| self.router.holder(region));
        if held.is_some() && held != connection.link {
            connection
                .session
                .holder_changed(now, &mut connection.outputs);
            self.work(id, shared);
        }
    }

    /// A session is over from within.
    fn end(&mut self, id: ConnectionId, shared: &mut Shared) {
        let end = self
            .connections
            .get(&id)
            .and_then(|connection| connection.session.end());
        self.bid_farewell(id, end, shared);
    }

    /// A player closes its connection.
    pub(super) fn close(&mut self, id: ConnectionId, shared: &mut Shared) {
        self.bid_farewell(id, None, shared);
    }

    fn bid_farewell(&mut self, id: ConnectionId, end: Option<End>, shared: &mut Shared) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        let session = &connection.session;
        if let (Some(character), Some(region)) = (session.character().cloned(), session.region()) {
            self.say(id, ToZone::Leave { character, region }, shared);
        }
        if let Some(connection) = self.connections.remove(&id) {
            let end = end.map(|end| (end, connection.generation()));
            shared.note(|| {
                format!(
                    "{} closes a connection of {}: {end:?}",
                    self.name, connection.key
                )
            });
            self.said.push(ToPlayer::Closed(connection.player, id, end));
        }
    }
}

/// A request as the gateway parses it.
fn asked(author: &str, want: &Want) -> (Kind, Asked) {
    match want {
        Want::Login => {
            let credentials = Credentials {
                name: author.to_owned(),
                password: Vec::new(),
            };
            let is_new = false;
            (
                Kind::Login,
                Asked::Credentials {
                    is_new,
                    credentials,
                },
            )
        }
        Want::Get { target, purse } => {
            let read = Read::Get {
                name: target.clone(),
                attribute: crate::yard::purse(*purse),
            };
            (Kind::Get, Asked::Read(read))
        }
        want => match want.body(author) {
            Some(body) => (kind(&body), Asked::Command(body)),
            None => (Kind::Unknown, Asked::Nothing),
        },
    }
}

fn kind(body: &Body) -> Kind {
    match body {
        Body::Move { .. } => Kind::Move,
        Body::Get { .. } => Kind::Get,
        Body::Set { .. } => Kind::Set,
        Body::Edit(_) => Kind::Edit,
    }
}

/// The count that the session knows.
fn uncounted(event: Heard) -> Heard {
    match event {
        Heard::Reply {
            counter,
            attempt,
            answer,
        } => Heard::Reply {
            counter: counter % RECOUNT,
            attempt,
            answer,
        },
        Heard::Again { counter, attempt } => Heard::Again {
            counter: counter % RECOUNT,
            attempt,
        },
        Heard::Elsewhere {
            counter,
            attempt,
            region,
        } => Heard::Elsewhere {
            counter: counter % RECOUNT,
            attempt,
            region,
        },
        other => other,
    }
}
