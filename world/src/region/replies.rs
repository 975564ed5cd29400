//! The moves of a session that were answered lately: a move that comes again is answered, and not made again.

use crate::applied::CommandId;

/// How many commands back answers are known. A gateway has fewer than this unanswered at a time.
pub const WINDOW: u64 = 128;

/// The answers to the last moves, by the counts of their commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Replies {
    last: CommandId,
    /// Bit n is about the command `last.counter - n`: whether its answer is known, and what it is.
    known: u128,
    taken: u128,
    last_taken: CommandId,
}

impl Replies {
    /// What is known of an entity that was just read from its row: every move up to the stored one was taken, but for those that were refused.
    #[must_use]
    pub(crate) fn stored(last: CommandId, refused: u128) -> Self {
        Self {
            last,
            known: u128::MAX,
            taken: !refused,
            last_taken: last,
        }
    }

    /// Which of the moves up to the last one that was made were refused, from there on backwards: what is saved with it.
    #[must_use]
    pub(crate) fn refused(&self) -> u128 {
        if self.last_taken.generation != self.last.generation {
            return 0;
        }
        let since = self.last.counter - self.last_taken.counter;
        let refused = self.known & !self.taken;
        if since < WINDOW { refused >> since } else { 0 }
    }

    /// The answer to a move that came before; None: it has not been made. One that is older than the window was waited for by nobody.
    #[must_use]
    pub(crate) fn answer(&self, id: CommandId) -> Option<bool> {
        if id.generation != self.last.generation {
            return (id.generation < self.last.generation).then_some(false);
        }
        let age = self.last.counter.checked_sub(id.counter)?;
        if age >= WINDOW {
            return Some(true);
        }
        (self.known >> age & 1 == 1).then_some(self.taken >> age & 1 == 1)
    }

    /// Notes an answer.
    pub(crate) fn note(&mut self, id: CommandId, taken: bool) {
        if id.generation != self.last.generation {
            *self = Self {
                last: id,
                known: 0,
                taken: 0,
                last_taken: self.last_taken,
            };
        }
        let step = id.counter.saturating_sub(self.last.counter);
        let shifted = |bits: u128| if step < WINDOW { bits << step } else { 0 };
        self.known = shifted(self.known);
        self.taken = shifted(self.taken);
        self.last.counter = self.last.counter.max(id.counter);
        let age = self.last.counter - id.counter;
        if age < WINDOW {
            self.known |= 1 << age;
            self.taken |= u128::from(taken) << age;
        }
        if taken {
            self.last_taken = self.last_taken.max(id);
        }
    }

    /// The newest move that was made: what is saved with the position.
    #[must_use]
    pub(crate) fn last_taken(&self) -> CommandId {
        self.last_taken
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const fn id(generation: u64, counter: u64) -> CommandId {
        CommandId {
            generation,
            counter,
        }
    }

    #[test]
    fn what_the_row_has_was_taken() {
        let mut replies = Replies::stored(id(3, 7), 1 << 3);
        assert_eq!(replies.answer(id(3, 7)), Some(true));
        assert_eq!(replies.answer(id(3, 1)), Some(true));
        assert_eq!(replies.answer(id(3, 4)), Some(false));
        assert_eq!(replies.answer(id(3, 8)), None);
        assert_eq!(replies.answer(id(4, 1)), None);
        replies.note(id(3, 9), false);
        assert_eq!(replies.answer(id(3, 8)), None, "skipped: not a move yet");
        assert_eq!(replies.answer(id(3, 9)), Some(false));
        assert_eq!(replies.answer(id(3, 7)), Some(true));
        replies.note(id(4, 1), true);
        assert_eq!(replies.answer(id(3, 9)), Some(false));
        assert_eq!(replies.answer(id(4, 1)), Some(true));
        replies.note(id(4, 2), false);
        assert_eq!(replies.last_taken(), id(4, 1));
        assert_eq!(replies.refused(), 0);
        replies.note(id(4, 3), true);
        replies.note(id(4, 4), false);
        assert_eq!((replies.last_taken(), replies.refused()), (id(4, 3), 0b10));
    }

    proptest! {
        #[test]
        fn agrees_with_a_list(moves in prop::collection::vec((1u64..300, any::<bool>()), 1..200)) {
            let mut replies = Replies::default();
            let mut list = BTreeMap::new();
            for (counter, taken) in moves {
                let last = list.keys().next_back().copied().unwrap_or(0);
                if list.contains_key(&counter) || last >= counter + WINDOW { continue }
                prop_assert_eq!(replies.answer(id(1, counter)), None);
                replies.note(id(1, counter), taken);
                list.insert(counter, taken);
            }
            let last = replies.last.counter;
            let read = Replies::stored(replies.last_taken(), replies.refused());
            for (counter, taken) in &list {
                let is_stored = *counter <= read.last.counter && read.last.counter - counter < WINDOW;
                if is_stored && last - counter < WINDOW {
                    prop_assert_eq!(read.answer(id(1, *counter)), Some(*taken));
                }
            }
            for (counter, taken) in list {
                let expected = if last - counter < WINDOW { taken } else { true };
                prop_assert_eq!(replies.answer(id(1, counter)), Some(expected));
            }
        }
    }
}
