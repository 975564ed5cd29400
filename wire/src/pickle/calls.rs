//! The few calls by which Python writes data that a protocol has no opcode for. They are recognised by their exact shapes; nothing is called.

use super::{
    Error,
    arena::{Arena, Node, NodeKind},
    handle::{Handle, Item},
};

/// The name of something that Python writes data with.
pub(super) fn named(module: &[u8], name: &[u8]) -> Result<NodeKind, Error> {
    match (module, name) {
        (b"_codecs", b"encode") => Ok(NodeKind::CodecsEncode),
        (b"builtins" | b"__builtin__", b"bytes") => Ok(NodeKind::MakeBytes),
        (b"builtins" | b"__builtin__", b"bytearray") => Ok(NodeKind::MakeByteArray),
        (b"builtins" | b"__builtin__", b"set") => Ok(NodeKind::MakeSet),
        (b"builtins" | b"__builtin__", b"frozenset") => Ok(NodeKind::MakeFrozenSet),
        _ => Err(Error::Call),
    }
}

/// The data that a call of `function` with `arguments` stands for.
pub(super) fn reduce(
    arena: &mut Arena,
    input: &[u8],
    function: Handle,
    arguments: Handle,
) -> Result<Handle, Error> {
    let function = arena.node(function).ok_or(Error::Call)?.kind;
    let (first, second) = match arguments.item() {
        Item::EmptyTuple => (None, None),
        Item::Node(index) if arena.nodes[index].kind == NodeKind::Tuple => {
            let mut items = arena.items(arguments);
            let pair = (items.next(), items.next());
            if items.next().is_some() {
                return Err(Error::Call);
            }
            pair
        }
        _ => return Err(Error::Call),
    };
    let first_node = first.and_then(|first| arena.node(first));
    let is_latin1 = second.is_none_or(|second| is_latin1(arena, input, second));
    match (function, first, first_node, second) {
        (NodeKind::CodecsEncode, _, Some(text), Some(_))
            if text.kind == NodeKind::Text && is_latin1 =>
        {
            Ok(arena.add(NodeKind::Latin1Bytes, 0, text.payload as usize))
        }
        (NodeKind::MakeBytes, None, ..) => Ok(arena.add_span(NodeKind::Bytes, 0, 0)),
        (NodeKind::MakeByteArray, None, ..) => Ok(arena.add_span(NodeKind::ByteArray, 0, 0)),
        (
            NodeKind::MakeByteArray,
            _,
            Some(Node {
                kind: NodeKind::Text,
                payload,
                ..
            }),
            Some(_),
        ) if is_latin1 => Ok(arena.add(NodeKind::Latin1ByteArray, 0, payload as usize)),
        (
            NodeKind::MakeByteArray,
            _,
            Some(Node {
                kind: NodeKind::Bytes,
                payload,
                ..
            }),
            None,
        ) => Ok(arena.add(NodeKind::ByteArray, 0, payload as usize)),
        (
            NodeKind::MakeByteArray,
            _,
            Some(Node {
                kind: NodeKind::Latin1Bytes,
                payload,
                ..
            }),
            None,
        ) => Ok(arena.add(NodeKind::Latin1ByteArray, 0, payload as usize)),
        (
            NodeKind::MakeSet | NodeKind::MakeFrozenSet,
            Some(list),
            Some(Node {
                kind: NodeKind::List,
                depth,
                ..
            }),
            None,
        ) => {
            let Item::Node(index) = list.item() else {
                return Err(Error::Call);
            };
            let kind = if function == NodeKind::MakeSet {
                NodeKind::SetOf
            } else {
                NodeKind::FrozenSetOf
            };
            Ok(arena.add(kind, depth, index))
        }
        _ => Err(Error::Call),
    }
}

/// Python 2.7 writes the encoding's name as `latin-1`, Python 3 as `latin1` for bytes and `latin-1` for bytearrays.
fn is_latin1(arena: &Arena, input: &[u8], name: Handle) -> bool {
    matches!(arena.text(input, name), Some(b"latin1" | b"latin-1"))
}
