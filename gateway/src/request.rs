//! What a client's request comes to for a gateway: a read that it answers itself, a command that the character's owner decides, or a login.

use wire::{
    Dialect, Value,
    command::{Change, Credentials, Edit, Request, Triple},
    pickle::{self, INTEGER_BYTES_MAX},
};
use world::{
    attributes::{STATE_BYTES_MAX, VALUE_BYTES_MAX},
    position::Position,
    region::{self, Body},
    terrain::TileEdit,
};

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
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
pub enum Read {
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
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::Update | Self::Get { .. })
    }
}

/// The names of the requests, for labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
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
    pub const ALL: [Kind; 10] = [
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
    pub fn as_str(self) -> &'static str {
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
    pub fn of(request: &Request) -> Self {
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
            } => possible(is_small(&change).then_some(Body::Set {
                name,
                attribute,
                change,
            })),
            Request::Edit(edit) => possible(edit_of(edit).map(Body::Edit)),
        }
    }
}

/// What a request holds while it waits, in bytes, roughly: what a stranger can make us keep.
pub fn weight(request: &Request) -> usize {
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

/// Whether some world may allow the value. A value that is shared within a pickle is written out on its way: what no entity can hold goes nowhere.
fn is_small(change: &Change) -> bool {
    let (Change::To(value) | Change::By(value)) = change;
    fits(value, VALUE_BYTES_MAX)
}

/// Whether some world may allow an entity to begin with that.
fn are_small(attributes: &[(String, Value)]) -> bool {
    let weights = attributes
        .iter()
        .map(|(name, value)| name.len() + weight_of(value));
    let pickled =
        |(name, value): &(String, Value)| name.len() + pickle::encode(value, Dialect::Four).len();
    weights.sum::<usize>() <= STATE_BYTES_MAX
        || attributes.iter().map(pickled).sum::<usize>() <= STATE_BYTES_MAX
}

/// Whether a value's pickle has no more bytes than that. Most values need not be pickled to know it.
fn fits(value: &Value, bytes_max: usize) -> bool {
    weight_of(value) <= bytes_max || pickle::encode(value, Dialect::Four).len() <= bytes_max
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
        } if are_small(&attributes) => region::Edit::Spawn {
            name,
            position: position_of(position)?,
            attributes,
            behaviour,
        },
        Edit::Spawn { .. } => return None,
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
        Value::BigInt(_) => INTEGER_BYTES_MAX as usize,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn set(value: Value) -> Asked {
        Asked::from(Request::Set {
            name: "Anna".to_owned(),
            attribute: "bag".to_owned(),
            change: Change::To(value),
        })
    }

    fn is_possible(asked: &Asked) -> bool {
        matches!(asked, Asked::Command(_))
    }

    #[test]
    fn what_no_world_allows_goes_nowhere() {
        let step = |x, y, z| Asked::from(Request::Move(Triple { x, y, z }));
        assert!(is_possible(&step(1.0, -2.5, 0.0)));
        for (x, y, z) in [
            (f64::NAN, 0.0, 0.0),
            (0.0, f64::INFINITY, 0.0),
            (0.0, 0.0, 1.0),
            (0.0, 0.0, f64::NAN),
        ] {
            assert_eq!(step(x, y, z), Asked::Impossible);
        }
        let teleport = |x, z| {
            let position = Triple { x, y: 0.0, z };
            let name = "Anna".to_owned();
            Asked::from(Request::Edit(Edit::Teleport { name, position }))
        };
        assert!(is_possible(&teleport(1e6, -3.0)));
        for (x, z) in [
            (f64::NAN, 0.0),
            (1e10, 0.0),
            (0.0, 0.5),
            (0.0, 1e10),
            (0.0, f64::NAN),
        ] {
            assert_eq!(teleport(x, z), Asked::Impossible);
        }
    }

    #[test]
    fn a_small_pickle_of_a_large_value_goes_no_further() {
        let digits = Value::from_big((num_bigint::BigInt::from(1) << 500) - 1);
        assert!(is_possible(&set(Value::List(vec![digits.clone(); 200]))));
        assert_eq!(
            set(Value::List(vec![digits.clone(); 16_000])),
            Asked::Impossible
        );
        assert!(is_possible(&set(Value::List(vec![Value::Int(7); 8_000]))));
        assert!(is_possible(&set(Value::Str("x".repeat(16_000)))));
        assert_eq!(set(Value::Str("x".repeat(17_000))), Asked::Impossible);
        let spawn = |count| {
            let attributes = (0..count)
                .map(|n| (format!("a{n}"), digits.clone()))
                .collect();
            Asked::from(Request::Edit(Edit::Spawn {
                name: "Owl".to_owned(),
                position: Triple {
                    x: 0.0,
                    y: 0.0,
                    z: 0.0,
                },
                attributes,
                behaviour: None,
            }))
        };
        assert!(is_possible(&spawn(100)));
        assert_eq!(spawn(2_000), Asked::Impossible);
    }

    #[test]
    fn weight_is_no_less_than_a_pickle() {
        let digits = Value::from_big((num_bigint::BigInt::from(1) << 500) - 1);
        let values = [
            digits,
            Value::Float(1.0),
            Value::Int(i64::MIN),
            Value::ByteArray(vec![1; 10]),
            Value::Dict(vec![(Value::None, Value::Tuple(vec![]))]),
            Value::Set(vec![Value::Str("x".repeat(300))]),
        ];
        for value in values {
            let pickled = pickle::encode(&value, Dialect::Four).len();
            assert!(weight_of(&value) >= pickled - 3, "{value:?}");
        }
    }
}
