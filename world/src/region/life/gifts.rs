//! What somebody is to get, or to lose, and not just as well as not: whoever has picked something up gets what is there no more. It is given again until its answer is
//! known, or for a while; each row takes it once, as it takes a player's command once.

use std::collections::btree_map::Entry;

use super::super::{Action, Ask, Asker, Now, Output, Region};
use crate::{applied::CommandId, behaviours::Event};

/// How long to wait for an answer before something is given again, in milliseconds.
const REPEAT_MS: u64 = 500;
/// How often it is given: whoever is on the way to another server has arrived long before.
const ATTEMPTS_MAX: u32 = 10;
/// A region that is let go of waits for what was given so often at most: its next holder is waited for meanwhile.
const LAST_ATTEMPTS: u32 = 2;
/// As how many authors one giver is remembered: so many of its gifts can be on their way to one row.
const SLOTS: u64 = 16;
/// How many bits of a gift's number count the gifts of one run of a region; those above are the region's own.
pub(super) const GIFT_BITS: u32 = 20;
/// How many wait to arrive. Of more, the oldest are not given again.
const GIFTS_MAX: usize = 1_024;

/// Something on its way to somebody.
#[derive(Debug)]
pub(super) struct Gift {
    /// As it is to be sent next.
    ask: Ask,
    due_ms: u64,
    request: Option<Request>,
}

/// Somebody who wants to know what becomes of a change, and its number for that.
type Request = (String, u64);

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
        request: Option<u64>,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let request = request.map(|number| (from.key.clone(), number));
        from.id = self.next_id();
        let number = from.id.counter;
        // A row remembers one command of each author, and takes no earlier one: a giver is another one in each region, and what is given again comes late.
        from.key = format!("{}#{:x}.{}", from.key, number >> GIFT_BITS, number % SLOTS);
        from.session.number = number;
        from.giver = Some(self.id);
        self.hand_to(Ask::new(from, to, action), request, now, out);
    }

    /// Sends it, and again until it has arrived.
    fn hand_to(
        &mut self,
        ask: Ask,
        request: Option<Request>,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let mut again = ask.clone();
        again.asker.attempt += 1;
        let gift = Gift {
            ask: again,
            due_ms: now.ms.saturating_add(REPEAT_MS),
            request,
        };
        self.life.gifts.insert(ask.asker.session.number, gift);
        if self.life.gifts.len() > GIFTS_MAX
            && let Some((_, oldest)) = self.life.gifts.pop_first()
        {
            self.answer_request(oldest.request, None);
        }
        self.ask(ask, now, out);
    }

    /// What was given has arrived, or cannot. A refusal holds of the last sending alone: of one before it nothing is written down, and the last may still be done.
    pub(in crate::region) fn given(&mut self, number: u64, attempt: u32, done: bool) {
        let is_last = |gift: &Gift| done || attempt + 1 == gift.ask.asker.attempt;
        if let Entry::Occupied(gift) = self.life.gifts.entry(number)
            && is_last(gift.get())
        {
            let request = gift.remove().request;
            self.answer_request(request, Some(done));
        }
    }

    fn answer_request(&mut self, request: Option<Request>, done: Option<bool>) {
        if let Some((author, number)) = request {
            self.happen(&author, Event::Answered { number, done });
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
            match gift.ask.asker.attempt < ATTEMPTS_MAX {
                true => self.hand_to(gift.ask, gift.request, now, out),
                false => self.answer_request(gift.request, None),
            }
        }
    }

    /// Whether something has not arrived yet that may do so soon.
    pub(in crate::region) fn has_gifts(&self) -> bool {
        let attempt = |gift: &Gift| gift.ask.asker.attempt;
        let mut gifts = self.life.gifts.values();
        gifts.any(|gift| attempt(gift) <= LAST_ATTEMPTS)
    }

    /// When something is to be given again.
    pub(in crate::region) fn gift_at_ms(&self) -> Option<u64> {
        self.life.gifts.values().map(|gift| gift.due_ms).min()
    }
}
