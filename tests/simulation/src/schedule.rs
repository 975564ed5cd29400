//! Virtual time: what happens next. It does not know what that is.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::chance::Chance;

/// Microseconds since the beginning of a run.
pub type Micros = u64;

/// A second.
pub const SECOND: Micros = 1_000_000;
/// A millisecond.
pub const MILLI: Micros = 1_000;

/// What is still to happen, in the order of time. What happens at the same time happens in an order that is drawn.
#[derive(Debug)]
pub struct Schedule<E> {
    now: Micros,
    chance: Chance,
    count: u64,
    queue: BinaryHeap<Reverse<Entry<E>>>,
}

#[derive(Debug)]
struct Entry<E> {
    key: (Micros, u64, u64),
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl<E> Schedule<E> {
    /// Nothing is to happen.
    #[must_use]
    pub fn new(chance: Chance) -> Self {
        Self {
            now: 0,
            chance,
            count: 0,
            queue: BinaryHeap::new(),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Something happens at a time, or now if that has passed.
    pub fn at(&mut self, at: Micros, event: E) {
        self.count += 1;
        let key = (at.max(self.now), self.chance.number(), self.count);
        self.queue.push(Reverse(Entry { key, event }));
    }

    /// Something happens now, behind whatever else was said to happen now in its order, and ahead of everything else.
    pub fn in_order(&mut self, event: E) {
        self.count += 1;
        let key = (self.now, 0, self.count);
        self.queue.push(Reverse(Entry { key, event }));
    }

    /// Something happens after a while.
    pub fn after(&mut self, delay: Micros, event: E) {
        self.at(self.now + delay, event);
    }

    /// Goes on to what happens next, unless that is after `end`. None: nothing does.
    pub fn next(&mut self, end: Micros) -> Option<E> {
        if self.queue.peek()?.0.key.0 > end {
            self.now = end.max(self.now);
            return None;
        }
        let Reverse(entry) = self.queue.pop()?;
        self.now = entry.key.0;
        Some(entry.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_orders_and_chance_breaks_ties() {
        let mut schedule = Schedule::new(Chance::new(1));
        for event in 0..20 {
            schedule.after(event % 2 * MILLI, event);
        }
        let mut order = Vec::new();
        while let Some(event) = schedule.next(SECOND) {
            order.push(event);
        }
        assert!(order[..10].iter().all(|event| event % 2 == 0));
        assert!(!order[..10].is_sorted());
        schedule.at(0, 7);
        assert_eq!((schedule.next(MILLI - 1), schedule.now()), (None, MILLI));
    }
}
