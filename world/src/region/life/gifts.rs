//! What somebody is to get who has picked something up: it is there no more, so that it has to arrive. It is given again until that is known, or for a while
//! where it cannot be, as on another server; each row takes it once, as it takes a player's command once.

use super::{
    super::{Action, Ask, Asker, Message, Now, Output, Region},
    NOBODY,
};
use crate::applied::CommandId;

/// How long to wait for an answer before something is given again, in milliseconds.
const REPEAT_MS: u64 = 500;
/// How often it is given: whoever is on the way to another server has arrived long before.
const ATTEMPTS_MAX: u32 = 10;
/// As how many authors one giver is remembered: so many of its gifts can be on their way to one row.
const SLOTS: u64 = 16;
/// How many bits of a gift's number count the gifts of one run of a region; those above are the region's own.
pub(super) const GIFT_BITS: u32 = 20;
/// How many wait to arrive. Of more, the oldest are given once more, and then no more.
const GIFTS_MAX: usize = 1_024;

/// Something on its way to somebody.
#[derive(Debug)]
pub(super) struct Gift {
    ask: Ask,
    due_ms: u64,
}

impl Region {
    /// A command of the region's own has another name than all others of it.
    pub(super) fn next_id(&mut self) -> CommandId {
        self.life.gift_count += 1;
        CommandId {
            generation: self.publisher.epoch(),
            counter: self.life.gift_count,
        }
    }

    /// An entity of this region gives something to somebody.
    pub(super) fn give(
        &mut self,
        mut from: Asker,
        to: &str,
        action: Action,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        from.id = self.next_id();
        let number = from.id.counter;
        // A row remembers one command of each author, and takes no earlier one: a giver is another one in each region, and what is given again comes late.
        from.key = format!("{}#{:x}.{}", from.key, number >> GIFT_BITS, number % SLOTS);
        from.session.number = number;
        self.hand_to(Ask::new(from, to, action), now, out);
    }

    /// Sends it, and again until it has arrived.
    fn hand_to(&mut self, ask: Ask, now: &Now<'_>, out: &mut Vec<Output>) {
        let mut again = ask.clone();
        again.asker.attempt += 1;
        let number = ask.asker.session.number;
        if again.asker.attempt < ATTEMPTS_MAX {
            let due_ms = now.ms.saturating_add(REPEAT_MS);
            self.life.gifts.insert(number, Gift { ask: again, due_ms });
            if self.life.gifts.len() > GIFTS_MAX {
                self.life.gifts.pop_first();
            }
        }
        self.ask(ask, now, out);
    }

    /// What has been said to nobody: some of it is that a gift has arrived, or cannot.
    pub(in crate::region) fn hear_nobody(&mut self, out: &[Output]) {
        if self.life.gifts.is_empty() {
            return;
        }
        for output in out {
            if let Output::Tell(link, Message::Reply { session, .. }) = output
                && *link == NOBODY.link
            {
                self.life.gifts.remove(session);
            }
        }
    }

    /// Gives again what may not have arrived.
    pub(in crate::region) fn give_again(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        let is_due = |_: &u64, gift: &mut Gift| gift.due_ms <= now.ms;
        let due: Vec<Gift> = self
            .life
            .gifts
            .extract_if(.., is_due)
            .map(|(_, gift)| gift)
            .collect();
        for gift in due {
            self.hand_to(gift.ask, now, out);
        }
    }

    /// When something is to be given again.
    pub(in crate::region) fn gift_at_ms(&self) -> Option<u64> {
        self.life.gifts.values().map(|gift| gift.due_ms).min()
    }
}
