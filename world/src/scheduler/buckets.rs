//! Places in a queue, gathered by key: a key is a tick or an effective priority, and there are few of them. Who has left a queue, or
//! stands in it again, leaves a place behind; it is known by its stamp, and passed over.

use std::collections::{BTreeMap, VecDeque};

/// Somebody's place in a queue. It holds as long as the seat has this stamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) seat: u32,
    pub(super) stamp: u32,
}

/// Places by key; those of one key in the order in which they came.
#[derive(Default)]
pub(super) struct Buckets {
    by_key: BTreeMap<u64, VecDeque<Place>>,
    place_count: usize,
}

impl Buckets {
    /// Places, those that no longer hold included.
    pub(super) fn place_count(&self) -> usize {
        self.place_count
    }

    pub(super) fn first_key(&self) -> Option<u64> {
        self.by_key.first_key_value().map(|(key, _)| *key)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.by_key.values().flatten()
    }

    pub(super) fn push(&mut self, key: u64, place: Place) {
        self.by_key.entry(key).or_default().push_back(place);
        self.place_count += 1;
    }

    /// What has just been taken, back to where it was.
    pub(super) fn put_back(&mut self, key: u64, place: Place) {
        self.by_key.entry(key).or_default().push_front(place);
        self.place_count += 1;
    }

    pub(super) fn pop(&mut self) -> Option<(u64, Place)> {
        let mut first = self.by_key.first_entry()?;
        let key = *first.key();
        let place = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        self.place_count -= 1;
        place.map(|place| (key, place))
    }

    /// All places of the first key, if it is not beyond `last`.
    pub(super) fn pop_bucket(&mut self, last: u64) -> Option<VecDeque<Place>> {
        let first = self.by_key.first_entry()?;
        if *first.key() > last {
            return None;
        }
        let bucket = first.remove();
        self.place_count -= bucket.len();
        Some(bucket)
    }

    /// Orders the places of one key anew.
    pub(super) fn sort_bucket<O: Ord>(&mut self, key: u64, order: impl Fn(&Place) -> O) {
        if let Some(bucket) = self.by_key.get_mut(&key) {
            bucket.make_contiguous().sort_by_key(order);
        }
    }

    pub(super) fn retain(&mut self, holds: impl Fn(&Place) -> bool) {
        self.by_key.retain(|_, bucket| {
            bucket.retain(&holds);
            bucket.shrink_to_fit();
            !bucket.is_empty()
        });
        self.place_count = self.by_key.values().map(VecDeque::len).sum();
    }
}
