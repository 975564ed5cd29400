//! What a client's request comes to for a gateway: a read that it answers itself, a command that the character's owner decides, or a login.

use wire::{
    Value,
    command::{Change, Credentials, Edit, Request, Triple},
};
use world::{
    position::Position,
    region::{self, Body},
    terrain::TileEdit,
};

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    /// Nothing known.
    Nothing,
    /// Something that no world allows.
    Impossible,
    /// `login`, or `new`.
    Credentials {
        /// Whether the account is to be created.
        is_new: bool,
        /// Of the player.
        credentials: Credentials,
    },
    /// Something to be looked up.
    Read(Read),
    /// Something for the owner of the character.
    Command(Body),
}

/// What a gateway looks up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    /// The client's version.
    Ver,
    /// The client's image.
    Upgrade,
    /// Everything in view.
    Update,
    /// An attribute.
    Get {
        /// Whose.
        name: String,
        /// Which.
        attribute: String,
    },
}

impl Read {
    /// Whether only a character may ask.
    pub(crate) fn needs_login(&self) -> bool {
        matches!(self, Self::Update | Self::Get { .. })
    }
}

/// The names of the requests, for labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `ver`
    Ver,
    /// `upgrade`
    Upgrade,
    /// `login`
    Login,
    /// `new`
    New,
    /// `update`
    Update,
    /// `move`
    Move,
    /// `get`
    Get,
    /// `set`
    Set,
    /// `edit`
    Edit,
    /// What asks for nothing known.
    Unknown,
}

impl Kind {
    /// All of them, in their order as numbers.
    pub(crate) const ALL: [Kind; 10] = [
        Self::Ver,
        Self::Upgrade,
        Self::Login,
        Self::New,
        Self::Update,
        Self::Move,
        Self::Get,
        Self::Set,
        Self::Edit,
        Self::Unknown,
    ];

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ver => "ver",
            Self::Upgrade => "upgrade",
            Self::Login => "login",
            Self::New => "new",
            Self::Update => "update",
            Self::Move => "move",
            Self::Get => "get",
            Self::Set => "set",
            Self::Edit => "edit",
            Self::Unknown => "unknown",
        }
    }

    /// What a request is called.
    pub(crate) fn of(request: &Request) -> Self {
        match request {
            Request::Ver => Self::Ver,
            Request::Upgrade => Self::Upgrade,
            Request::Login(_) => Self::Login,
            Request::New(_) => Self::New,
            Request::Update => Self::Update,
            Request::Move(_) => Self::Move,
            Request::Get { .. } => Self::Get,
            Request::Set { .. } => Self::Set,
            Request::Edit(_) => Self::Edit,
        }
    }
}

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        match request {
            Request::Ver => Self::Read(Read::Ver),
            Request::Upgrade => Self::Read(Read::Upgrade),
            Request::Update => Self::Read(Read::Update),
            Request::Get { name, attribute } => Self::Read(Read::Get { name, attribute }),
            Request::Login(credentials) => Self::Credentials {
                is_new: false,
                credentials,
            },
            Request::New(credentials) => Self::Credentials {
                is_new: true,
                credentials,
            },
            Request::Move(step) => possible(step_of(step)),
            Request::Set {
                name,
                attribute,
                change,
            } => Self::Command(Body::Set {
                name,
                attribute,
                change,
            }),
            Request::Edit(edit) => possible(edit_of(edit).map(Body::Edit)),
        }
    }
}

/// What a request holds while it waits, in bytes, roughly: what a stranger can make us keep.
pub(crate) fn weight(request: &Request) -> usize {
    let held = match request {
        Request::Set {
            change: Change::To(value) | Change::By(value),
            ..
        } => weight_of(value),
        Request::Edit(Edit::Spawn { attributes, .. }) => {
            attributes.iter().map(|(_, value)| weight_of(value)).sum()
        }
        Request::Login(credentials) | Request::New(credentials) => credentials.password.len(),
        _ => 0,
    };
    size_of::<Request>() + held
}

fn possible(body: Option<Body>) -> Asked {
    body.map_or(Asked::Impossible, Asked::Command)
}

/// A step stays on its level (PROTOCOL, "Requests").
fn step_of(step: Triple) -> Option<Body> {
    let is_possible = step.x.is_finite() && step.y.is_finite() && step.z == 0.0;
    is_possible.then_some(Body::Move {
        dx: step.x,
        dy: step.y,
    })
}

fn position_of(place: Triple) -> Option<Position> {
    let level = place.z;
    let is_level = level.fract() == 0.0 && level.abs() <= f64::from(i32::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
    let z = is_level.then_some(level as i32)?;
    Some(Position {
        x: place.x,
        y: place.y,
        z,
    })
    .filter(Position::is_valid)
}

fn edit_of(edit: Edit) -> Option<region::Edit> {
    Some(match edit {
        Edit::Tile {
            map,
            layer,
            x,
            y,
            gid,
        } => region::Edit::Tile(TileEdit {
            map,
            layer,
            x,
            y,
            gid,
        }),
        Edit::Spawn {
            name,
            position,
            attributes,
            behaviour,
        } => region::Edit::Spawn {
            name,
            position: position_of(position)?,
            attributes,
            behaviour,
        },
        Edit::Despawn(name) => region::Edit::Despawn(name),
        Edit::Teleport { name, position } => region::Edit::Teleport {
            name,
            position: position_of(position)?,
        },
        Edit::Kick(name) => region::Edit::Kick(name),
        Edit::Reload(map) => region::Edit::Reload(map),
        Edit::Reset(map) => region::Edit::Reset(map),
    })
}

/// As deep as the value is, which decoding has bounded.
fn weight_of(value: &Value) -> usize {
    let held = match value {
        Value::Str(text) => text.len(),
        Value::Bytes(data) | Value::ByteArray(data) => data.len(),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            items.iter().map(weight_of).sum()
        }
        Value::Dict(entries) => entries
            .iter()
            .map(|(key, value)| weight_of(key) + weight_of(value))
            .sum(),
        _ => 0,
    };
    size_of::<Value>() + held
}
