//! What a client asks for: a closed list of requests, parsed from a pickle. What is none of them is answered `[False]`.

use crate::{
    Value,
    pickle::{Kind, Pickle, View},
};

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `['ver']`
    Ver,
    /// `['upgrade']`
    Upgrade,
    /// `['login', name, password]`
    Login(Credentials),
    /// `['new', name, password]`
    New(Credentials),
    /// `['update']`
    Update,
    /// `['move', (dx, dy, dz)]`
    Move(Triple),
    /// `['get', name, attr]`
    Get {
        /// Whose.
        name: String,
        /// Which.
        attribute: String,
    },
    /// `['set', name, attr, value]`
    Set {
        /// Whose.
        name: String,
        /// Which.
        attribute: String,
        /// To what.
        change: Change,
    },
    /// `['edit', [command, data]]`
    Edit(Edit),
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// As it was typed.
    pub name: String,
    /// The bytes that were sent, or the UTF-8 of the text that was.
    pub password: Vec<u8>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Three numbers, as they were sent: they may be infinite or no numbers at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Triple {
    /// To the east.
    pub x: f64,
    /// To the south.
    pub y: f64,
    /// The level, or the change of it.
    pub z: f64,
}

/// What becomes of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is set to this.
    To(Value),
    /// This number is added to it.
    By(Value),
}

/// `['edit', [command, data]]`: what game masters may do.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// `['tile', [map, layer, x, y, gid]]`
    Tile {
        /// The map's name.
        map: String,
        /// The layer's name.
        layer: String,
        /// In the map's own tiles.
        x: i32,
        /// In the map's own tiles.
        y: i32,
        /// As in the map's file; 0 for no tile.
        gid: u32,
    },
    /// `['spawn', [name, (x, y, z), {attr: value}]]`, with an optional behaviour.
    Spawn {
        /// A name that nobody has.
        name: String,
        /// Where.
        position: Triple,
        /// What it begins with.
        attributes: Vec<(String, Value)>,
        /// What it does.
        behaviour: Option<String>,
    },
    /// `['despawn', [name]]`
    Despawn(String),
    /// `['teleport', [name, (x, y, z)]]`
    Teleport {
        /// Whom.
        name: String,
        /// Where to.
        position: Triple,
    },
    /// `['kick', [name]]`
    Kick(String),
    /// `['reload', [map]]`
    Reload(String),
    /// `['reset', [map]]`
    Reset(String),
}

/// A pickle that asks for nothing known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no request: {0}")]
pub struct NotARequest(&'static str);

impl Request {
    /// What a pickle asks for.
    ///
    /// # Errors
    /// It is no list, or its command, the number of its arguments or their types are none of a request's.
    pub fn parse(pickle: &Pickle<'_>) -> Result<Self, NotARequest> {
        let root = pickle.root();
        if root.kind() != Kind::List {
            return Err(NotARequest("not a list"));
        }
        let command = root
            .items()
            .next()
            .and_then(|first| first.as_utf8())
            .ok_or(NotARequest("no command"))?;
        let parsed = match command {
            b"ver" => root.parts().map(|[_]| Self::Ver),
            b"upgrade" => root.parts().map(|[_]| Self::Upgrade),
            b"update" => root.parts().map(|[_]| Self::Update),
            b"login" => credentials(root).map(Self::Login),
            b"new" => credentials(root).map(Self::New),
            b"move" => root
                .parts()
                .and_then(|[_, offset]| triple(offset))
                .map(Self::Move),
            b"get" => root.parts().and_then(|[_, name, attribute]| {
                Some(Self::Get {
                    name: text(name)?,
                    attribute: text(attribute)?,
                })
            }),
            b"set" => root.parts().and_then(|[_, name, attribute, value]| {
                Some(Self::Set {
                    name: text(name)?,
                    attribute: text(attribute)?,
                    change: change(value)?,
                })
            }),
            b"edit" => root
                .parts()
                .and_then(|[_, edit]| parse_edit(edit))
                .map(Self::Edit),
            _ => return Err(NotARequest("unknown command")),
        };
        parsed.ok_or(NotARequest("wrong arguments"))
    }
}

fn credentials(root: View<'_>) -> Option<Credentials> {
    let [_, name, password] = root.parts()?;
    let password = match password.to_value() {
        Value::Str(text) => text.into_bytes(),
        Value::Bytes(bytes) => bytes,
        _ => return None,
    };
    Some(Credentials {
        name: text(name)?,
        password,
    })
}

fn text(view: View<'_>) -> Option<String> {
    view.as_str().map(str::to_owned)
}

fn triple(view: View<'_>) -> Option<Triple> {
    if view.kind() != Kind::Tuple {
        return None;
    }
    let [x, y, z] = view.parts()?;
    Some(Triple {
        x: x.as_f64()?,
        y: y.as_f64()?,
        z: z.as_f64()?,
    })
}

/// A tuple of one number is a relative change; a tuple of one anything else is nothing.
fn change(view: View<'_>) -> Option<Change> {
    if view.kind() != Kind::Tuple {
        return Some(Change::To(view.to_value()));
    }
    match view.parts() {
        Some([number]) => Some(number.to_value())
            .filter(Value::is_number)
            .map(Change::By),
        None => Some(Change::To(view.to_value())),
    }
}

fn parse_edit(view: View<'_>) -> Option<Edit> {
    let [command, data] = view.parts()?;
    if view.kind() != Kind::List || data.kind() != Kind::List {
        return None;
    }
    match command.as_str()? {
        "tile" => {
            let [map, layer, x, y, gid] = data.parts()?;
            Some(Edit::Tile {
                map: text(map)?,
                layer: text(layer)?,
                x: i32::try_from(x.as_i64()?).ok()?,
                y: i32::try_from(y.as_i64()?).ok()?,
                gid: u32::try_from(gid.as_i64()?).ok()?,
            })
        }
        "spawn" => spawn(data),
        "despawn" => one(data).map(Edit::Despawn),
        "teleport" => {
            let [name, position] = data.parts()?;
            Some(Edit::Teleport {
                name: text(name)?,
                position: triple(position)?,
            })
        }
        "kick" => one(data).map(Edit::Kick),
        "reload" => one(data).map(Edit::Reload),
        "reset" => one(data).map(Edit::Reset),
        _ => None,
    }
}

fn spawn(data: View<'_>) -> Option<Edit> {
    let (name, position, attributes, behaviour) = match data.parts::<3>() {
        Some([name, position, attributes]) => (name, position, attributes, None),
        None => {
            let [name, position, attributes, behaviour] = data.parts()?;
            (name, position, attributes, Some(text(behaviour)?))
        }
    };
    let Value::Dict(entries) = attributes.to_value() else {
        return None;
    };
    let attributes = entries
        .into_iter()
        .map(|(name, value)| Some((name.as_str()?.to_owned(), value)))
        .collect::<Option<_>>()?;
    Some(Edit::Spawn {
        name: text(name)?,
        position: triple(position)?,
        attributes,
        behaviour,
    })
}

fn one(data: View<'_>) -> Option<String> {
    let [name] = data.parts()?;
    text(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::{Decoder, Dialect, Limits, encode};

    fn parse(value: &Value) -> Result<Request, NotARequest> {
        let bytes = encode(value, Dialect::Four);
        let mut decoder = Decoder::new(Limits::default());
        let pickle = decoder.decode(&bytes).unwrap();
        Request::parse(&pickle)
    }

    fn text(text: &str) -> Value {
        Value::Str(text.to_owned())
    }

    fn list<const N: usize>(items: [Value; N]) -> Value {
        Value::List(items.into())
    }

    fn tuple<const N: usize>(items: [Value; N]) -> Value {
        Value::Tuple(items.into())
    }

    #[test]
    fn requests() {
        let place = || tuple([Value::Int(1), Value::Float(2.5), Value::Int(0)]);
        let triple = Triple {
            x: 1.0,
            y: 2.5,
            z: 0.0,
        };
        let set = |change| Request::Set {
            name: "Anna".to_owned(),
            attribute: "gold".to_owned(),
            change,
        };
        let setting = |value| list([text("set"), text("Anna"), text("gold"), value]);
        let edit = |command, data| list([text("edit"), list([text(command), data])]);
        let cases = [
            (list([text("ver")]), Request::Ver),
            (list([text("move"), place()]), Request::Move(triple)),
            (
                list([text("login"), text("Anna"), Value::Bytes(vec![255])]),
                Request::Login(Credentials {
                    name: "Anna".to_owned(),
                    password: vec![255],
                }),
            ),
            (setting(Value::Int(5)), set(Change::To(Value::Int(5)))),
            (
                setting(tuple([Value::Int(5)])),
                set(Change::By(Value::Int(5))),
            ),
            (setting(place()), set(Change::To(place()))),
            (setting(tuple([])), set(Change::To(tuple([])))),
            (
                edit(
                    "tile",
                    list([
                        text("m"),
                        text("l"),
                        Value::Int(-1),
                        Value::Int(2),
                        Value::Int(0x8000_0001),
                    ]),
                ),
                Request::Edit(Edit::Tile {
                    map: "m".to_owned(),
                    layer: "l".to_owned(),
                    x: -1,
                    y: 2,
                    gid: 0x8000_0001,
                }),
            ),
            (
                edit(
                    "spawn",
                    list([
                        text("Owl"),
                        place(),
                        Value::Dict(vec![(text("hp"), Value::Int(1))]),
                        text("guard"),
                    ]),
                ),
                Request::Edit(Edit::Spawn {
                    name: "Owl".to_owned(),
                    position: triple,
                    attributes: vec![("hp".to_owned(), Value::Int(1))],
                    behaviour: Some("guard".to_owned()),
                }),
            ),
            (
                edit("kick", list([text("Anna")])),
                Request::Edit(Edit::Kick("Anna".to_owned())),
            ),
        ];
        for (value, request) in cases {
            assert_eq!(parse(&value), Ok(request), "{value:?}");
        }
    }

    #[test]
    fn what_is_no_request() {
        let cases = [
            text("ver"),
            tuple([text("ver")]),
            list([]),
            list([Value::Int(3)]),
            list([text("VER")]),
            list([text("ver"), Value::None]),
            list([
                text("move"),
                list([Value::Int(1), Value::Int(1), Value::Int(0)]),
            ]),
            list([
                text("move"),
                tuple([Value::Int(1), Value::Bool(true), Value::Int(0)]),
            ]),
            list([text("move"), tuple([Value::Int(1), Value::Int(1)])]),
            list([text("get"), text("Anna")]),
            list([
                text("set"),
                text("Anna"),
                text("gold"),
                tuple([Value::Bool(true)]),
            ]),
            list([text("set"), text("Anna"), text("gold"), tuple([text("5")])]),
            list([text("login"), text("Anna"), Value::Int(5)]),
            list([text("edit"), list([text("kick"), text("Anna")])]),
            list([text("edit"), list([text("dance"), list([])])]),
            list([
                text("edit"),
                list([
                    text("spawn"),
                    list([text("Owl"), Value::None, Value::Dict(vec![])]),
                ]),
            ]),
        ];
        for value in cases {
            assert!(parse(&value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let printed = format!(
            "{:?}",
            parse(&list([text("new"), text("Anna"), text("secret")]))
        );
        assert!(
            printed.contains("Anna") && !printed.contains("secret"),
            "{printed}"
        );
    }
}
