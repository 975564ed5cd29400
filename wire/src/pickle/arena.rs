//! Where a pickle's nodes live: flat tables, filled once a message and used again for the next. Eight bytes a node and eight a child, because
//! a stranger decides how many there are.

use super::{
    handle::{Handle, Item},
    table::{grow, index, push, reset},
};

/// What a node is, and so what its payload means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    /// Payload: the last of a ring of cells plus one, or 0 for none.
    List,
    Tuple,
    /// Its ring holds keys and values by turns.
    Dict,
    Set,
    FrozenSet,
    /// Payload: a span of UTF-8.
    Text,
    /// Payload: a span.
    Bytes,
    ByteArray,
    /// Payload: a span of UTF-8 whose characters are the bytes.
    Latin1Bytes,
    Latin1ByteArray,
    /// Payload: an index of `ints`.
    Int,
    /// Payload: a span of a little-endian two's complement.
    Big,
    /// Payload: an index of `floats`.
    Float,
    /// Payload: the node of the list that holds the members.
    SetOf,
    FrozenSetOf,
    /// A name by which Python writes data, waiting to be called. Payload: none.
    CodecsEncode,
    MakeBytes,
    MakeByteArray,
    MakeSet,
    MakeFrozenSet,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    /// How deep it nests, as far as is known; exact unless something is shared.
    pub(super) depth: u8,
    pub(super) payload: u32,
}

impl Node {
    /// A container with nothing in it.
    pub(super) fn empty(kind: NodeKind) -> Self {
        Self {
            kind,
            depth: 1,
            payload: 0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) item: Handle,
    pub(super) next: u32,
}

/// Bytes of the input, or of `side` where the top bit of `start` is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

const SIDE: u32 = 1 << 31;

/// The tables.
#[derive(Debug, Default)]
pub(super) struct Arena {
    pub(super) nodes: Vec<Node>,
    pub(super) cells: Vec<Cell>,
    pub(super) ints: Vec<i64>,
    pub(super) floats: Vec<f64>,
    spans: Vec<Span>,
    /// Text that had to be written anew: escapes undone.
    pub(super) side: Vec<u8>,
}

impl Arena {
    pub(super) fn clear(&mut self) {
        reset(&mut self.nodes);
        reset(&mut self.cells);
        reset(&mut self.ints);
        reset(&mut self.floats);
        reset(&mut self.spans);
        reset(&mut self.side);
    }

    #[inline]
    pub(super) fn add(&mut self, kind: NodeKind, depth: u8, payload: usize) -> Handle {
        self.add_node(Node {
            kind,
            depth,
            payload: index(payload),
        })
    }

    #[inline]
    pub(super) fn add_node(&mut self, node: Node) -> Handle {
        let handle = Handle::of_node(self.nodes.len());
        push(&mut self.nodes, node);
        handle
    }

    #[inline]
    pub(super) fn add_int(&mut self, number: i64) -> Handle {
        if let Some(small) = i32::try_from(number).ok().and_then(Handle::small) {
            return small;
        }
        push(&mut self.ints, number);
        self.add(NodeKind::Int, 0, self.ints.len() - 1)
    }

    pub(super) fn add_float(&mut self, number: f64) -> Handle {
        push(&mut self.floats, number);
        self.add(NodeKind::Float, 0, self.floats.len() - 1)
    }

    /// Adds a node over `len` bytes of the input.
    pub(super) fn add_span(&mut self, kind: NodeKind, start: usize, len: usize) -> Handle {
        push(
            &mut self.spans,
            Span {
                start: index(start),
                len: index(len),
            },
        );
        self.add(kind, 0, self.spans.len() - 1)
    }

    /// Adds a node over bytes that are to be kept aside.
    pub(super) fn add_side(&mut self, kind: NodeKind, bytes: &[u8]) -> Handle {
        let start = self.side.len();
        grow(&mut self.side, bytes.len());
        self.side.extend_from_slice(bytes);
        push(
            &mut self.spans,
            Span {
                start: index(start) | SIDE,
                len: index(bytes.len()),
            },
        );
        self.add(kind, 0, self.spans.len() - 1)
    }

    /// The bytes of a node whose payload is a span.
    pub(super) fn bytes<'a>(&'a self, input: &'a [u8], node: Node) -> &'a [u8] {
        let Span { start, len } = self.spans[node.payload as usize];
        let (source, start) = if start & SIDE == 0 {
            (input, start)
        } else {
            (self.side.as_slice(), start & !SIDE)
        };
        &source[start as usize..start as usize + len as usize]
    }

    /// The bytes of a text.
    pub(super) fn text<'a>(&'a self, input: &'a [u8], handle: Handle) -> Option<&'a [u8]> {
        self.node(handle)
            .filter(|node| node.kind == NodeKind::Text)
            .map(|node| self.bytes(input, node))
    }

    pub(super) fn span_bytes(&self, node: Node) -> u32 {
        self.spans[node.payload as usize].len
    }

    #[inline]
    pub(super) fn node(&self, handle: Handle) -> Option<Node> {
        match handle.item() {
            Item::Node(index) => Some(self.nodes[index]),
            _ => None,
        }
    }

    /// Appends to a container's ring; the container as it is after that.
    pub(super) fn append(&mut self, mut container: Node, items: &[Handle]) -> Node {
        if items.is_empty() {
            return container;
        }
        let mut next = index(self.cells.len());
        let first = match container.payload {
            0 => next,
            last => std::mem::replace(&mut self.cells[last as usize - 1].next, next),
        };
        grow(&mut self.cells, items.len());
        for &item in items {
            next += 1;
            container.depth = container.depth.max(self.depth(item).saturating_add(1));
            self.cells.push(Cell { item, next });
        }
        // The ring is closed: its last cell leads to its first.
        self.cells[next as usize - 1].next = first;
        container.payload = next;
        container
    }

    fn depth(&self, handle: Handle) -> u8 {
        match handle.item() {
            Item::Node(index) => self.nodes[index].depth,
            Item::EmptyTuple => 1,
            _ => 0,
        }
    }

    /// The items of a container, in order; nothing for anything else.
    #[inline]
    pub(super) fn items(&self, handle: Handle) -> Items<'_> {
        let ring = self.node(handle).map_or(0, |node| match node.kind {
            NodeKind::List
            | NodeKind::Tuple
            | NodeKind::Dict
            | NodeKind::Set
            | NodeKind::FrozenSet => node.payload,
            NodeKind::SetOf | NodeKind::FrozenSetOf => self.nodes[node.payload as usize].payload,
            _ => 0,
        });
        Items {
            cells: &self.cells,
            next: ring
                .checked_sub(1)
                .map(|last| self.cells[last as usize].next),
            last: ring.wrapping_sub(1),
        }
    }
}

/// Walks one ring.
#[derive(Debug, Clone)]
pub(super) struct Items<'a> {
    cells: &'a [Cell],
    next: Option<u32>,
    last: u32,
}

impl Iterator for Items<'_> {
    type Item = Handle;

    #[inline]
    fn next(&mut self) -> Option<Handle> {
        let index = self.next?;
        let cell = self.cells[index as usize];
        self.next = (index != self.last).then_some(cell.next);
        Some(cell.item)
    }
}
