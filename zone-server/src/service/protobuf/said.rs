//! What gateways and other zone servers say.

use proto::{self as p, gateway_message::Kind as In};
use store::entities::Incarnation;
use tonic::Status;
use wire::{Value, command::Change};
use world::{
    applied::CommandId,
    name,
    region::{Body, Command, Edit, Enter, LinkId, Session},
    terrain::TileEdit,
};

use super::{
    super::{Invalid, Said},
    ask::ask,
    position, region, text, value, word,
};

pub(super) fn parse(
    batch: Result<p::GatewayBatch, Status>,
    link: LinkId,
) -> Result<Vec<Said>, Invalid> {
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
        In::Creature(said) => word::read(said)?,
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

pub(super) fn edit(edit: p::edit::Command) -> Result<Edit, Invalid> {
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
