//! How tables grow and are given back: close to what came, and again and again.

/// Tables that have grown larger are given back when the next message comes, in entries.
pub(super) const TABLE_KEPT: usize = 256;

/// Adds an entry, with [`grow`].
#[inline]
pub(super) fn push<T>(table: &mut Vec<T>, entry: T) {
    if table.len() == table.capacity() {
        grow(table, 1);
    }
    table.push(entry);
}

/// Makes room for more, by an eighth at least instead of doubling: what is reserved stays close to what came.
pub(super) fn grow<T>(table: &mut Vec<T>, more: usize) {
    if table.capacity() - table.len() < more {
        table.reserve_exact(more.max(table.len() / 8).max(GROW_MIN));
    }
}

/// The fewest entries that a table grows by.
const GROW_MIN: usize = 16;

pub(super) fn reset<T>(table: &mut Vec<T>) {
    table.clear();
    table.shrink_to(TABLE_KEPT);
}

/// A place in a table.
pub(super) fn index(index: usize) -> u32 {
    // Inputs are shorter than 2^30 bytes (checked by the decoder), and no table has more entries than the input has bytes times two.
    u32::try_from(index).expect("tables are smaller than 2^31 entries")
}
