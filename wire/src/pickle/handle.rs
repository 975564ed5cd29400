//! What the stack and the containers hold: four bytes for a value. It does not know the nodes that it points at.

use super::table::index;

/// A value: a node, a constant or a small integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle(u32);

const TAG_SHIFT: u32 = 30;
const TAG_CONSTANT: u32 = 1 << TAG_SHIFT;
const TAG_SMALL: u32 = 2 << TAG_SHIFT;
const PAYLOAD: u32 = TAG_CONSTANT - 1;

/// What a handle stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    None,
    Bool(bool),
    EmptyTuple,
    Small(i32),
    Node(usize),
}

impl Handle {
    pub(super) const NONE: Handle = Handle(TAG_CONSTANT);
    pub(super) const FALSE: Handle = Handle(TAG_CONSTANT | 1);
    pub(super) const TRUE: Handle = Handle(TAG_CONSTANT | 2);
    pub(super) const EMPTY_TUPLE: Handle = Handle(TAG_CONSTANT | 3);

    /// A handle of an integer, if it is small enough to need no node.
    #[inline]
    pub(super) fn small(number: i32) -> Option<Handle> {
        let bits = number.cast_unsigned();
        // The sign fills the bits above the payload's top bit, or the number is too wide.
        let is_narrow = (number << 2) >> 2 == number;
        is_narrow.then_some(Handle(TAG_SMALL | (bits & PAYLOAD)))
    }

    #[inline]
    pub(super) fn of_node(node: usize) -> Handle {
        Handle(index(node))
    }

    #[inline]
    pub(super) fn item(self) -> Item {
        match self.0 >> TAG_SHIFT {
            0 => Item::Node(self.0 as usize),
            2 => Item::Small(((self.0 << 2).cast_signed()) >> 2),
            _ => match self {
                Self::NONE => Item::None,
                Self::FALSE => Item::Bool(false),
                Self::TRUE => Item::Bool(true),
                _ => Item::EmptyTuple,
            },
        }
    }
}
