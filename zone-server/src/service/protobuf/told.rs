//! What gateways and other zone servers are told: written for all, and read by a zone server that is told of regions.

use proto::{self as p, zone_message::Kind as Out};
use world::region::{Answer, Departed, Message, Reason, Shown, Update};

use crate::peers::News;

use super::{super::Invalid, pickled, position, region, text, written, written_position};

pub(super) fn write(message: Message) -> p::ZoneMessage {
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
                Answer::Value(value) => p::reply::Result::Value(pickled(&value)),
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

fn shown(shown: &Shown) -> p::Entity {
    p::Entity {
        name: shown.name.clone(),
        own: shown.own,
        version: shown.version,
        position: Some(written_position(shown.position)),
        is_player: shown.is_player,
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

/// What a zone server is told of a region of another one, from which it takes nothing else.
pub(super) fn read(message: p::ZoneMessage) -> Result<News, Invalid> {
    Ok(match message.kind.ok_or(Invalid::Missing("a message"))? {
        Out::Snapshot(snapshot) => News::Snapshot(Update {
            region: region(snapshot.region)?,
            epoch: snapshot.epoch,
            changed: read_all(snapshot.entities, read_shown)?,
            departed: Vec::new(),
        }),
        Out::Changes(changes) => News::Changes(Update {
            region: region(changes.region)?,
            epoch: changes.epoch,
            changed: read_all(changes.changed, read_shown)?,
            departed: read_all(changes.departed, read_departed)?,
        }),
        _ => return Err(Invalid::Missing("news of a region")),
    })
}

fn read_all<S, T>(said: Vec<S>, read: impl Fn(S) -> Result<T, Invalid>) -> Result<Vec<T>, Invalid> {
    said.into_iter().map(read).collect()
}

fn read_shown(entity: p::Entity) -> Result<Shown, Invalid> {
    Ok(Shown {
        name: text("a name", entity.name)?,
        own: entity.own,
        version: entity.version,
        position: position(entity.position)?,
        is_player: entity.is_player,
        attributes: entity.attributes,
    })
}

fn read_departed(departed: p::Departure) -> Result<Departed, Invalid> {
    let to = departed.to.map(|to| region(Some(to)));
    Ok(Departed {
        name: text("a name", departed.name)?,
        own: departed.own,
        version: departed.version,
        to: to.transpose()?,
    })
}
