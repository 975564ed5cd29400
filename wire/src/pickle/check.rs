//! The last look at a pickle that shares, calls or hashes something: that what it unfolds to is data, finite, and within the limits. Each
//! node is visited once, however often it is shared.

use super::{
    Budget, Error, Form, Limits,
    arena::{Arena, Items, Node, NodeKind},
    handle::{Handle, Item},
};

/// What is known of a node whose visit has ended.
#[derive(Debug, Clone, Copy)]
enum State {
    New,
    Open,
    Done(Weight),
}

/// What a value comes to when everything in it is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Weight {
    nodes: u32,
    /// Bytes of text; with [`UNHASHABLE`] if it is no key.
    bytes: u32,
}

struct Visit<'a> {
    index: usize,
    items: Items<'a>,
    position: usize,
    depth: u32,
    weight: Weight,
    is_hashable: bool,
}

const UNHASHABLE: u32 = 1 << 31;
const ATOM: Weight = Weight { nodes: 1, bytes: 0 };

/// Checks everything that can be reached from the root.
pub(super) fn check(
    arena: &Arena,
    input: &[u8],
    root: Handle,
    limits: &Limits,
) -> Result<(), Error> {
    let mut states = vec![State::New; arena.nodes.len()];
    let mut depths = vec![0_u8; arena.nodes.len()];
    let mut visits: Vec<Visit<'_>> = Vec::new();
    // The weight of the value that was just finished, with its depth.
    let mut finished = enter(arena, input, root, limits, &mut states, &mut visits)?;
    loop {
        let Some(visit) = visits.last_mut() else {
            return Ok(());
        };
        if let Some((weight, handle)) = finished.take() {
            visit.weight.nodes = visit.weight.nodes.saturating_add(weight.nodes);
            visit.weight.bytes = visit
                .weight
                .bytes
                .saturating_add(weight.bytes & !UNHASHABLE);
            let child_depth = match handle.item() {
                Item::Node(index) => u32::from(depths[index]),
                Item::EmptyTuple => 1,
                _ => 0,
            };
            visit.depth = visit.depth.max(child_depth + 1);
            let kind = arena.nodes[visit.index].kind;
            let is_child_hashable = weight.bytes & UNHASHABLE == 0;
            let must_hash = match kind {
                NodeKind::Dict => visit.position % 2 == 1,
                NodeKind::Set | NodeKind::FrozenSet | NodeKind::SetOf | NodeKind::FrozenSetOf => {
                    true
                }
                _ => false,
            };
            if must_hash && !is_child_hashable {
                return Err(Error::Unhashable);
            }
            visit.is_hashable &= is_child_hashable;
            bounded(visit.weight, visit.depth, limits)?;
        }
        if let Some(item) = visit.items.next() {
            visit.position += 1;
            finished = enter(arena, input, item, limits, &mut states, &mut visits)?;
            continue;
        }
        let Some(visit) = visits.pop() else {
            return Ok(());
        };
        let mut weight = visit.weight;
        if !visit.is_hashable {
            weight.bytes |= UNHASHABLE;
        }
        states[visit.index] = State::Done(weight);
        depths[visit.index] = u8::try_from(visit.depth).unwrap_or(u8::MAX);
        finished = Some((weight, Handle::of_node(visit.index)));
    }
}

/// Weighs a value that has no parts, or begins the visit of one that has.
fn enter<'a>(
    arena: &'a Arena,
    input: &[u8],
    handle: Handle,
    limits: &Limits,
    states: &mut [State],
    visits: &mut Vec<Visit<'a>>,
) -> Result<Option<(Weight, Handle)>, Error> {
    let Item::Node(index) = handle.item() else {
        return Ok(Some((ATOM, handle)));
    };
    match states[index] {
        State::Done(weight) => return Ok(Some((weight, handle))),
        State::Open => return Err(Error::Cycle),
        State::New => {}
    }
    let node = arena.nodes[index];
    if let Some(weight) = weigh_atom(arena, input, node, limits)? {
        states[index] = State::Done(weight);
        return Ok(Some((weight, handle)));
    }
    states[index] = State::Open;
    let is_hashable = matches!(
        node.kind,
        NodeKind::Tuple | NodeKind::FrozenSet | NodeKind::FrozenSetOf
    );
    if visits.len() >= limits.depth_max as usize {
        return Err(Error::Limit(Budget::Depth));
    }
    visits.push(Visit {
        index,
        items: arena.items(handle),
        position: 0,
        depth: 1,
        weight: ATOM,
        is_hashable,
    });
    Ok(None)
}

fn weigh_atom(
    arena: &Arena,
    input: &[u8],
    node: Node,
    limits: &Limits,
) -> Result<Option<Weight>, Error> {
    match node.kind {
        NodeKind::Int | NodeKind::Float | NodeKind::Big => Ok(Some(ATOM)),
        NodeKind::Text | NodeKind::Bytes => Ok(Some(Weight {
            nodes: 1,
            bytes: arena.span_bytes(node),
        })),
        NodeKind::ByteArray => Ok(Some(Weight {
            nodes: 1,
            bytes: arena.span_bytes(node) | UNHASHABLE,
        })),
        NodeKind::Latin1Bytes | NodeKind::Latin1ByteArray => {
            let bytes = arena.span_bytes(node);
            if bytes > limits.expanded_bytes_max {
                return Err(Error::Limit(Budget::ExpandedBytes));
            }
            // Every character up to U+00FF is one byte, or two of which the first is C2 or C3.
            if arena.bytes(input, node).iter().any(|&byte| byte > 0xC3) {
                return Err(Error::Malformed(Form::Latin1));
            }
            let unhashable = if node.kind == NodeKind::Latin1Bytes {
                0
            } else {
                UNHASHABLE
            };
            Ok(Some(Weight {
                nodes: 1,
                bytes: bytes | unhashable,
            }))
        }
        NodeKind::CodecsEncode
        | NodeKind::MakeBytes
        | NodeKind::MakeByteArray
        | NodeKind::MakeSet
        | NodeKind::MakeFrozenSet => Err(Error::Call),
        NodeKind::List
        | NodeKind::Tuple
        | NodeKind::Dict
        | NodeKind::Set
        | NodeKind::FrozenSet
        | NodeKind::SetOf
        | NodeKind::FrozenSetOf => Ok(None),
    }
}

fn bounded(weight: Weight, depth: u32, limits: &Limits) -> Result<(), Error> {
    if weight.nodes > limits.expanded_nodes_max {
        Err(Error::Limit(Budget::ExpandedNodes))
    } else if weight.bytes > limits.expanded_bytes_max {
        Err(Error::Limit(Budget::ExpandedBytes))
    } else if depth > limits.depth_max {
        Err(Error::Limit(Budget::Depth))
    } else {
        Ok(())
    }
}
