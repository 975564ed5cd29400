//! Commands that a zone server passes on to another: how they are written, and how they are read.

use proto as p;
use wire::{Value, command::Change};
use world::{
    applied::CommandId,
    name,
    region::{Action, Ask, Asker, Edit, LinkId, Newcomer, Session},
    region_id::RegionId,
    state_pickle,
};

use super::{
    super::{Invalid, Said},
    pickled, position, region,
    said::edit,
    text, value, written, written_position,
};

pub(super) fn ask(said: p::Ask, link: LinkId) -> Result<Said, Invalid> {
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
        giver: said.giver.map(|giver| region(Some(giver))).transpose()?,
    };
    Ok(Said::Ask {
        gateway: text("a gateway's name", said.gateway)?,
        ask: Box::new(Ask {
            asker,
            target: name::key(&text("a name", said.target)?),
            action,
            hop_count: u8::try_from(said.hop_count).unwrap_or(u8::MAX),
        }),
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

/// A command for a region of another server, whose answer goes to a gateway.
pub(super) fn written_ask(
    gateway: &str,
    ask: &Ask,
    region: RegionId,
    traceparent: String,
) -> p::Ask {
    let asker = &ask.asker;
    p::Ask {
        gateway: gateway.to_owned(),
        session: asker.session.number,
        author: asker.key.clone(),
        generation: asker.id.generation,
        counter: asker.id.counter,
        attempt: asker.attempt,
        is_gm: asker.is_gm,
        position: Some(written_position(asker.position)),
        target: ask.target.clone(),
        region: Some(written(region)),
        hop_count: ask.hop_count.into(),
        traceparent,
        giver: asker.giver.map(written),
        action: Some(written_action(&ask.action)),
    }
}

fn written_action(action: &Action) -> p::ask::Action {
    use p::{ask::Action as Say, attribute_change::Change as By};
    match action {
        Action::Get(attribute) => Say::Get(attribute.clone()),
        Action::Set { attribute, change } => Say::Set(p::AttributeChange {
            attribute: attribute.clone(),
            change: Some(match change {
                Change::To(value) => By::To(pickled(value)),
                Change::By(value) => By::By(pickled(value)),
            }),
        }),
        Action::Spawn(newcomer) => Say::Spawn(p::Newcomer {
            name: newcomer.name.clone(),
            state: state_pickle::encode(&newcomer.state).into(),
        }),
        Action::Despawn => Say::Despawn(p::Nothing {}),
        Action::Teleport(to) => Say::Teleport(written_position(*to)),
        Action::Kick => Say::Kick(p::Nothing {}),
        Action::Map(edit) => Say::Map(p::Edit {
            command: Some(written_edit(edit)),
        }),
    }
}

fn written_edit(edit: &Edit) -> p::edit::Command {
    use p::edit::Command as Say;
    match edit {
        Edit::Tile(tile) => Say::Tile(p::TileEdit {
            map: tile.map.clone(),
            layer: tile.layer.clone(),
            x: tile.x,
            y: tile.y,
            gid: tile.gid,
        }),
        Edit::Spawn {
            name,
            position,
            attributes,
            behaviour,
        } => {
            let entries = attributes
                .iter()
                .map(|(name, value)| (Value::Str(name.clone()), value.clone()));
            Say::Spawn(p::Spawn {
                name: name.clone(),
                position: Some(written_position(*position)),
                attributes: pickled(&Value::Dict(entries.collect())),
                behaviour: behaviour.clone(),
            })
        }
        Edit::Despawn(name) => Say::Despawn(name.clone()),
        Edit::Teleport { name, position } => Say::Teleport(p::Teleport {
            name: name.clone(),
            position: Some(written_position(*position)),
        }),
        Edit::Kick(name) => Say::Kick(name.clone()),
        Edit::Reload(map) => Say::Reload(map.clone()),
        Edit::Reset(map) => Say::Reset(map.clone()),
    }
}

#[cfg(test)]
mod tests {
    use wire::Value;
    use world::{
        entity::{Attribute, EntityState},
        position::Position,
        terrain::TileEdit,
    };

    use super::*;

    fn check(action: Action, kind: &'static str) {
        let place = Position {
            x: 1.5,
            y: -2.0,
            z: 3,
        };
        let ask = Ask {
            asker: Asker {
                session: Session {
                    link: LinkId(7),
                    number: 8,
                },
                key: "anna".to_owned(),
                id: CommandId {
                    generation: 9,
                    counter: 10,
                },
                attempt: 11,
                kind,
                is_gm: true,
                position: place,
                giver: Some("3:-4:5".parse().unwrap()),
            },
            target: "bert".to_owned(),
            action,
            hop_count: 5,
        };
        let at: RegionId = "1:-2:3".parse().unwrap();
        let written = written_ask("gate", &ask, at, "trace".to_owned());
        let read = super::ask(written, LinkId(7)).unwrap();
        let Said::Ask {
            gateway,
            ask: read,
            region,
            traceparent,
        } = read
        else {
            panic!("{read:?}")
        };
        assert_eq!(
            (gateway.as_str(), &*read, region, traceparent.as_str()),
            ("gate", &ask, at, "trace")
        );
    }

    #[test]
    fn what_is_passed_on_is_what_comes() {
        let place = Position {
            x: 0.5,
            y: 64.0,
            z: -1,
        };
        let mut state = EntityState::at(place);
        let attribute = Attribute {
            value: Value::Int(7),
            expires_ms: Some(8),
        };
        state.attributes.insert("hp".to_owned(), attribute);
        state.behaviour = Some("graze".to_owned());
        let set = |change| Action::Set {
            attribute: "gold".to_owned(),
            change,
        };
        let tile = TileEdit {
            map: "yard".to_owned(),
            layer: "Collision".to_owned(),
            x: -3,
            y: 4,
            gid: 5,
        };
        check(Action::Get("gold".to_owned()), "get");
        check(set(Change::To(Value::Str("many".to_owned()))), "set");
        check(set(Change::By(Value::Float(0.5))), "set");
        for action in [
            Action::Spawn(Box::new(Newcomer {
                name: "Ox".to_owned(),
                state,
            })),
            Action::Despawn,
            Action::Teleport(place),
            Action::Kick,
            Action::Map(Box::new(Edit::Tile(tile))),
            Action::Map(Box::new(Edit::Reload("yard".to_owned()))),
            Action::Map(Box::new(Edit::Reset("yard".to_owned()))),
        ] {
            check(action, "edit");
        }
    }
}
