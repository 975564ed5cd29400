//! The only file that knows protobuf: what a gateway's messages say, and how what it is told is written. It does not know what becomes of either.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{Stream, StreamExt};
use prost::{Message as _, bytes::Bytes};
use proto::{self as p, gateway_message::Kind as In, zone_message::Kind as Out};
use store::entities::Incarnation;
use tonic::{Request, Response, Status, Streaming};
use wire::{
    Dialect, Value,
    command::Change,
    pickle::{self, Limits},
};
use world::{
    applied::CommandId,
    name,
    position::Position,
    region::{
        Action, Answer, Ask, Asker, Body, Command, Departed, Edit, Enter, LinkId, Message,
        Newcomer, Reason, Session, Shown, Update,
    },
    region_id::RegionId,
    state_pickle,
    terrain::TileEdit,
};

use super::{Ended, Invalid, Said, Speaking};
use crate::server::Server;

/// The most messages in one batch, so that a gateway begins to read a batch before the next is made.
const BATCH_MESSAGES_MAX: usize = 4_096;
/// The most bytes in one batch. gRPC refuses messages of more than 4 MiB.
const BATCH_BYTES_MAX: usize = (4 << 20) - 1_024;
/// What a message costs within a batch, besides its own bytes.
const FRAMING_BYTES: usize = 6;
/// The longest text of a client's request (`wire`'s limit on one string).
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The longest pickled value: what a client's request may unfold to, and room for how it is written.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// The gRPC service.
pub(super) fn service(
    server: Arc<Server>,
) -> p::zone_server::ZoneServer<impl p::zone_server::Zone> {
    p::zone_server::ZoneServer::new(Service { server })
}

struct Service {
    server: Arc<Server>,
}

#[tonic::async_trait]
impl p::zone_server::Zone for Service {
    type LinkStream = Batches;

    async fn link(
        &self,
        request: Request<Streaming<p::GatewayBatch>>,
    ) -> Result<Response<Batches>, Status> {
        let from = request.remote_addr();
        let speaking = super::begin(&self.server, from, |link| {
            request.into_inner().map(move |batch| parse(batch, link))
        });
        Ok(Response::new(Batches {
            speaking,
            packer: Packer::default(),
            has_ended: false,
        }))
    }
}

/// What is queued for a gateway, in batches: each has all that has come while the one before it was written.
struct Batches {
    speaking: Speaking,
    packer: Packer,
    has_ended: bool,
}

impl Stream for Batches {
    type Item = Result<p::ZoneBatch, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        if this.packer.is_empty() {
            let mut taken = Vec::new();
            ready!(
                this.speaking
                    .poll_messages(context, &mut taken, BATCH_MESSAGES_MAX)
            );
            this.packer.pending = taken.into_iter();
        }
        if this.packer.is_empty() {
            let end = ready!(this.speaking.poll_end(context));
            this.has_ended = true;
            return Poll::Ready(end.err().map(|why| Err(status(&why))));
        }
        Poll::Ready(Some(Ok(this.packer.batch())))
    }
}

/// What goes into the next batches.
#[derive(Default)]
struct Packer {
    /// Taken from the queue, and not written yet.
    pending: std::vec::IntoIter<Message>,
    /// Written, and too much for the batch before.
    held: Option<p::ZoneMessage>,
}

impl Packer {
    fn is_empty(&self) -> bool {
        self.held.is_none() && self.pending.len() == 0
    }

    /// As many messages as fit, and at least one.
    fn batch(&mut self) -> p::ZoneBatch {
        let mut messages = Vec::with_capacity(self.pending.len() + 1);
        let mut byte_count = 0;
        while let Some(message) = self.held.take().or_else(|| self.pending.next().map(write)) {
            byte_count += message.encoded_len() + FRAMING_BYTES;
            if byte_count > BATCH_BYTES_MAX && !messages.is_empty() {
                self.held = Some(message);
                break;
            }
            messages.push(message);
        }
        p::ZoneBatch { messages }
    }
}

fn status(why: &Ended) -> Status {
    let text = why.to_string();
    match why {
        Ended::Slow => Status::resource_exhausted(text),
        Ended::Invalid(_) => Status::invalid_argument(text),
        Ended::Forgotten | Ended::Failed => Status::internal(text),
    }
}

fn parse(batch: Result<p::GatewayBatch, Status>, link: LinkId) -> Result<Vec<Said>, Invalid> {
    let batch = batch.map_err(|status| Invalid::Broken(status.message().to_owned()))?;
    let said = batch.messages.into_iter();
    said.map(|message| said_by(message, link)).collect()
}

fn said_by(message: p::GatewayMessage, link: LinkId) -> Result<Said, Invalid> {
    let session = |number| Session { link, number };
    Ok(match message.kind.ok_or(Invalid::Missing("a message"))? {
        In::Hello(hello) => hello_of(hello)?,
        In::Enter(enter) => Said::Enter {
            region: region(enter.region)?,
            traceparent: text("a traceparent", enter.traceparent)?,
            enter: Enter {
                session: session(enter.session),
                key: name::key(&text("a name", enter.name)?),
                generation: enter.generation,
            },
        },
        In::Leave(leave) => Said::Leave {
            region: region(leave.region)?,
            leave: Enter {
                session: session(leave.session),
                key: name::key(&text("a name", leave.name)?),
                generation: leave.generation,
            },
        },
        In::Command(said) => command(said, link)?,
        In::Subscribe(p::Subscribe { region: id }) => Said::Subscribe(region(id)?),
        In::Unsubscribe(p::Unsubscribe { region: id }) => Said::Unsubscribe(region(id)?),
        In::Ask(said) => ask(said, link)?,
        In::Arriving(arriving) => Said::Arriving {
            region: region(arriving.region)?,
            key: name::key(&text("a name", arriving.name)?),
        },
        In::Held(held) => Said::Held {
            region: region(held.region)?,
            epoch: held.epoch,
        },
    })
}

fn hello_of(hello: p::Hello) -> Result<Said, Invalid> {
    let name = text("a name", hello.gateway)?;
    let kind = p::hello::Kind::try_from(hello.kind);
    Ok(match kind.map_err(|_| Invalid::Missing("who speaks"))? {
        p::hello::Kind::Gateway => Said::Hello { gateway: name },
        p::hello::Kind::ZoneServer => Said::HelloPeer {
            address: name,
            incarnation: Incarnation(hello.incarnation),
        },
    })
}

fn ask(said: p::Ask, link: LinkId) -> Result<Said, Invalid> {
    let action = action(said.action.ok_or(Invalid::Missing("an action"))?)?;
    let kind = match action {
        Action::Get(_) => "get",
        Action::Set { .. } => "set",
        _ => "edit",
    };
    let asker = Asker {
        session: Session {
            link,
            number: said.session,
        },
        key: name::key(&text("a name", said.author)?),
        id: CommandId {
            generation: said.generation,
            counter: said.counter,
        },
        attempt: said.attempt,
        kind,
        is_gm: said.is_gm,
        position: position(said.position)?,
    };
    Ok(Said::Ask {
        gateway: text("a gateway's name", said.gateway)?,
        ask: Ask {
            asker,
            target: name::key(&text("a name", said.target)?),
            action,
            hop_count: u8::try_from(said.hop_count).unwrap_or(u8::MAX),
        },
        region: region(said.region)?,
        traceparent: text("a traceparent", said.traceparent)?,
    })
}

fn action(action: p::ask::Action) -> Result<Action, Invalid> {
    use p::{ask::Action as Said, attribute_change::Change as By};
    Ok(match action {
        Said::Get(attribute) => Action::Get(text("an attribute's name", attribute)?),
        Said::Set(set) => Action::Set {
            attribute: text("an attribute's name", set.attribute)?,
            change: match set.change.ok_or(Invalid::Missing("a change"))? {
                By::To(bytes) => Change::To(value(&bytes)?),
                By::By(bytes) => Change::By(value(&bytes)?),
            },
        },
        Said::Spawn(newcomer) => Action::Spawn(Box::new(Newcomer {
            name: text("a name", newcomer.name)?,
            state: state_pickle::decode(&newcomer.state)
                .map_err(|_| Invalid::Pickle("a newcomer", "a state"))?,
        })),
        Said::Despawn(p::Nothing {}) => Action::Despawn,
        Said::Teleport(to) => Action::Teleport(position(Some(to))?),
        Said::Kick(p::Nothing {}) => Action::Kick,
        Said::Map(p::Edit { command }) => {
            Action::Map(Box::new(edit(command.ok_or(Invalid::Missing("an edit"))?)?))
        }
    })
}

fn command(said: p::Command, link: LinkId) -> Result<Said, Invalid> {
    let id = CommandId {
        generation: said.generation,
        counter: said.counter,
    };
    let body = body(said.body.ok_or(Invalid::Missing("a command"))?)?;
    let command = Command {
        session: Session {
            link,
            number: said.session,
        },
        author: name::key(&text("a name", said.author)?),
        id,
        attempt: said.attempt,
        body,
    };
    Ok(Said::Command {
        command,
        region: region(said.region)?,
        traceparent: text("a traceparent", said.traceparent)?,
    })
}

fn body(body: p::command::Body) -> Result<Body, Invalid> {
    Ok(match body {
        p::command::Body::Move(p::Move { dx, dy }) => Body::Move { dx, dy },
        p::command::Body::Get(p::Get { name, attribute }) => Body::Get {
            name: text("a name", name)?,
            attribute: text("an attribute's name", attribute)?,
        },
        p::command::Body::Set(set) => Body::Set {
            name: text("a name", set.name)?,
            attribute: text("an attribute's name", set.attribute)?,
            change: match set.change.ok_or(Invalid::Missing("a change"))? {
                p::set::Change::To(bytes) => Change::To(value(&bytes)?),
                p::set::Change::By(bytes) => Change::By(value(&bytes)?),
            },
        },
        p::command::Body::Edit(p::Edit { command }) => {
            Body::Edit(edit(command.ok_or(Invalid::Missing("an edit"))?)?)
        }
    })
}

fn edit(edit: p::edit::Command) -> Result<Edit, Invalid> {
    use p::edit::Command as Said;
    Ok(match edit {
        Said::Tile(tile) => Edit::Tile(TileEdit {
            map: text("a map's name", tile.map)?,
            layer: text("a layer's name", tile.layer)?,
            x: tile.x,
            y: tile.y,
            gid: tile.gid,
        }),
        Said::Spawn(spawn) => Edit::Spawn {
            name: text("a name", spawn.name)?,
            position: position(spawn.position)?,
            attributes: attributes(&spawn.attributes)?,
            behaviour: spawn
                .behaviour
                .map(|name| text("a behaviour's name", name))
                .transpose()?,
        },
        Said::Despawn(name) => Edit::Despawn(text("a name", name)?),
        Said::Teleport(teleport) => Edit::Teleport {
            name: text("a name", teleport.name)?,
            position: position(teleport.position)?,
        },
        Said::Kick(name) => Edit::Kick(text("a name", name)?),
        Said::Reload(map) => Edit::Reload(text("a map's name", map)?),
        Said::Reset(map) => Edit::Reset(text("a map's name", map)?),
    })
}

fn text(what: &'static str, text: String) -> Result<String, Invalid> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Invalid::TooLong(what, TEXT_BYTES_MAX));
    }
    Ok(text)
}

fn value(bytes: &[u8]) -> Result<Value, Invalid> {
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(Invalid::TooLong("a value", VALUE_BYTES_MAX));
    }
    // The gateway has written it: what it refers to by one reference in the request is written out.
    pickle::load(bytes, &Limits::stored()).map_err(|_| Invalid::Pickle("a value", "data"))
}

fn attributes(bytes: &[u8]) -> Result<Vec<(String, Value)>, Invalid> {
    const NO_DICT: Invalid = Invalid::Pickle("a list of attributes", "a dict of texts");
    let Value::Dict(entries) = value(bytes)? else {
        return Err(NO_DICT);
    };
    let entry = |(name, value)| match name {
        Value::Str(name) => Ok((name, value)),
        _ => Err(NO_DICT),
    };
    entries.into_iter().map(entry).collect()
}

fn region(region: Option<p::Region>) -> Result<RegionId, Invalid> {
    let p::Region { level, column, row } = region.ok_or(Invalid::Missing("a region"))?;
    Ok(RegionId { level, column, row })
}

fn position(position: Option<p::Position>) -> Result<Position, Invalid> {
    let p::Position { x, y, z } = position.ok_or(Invalid::Missing("a position"))?;
    Ok(Position { x, y, z })
}

fn write(message: Message) -> p::ZoneMessage {
    let kind = match message {
        Message::Entered { session, region } => Out::Entered(p::Entered {
            session,
            region: Some(written(region)),
        }),
        Message::Reply {
            session,
            counter,
            attempt,
            kind: _,
            answer,
        } => Out::Reply(p::Reply {
            session,
            counter,
            attempt,
            result: Some(match answer {
                Answer::Done(done) => p::reply::Result::Done(done),
                Answer::Value(value) => {
                    p::reply::Result::Value(Bytes::from(pickle::encode(&value, Dialect::Four)))
                }
            }),
        }),
        Message::Elsewhere {
            session,
            counter,
            attempt,
            region,
        } => Out::Elsewhere(p::Elsewhere {
            session,
            counter,
            attempt,
            region: region.map(written),
        }),
        Message::Again {
            session,
            counter,
            attempt,
        } => Out::Again(p::Again {
            session,
            counter,
            attempt,
        }),
        Message::Released { session, region } => Out::Released(p::Released {
            session,
            region: Some(written(region)),
        }),
        Message::Moved { session, region } => Out::Moved(p::Moved {
            session,
            region: Some(written(region)),
        }),
        Message::Evicted { session, reason } => Out::Evicted(p::Evicted {
            session,
            reason: match reason {
                Reason::TakenOver => p::evicted::Reason::TakenOver,
                Reason::Kicked => p::evicted::Reason::Kicked,
            }
            .into(),
        }),
        Message::Snapshot(update) => Out::Snapshot(p::Snapshot {
            region: Some(written(update.region)),
            epoch: update.epoch,
            entities: update.changed.iter().map(shown).collect(),
        }),
        Message::Changes(update) => Out::Changes(changes(&update)),
    };
    p::ZoneMessage { kind: Some(kind) }
}

fn changes(update: &Update) -> p::Changes {
    p::Changes {
        region: Some(written(update.region)),
        epoch: update.epoch,
        changed: update.changed.iter().map(shown).collect(),
        departed: update.departed.iter().map(departed).collect(),
    }
}

fn written(RegionId { level, column, row }: RegionId) -> p::Region {
    p::Region { level, column, row }
}

fn shown(shown: &Shown) -> p::Entity {
    let Position { x, y, z } = shown.position;
    p::Entity {
        name: shown.name.clone(),
        own: shown.own,
        version: shown.version,
        position: Some(p::Position { x, y, z }),
        attributes: shown.attributes.clone(),
    }
}

fn departed(departed: &Departed) -> p::Departure {
    p::Departure {
        name: departed.name.clone(),
        own: departed.own,
        version: departed.version,
        to: departed.to.map(written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(counter: u64, byte_count: usize) -> Message {
        Message::Reply {
            session: 1,
            counter,
            attempt: 0,
            kind: "get",
            answer: Answer::Value(Value::Bytes(vec![0; byte_count])),
        }
    }

    #[test]
    fn batches_are_as_large_as_grpc_allows_and_in_order() {
        let sizes = [
            1 << 20,
            3 << 20,
            10,
            5 << 20,
            10,
            1 << 20,
            1 << 20,
            1 << 20,
            1 << 20,
        ];
        let messages: Vec<Message> = (0..).zip(sizes).map(|(n, size)| reply(n, size)).collect();
        let mut packer = Packer {
            pending: messages.into_iter(),
            held: None,
        };
        let mut batches = Vec::new();
        while !packer.is_empty() {
            let batch = packer.batch();
            assert!(batch.encoded_len() < 4 << 20 || batch.messages.len() == 1);
            let counters = batch.messages.iter().map(|message| match &message.kind {
                Some(Out::Reply(reply)) => reply.counter,
                other => panic!("{other:?}"),
            });
            batches.push(counters.collect::<Vec<_>>());
        }
        let expected: [&[u64]; 5] = [&[0], &[1, 2], &[3], &[4, 5, 6, 7], &[8]];
        assert_eq!(batches, expected);
    }
}
