//! The memo: what a pickle has numbered, to refer to it again.

use std::collections::BTreeMap;

use super::{
    Budget, Error,
    handle::Handle,
    table::{push, reset},
};

/// Python numbers its entries from 0 or 1 upward; whatever else is numbered otherwise is kept in a tree.
#[derive(Debug, Default)]
pub(super) struct Memo {
    dense: Vec<Option<Handle>>,
    sparse: BTreeMap<u32, Handle>,
    len: u32,
}

/// How many numbers may be left out without going to the tree: Python 2 begins at 1.
const GAP_MAX: usize = 1;

impl Memo {
    pub(super) fn clear(&mut self) {
        reset(&mut self.dense);
        self.sparse.clear();
        self.len = 0;
    }

    /// How many entries there are; the number of the next one that names none.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn put(&mut self, index: u32, handle: Handle, max: u32) -> Result<(), Error> {
        if self.len >= max {
            return Err(Error::Limit(Budget::Memo));
        }
        let place = index as usize;
        let before = if place > self.dense.len() + GAP_MAX {
            self.sparse.insert(index, handle)
        } else {
            while self.dense.len() <= place {
                push(&mut self.dense, None);
            }
            self.dense[place]
                .replace(handle)
                .or_else(|| self.sparse.remove(&index))
        };
        self.len += u32::from(before.is_none());
        Ok(())
    }

    pub(super) fn get(&self, index: u32) -> Result<Handle, Error> {
        self.dense
            .get(index as usize)
            .copied()
            .flatten()
            .or_else(|| self.sparse.get(&index).copied())
            .ok_or(Error::Memo)
    }
}
