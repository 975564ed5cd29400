//! A decoded pickle, to be looked at without copying it.

use num_bigint::BigInt;

use super::{
    Dialect,
    arena::{Arena, Items, Node, NodeKind},
    handle::{Handle, Item},
};
use crate::Value;

/// A pickle that is data, within the limits that it was decoded with.
#[derive(Debug, Clone, Copy)]
pub struct Pickle<'a> {
    arena: &'a Arena,
    input: &'a [u8],
    root: Handle,
    dialect: Dialect,
}

/// One value of a pickle. It is two words, so that it travels in registers.
#[derive(Debug, Clone, Copy)]
pub struct View<'p> {
    pickle: &'p Pickle<'p>,
    handle: Handle,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `None`.
    None,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `float`.
    Float,
    /// `str`.
    Str,
    /// `bytes`.
    Bytes,
    /// `bytearray`.
    ByteArray,
    /// `list`.
    List,
    /// `tuple`.
    Tuple,
    /// `dict`.
    Dict,
    /// `set`.
    Set,
    /// `frozenset`.
    FrozenSet,
}

impl<'a> Pickle<'a> {
    pub(super) fn new(arena: &'a Arena, input: &'a [u8], root: Handle, dialect: Dialect) -> Self {
        Self {
            arena,
            input,
            root,
            dialect,
        }
    }

    /// The dialect of whoever wrote it.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> View<'_> {
        View {
            pickle: self,
            handle: self.root,
        }
    }

    /// All of it, as a tree.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.root().to_value()
    }
}

impl<'p> View<'p> {
    fn node(&self) -> Option<Node> {
        self.pickle.arena.node(self.handle)
    }

    fn span(&self, node: Node) -> &'p [u8] {
        self.pickle.arena.bytes(self.pickle.input, node)
    }

    #[inline]
    fn handles(&self) -> Items<'p> {
        self.pickle.arena.items(self.handle)
    }

    /// What it is.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Kind {
        match self.handle.item() {
            Item::None => Kind::None,
            Item::Bool(_) => Kind::Bool,
            Item::EmptyTuple => Kind::Tuple,
            Item::Small(_) => Kind::Int,
            Item::Node(index) => match self.pickle.arena.nodes[index].kind {
                NodeKind::List => Kind::List,
                NodeKind::Tuple => Kind::Tuple,
                NodeKind::Dict => Kind::Dict,
                NodeKind::Set | NodeKind::SetOf => Kind::Set,
                NodeKind::FrozenSet | NodeKind::FrozenSetOf => Kind::FrozenSet,
                NodeKind::Text => Kind::Str,
                NodeKind::Bytes | NodeKind::Latin1Bytes => Kind::Bytes,
                NodeKind::ByteArray | NodeKind::Latin1ByteArray => Kind::ByteArray,
                NodeKind::Int | NodeKind::Big => Kind::Int,
                NodeKind::Float => Kind::Float,
                NodeKind::CodecsEncode
                | NodeKind::MakeBytes
                | NodeKind::MakeByteArray
                | NodeKind::MakeSet
                | NodeKind::MakeFrozenSet => Kind::None,
            },
        }
    }

    /// The text of a `str`.
    #[must_use]
    pub fn as_str(&self) -> Option<&'p str> {
        // Checked when it was read; a text node is never made of anything else.
        std::str::from_utf8(self.as_utf8()?).ok()
    }

    /// The text of a `str` as bytes, for comparing it without looking at it a second time.
    #[must_use]
    pub fn as_utf8(&self) -> Option<&'p [u8]> {
        self.pickle.arena.text(self.pickle.input, self.handle)
    }

    /// An `int` that fits; a bool is none.
    #[must_use]
    #[inline]
    pub fn as_i64(&self) -> Option<i64> {
        match self.handle.item() {
            Item::Small(number) => Some(i64::from(number)),
            Item::Node(index) => {
                let node = self.pickle.arena.nodes[index];
                (node.kind == NodeKind::Int).then(|| self.pickle.arena.ints[node.payload as usize])
            }
            _ => None,
        }
    }

    /// A number, rounded to a float; a bool is none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rounding is what is asked for")]
    #[inline]
    pub fn as_f64(&self) -> Option<f64> {
        if let Some(number) = self.as_i64() {
            return Some(number as f64);
        }
        let node = self.node()?;
        match node.kind {
            NodeKind::Float => Some(self.pickle.arena.floats[node.payload as usize]),
            NodeKind::Big => self.to_value().as_f64(),
            _ => None,
        }
    }

    /// The parts of a list, tuple or set in order, or a dict's keys and values by turns; nothing for anything else.
    #[inline]
    pub fn items(&self) -> impl Iterator<Item = View<'p>> + use<'p> {
        let pickle = self.pickle;
        self.handles().map(move |handle| View { pickle, handle })
    }

    /// Exactly `N` parts of a tuple or list; None if there are more or fewer.
    #[must_use]
    #[inline]
    pub fn parts<const N: usize>(&self) -> Option<[View<'p>; N]> {
        let mut items = self.items();
        let mut parts = [*self; N];
        for part in &mut parts {
            *part = items.next()?;
        }
        items.next().is_none().then_some(parts)
    }

    /// This value as a tree. It recurses at most as deep as the limits allowed.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let list = || self.items().map(|item| item.to_value()).collect::<Vec<_>>();
        match self.handle.item() {
            Item::None => Value::None,
            Item::Bool(flag) => Value::Bool(flag),
            Item::EmptyTuple => Value::Tuple(Vec::new()),
            Item::Small(number) => Value::Int(i64::from(number)),
            Item::Node(index) => {
                let node = self.pickle.arena.nodes[index];
                match node.kind {
                    NodeKind::Int => Value::Int(self.pickle.arena.ints[node.payload as usize]),
                    NodeKind::Float => {
                        Value::Float(self.pickle.arena.floats[node.payload as usize])
                    }
                    NodeKind::Big => Value::from_big(BigInt::from_signed_bytes_le(self.span(node))),
                    NodeKind::Text => Value::Str(self.as_str().unwrap_or_default().to_owned()),
                    NodeKind::Bytes => Value::Bytes(self.span(node).to_vec()),
                    NodeKind::ByteArray => Value::ByteArray(self.span(node).to_vec()),
                    NodeKind::Latin1Bytes => Value::Bytes(latin1(self.span(node))),
                    NodeKind::Latin1ByteArray => Value::ByteArray(latin1(self.span(node))),
                    NodeKind::List => Value::List(list()),
                    NodeKind::Tuple => Value::Tuple(list()),
                    NodeKind::Dict => {
                        Value::Dict(unique_entries(self.items().map(|item| item.to_value())))
                    }
                    NodeKind::Set | NodeKind::SetOf => Value::Set(unique(list())),
                    NodeKind::FrozenSet | NodeKind::FrozenSetOf => Value::FrozenSet(unique(list())),
                    NodeKind::CodecsEncode
                    | NodeKind::MakeBytes
                    | NodeKind::MakeByteArray
                    | NodeKind::MakeSet
                    | NodeKind::MakeFrozenSet => Value::None,
                }
            }
        }
    }
}

fn latin1(text: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(text)
        .chars()
        .map(|c| u32::from(c).to_le_bytes()[0])
        .collect()
}

/// Keys and values by turns, each key once: where its first was, with its last value, as Python builds a dict.
fn unique_entries(mut items: impl Iterator<Item = Value>) -> Vec<(Value, Value)> {
    let mut entries: Vec<(Value, Value)> = Vec::new();
    let mut places: std::collections::HashMap<Vec<u8>, usize> = std::collections::HashMap::new();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        match places.entry(hash_key(&key)) {
            std::collections::hash_map::Entry::Occupied(place) => entries[*place.get()].1 = value,
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(entries.len());
                entries.push((key, value));
            }
        }
    }
    entries
}

fn unique(members: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    members
        .into_iter()
        .filter(|member| seen.insert(hash_key(member)))
        .collect()
}

/// Equal for values that are equal in Python: `1`, `1.0` and `True` are one key.
fn hash_key(value: &Value) -> Vec<u8> {
    let number = |number: i64| super::encode(&Value::Int(number), Dialect::Four);
    match value {
        Value::Bool(flag) => number(i64::from(*flag)),
        Value::Float(float) => {
            whole(*float).map_or_else(|| super::encode(value, Dialect::Four), number)
        }
        Value::Tuple(items) => items.iter().fold(vec![b't'], |mut key, item| {
            let part = hash_key(item);
            key.extend_from_slice(&(part.len() as u64).to_le_bytes());
            key.extend_from_slice(&part);
            key
        }),
        Value::FrozenSet(members) => {
            let mut parts: Vec<_> = members.iter().map(hash_key).collect();
            parts.sort();
            parts
                .into_iter()
                .fold(vec![b'f'], |mut key, part: Vec<u8>| {
                    key.extend_from_slice(&(part.len() as u64).to_le_bytes());
                    key.extend_from_slice(&part);
                    key
                })
        }
        other => super::encode(other, Dialect::Four),
    }
}

/// A float that is a whole number, as that. (Python's equality of larger ones with integers is not needed for keys.)
#[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
fn whole(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() < 9e18).then_some(float as i64)
}
