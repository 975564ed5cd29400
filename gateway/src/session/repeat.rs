//! What is sent again, and when. It does not know where to.
//!
//! Everything that is unanswered is sent again when the character is somewhere else. Besides, one command is: after a moment, when it is said that it was
//! not done; and by itself, when it is one that travels from zone server to zone server and nobody has answered. Rows remember what was
//! done ([`world::applied`]), so a repeat is answered and does nothing twice.

use std::time::{Duration, Instant};

use world::region_id::RegionId;

use super::{End, Output, PATIENCE, Session, slot::Step};

/// How long after [`crate::zone_message::Event::Again`] a command is sent again; doubled each time in a row.
pub(super) const AGAIN: Duration = Duration::from_millis(100);
/// The longest that it is doubled to: little, compared to the two seconds after which a dead zone server's regions are held by others, for that is what is
/// waited for. There is at most one durable command a session.
const AGAIN_MAX: Duration = Duration::from_millis(400);
/// How long a durable command or a `get` is unanswered before it is sent again; doubled each time. Most are answered within milliseconds, so this finds
/// the few that were lost between two zone servers, and no others while the database has a slow moment.
pub(super) const REPEAT: Duration = Duration::from_secs(1);
/// The longest that it is doubled to.
const REPEAT_MAX: Duration = Duration::from_secs(4);

impl Session {
    /// When [`Self::repeat`] may have something to do. Nothing is sent to nowhere: an entrance sends everything again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.place.is_settled())
    }

    /// A command will be sent again by itself at that time, unless it is answered before.
    pub(super) fn expect_due(&mut self, due: Option<Instant>) {
        self.due = [self.due, due].into_iter().flatten().min();
    }

    /// Sends everything that is unanswered to where the character is now.
    pub(super) fn send_again(&mut self, region: RegionId, now: Instant, out: &mut Vec<Output>) {
        let Some(character) = self.character.clone() else {
            return;
        };
        self.due = None;
        for slot in self.queue.iter_mut().take(self.started_count) {
            let Step::InFlight(flight) = &mut slot.step else {
                continue;
            };
            if now >= flight.since + PATIENCE {
                self.end.get_or_insert(End::OutcomeUnknown);
                return;
            }
            flight.attempt += 1;
            flight.attempt_here = flight.attempt;
            flight.expect_answer(now);
            self.due = [self.due, flight.due].into_iter().flatten().min();
            out.push(flight.command(&character, region, &slot.ticket));
        }
    }

    /// A command was not done, or nobody knows.
    pub(super) fn postpone(&mut self, counter: u64, attempt: u32, now: Instant) {
        let mut due = None;
        for slot in self.queue.iter_mut().take(self.started_count) {
            if let Step::InFlight(flight) = &mut slot.step
                && (flight.counter, flight.attempt) == (counter, attempt)
            {
                flight.due = Some(now + flight.again_after);
                flight.again_after = (flight.again_after * 2).min(AGAIN_MAX);
                due = flight.due;
            }
        }
        self.expect_due(due);
    }

    /// Sends again what is due.
    pub(super) fn repeat(&mut self, now: Instant, out: &mut Vec<Output>) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        let (Some(character), Some(region)) = (self.character.clone(), self.place.region()) else {
            return;
        };
        self.due = None;
        for slot in self.queue.iter_mut().take(self.started_count) {
            let Step::InFlight(flight) = &mut slot.step else {
                continue;
            };
            if flight.due.is_some_and(|due| due <= now) {
                if now >= flight.since + PATIENCE {
                    self.end.get_or_insert(End::OutcomeUnknown);
                    return;
                }
                flight.attempt += 1;
                flight.due = flight.is_repeated().then(|| now + flight.repeat_after);
                flight.repeat_after = (flight.repeat_after * 2).min(REPEAT_MAX);
                out.push(flight.command(&character, region, &slot.ticket));
            }
            self.due = [self.due, flight.due].into_iter().flatten().min();
        }
    }
}
