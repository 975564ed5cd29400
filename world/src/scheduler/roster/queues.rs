//! The queues: who is to go on in which tick, and who is due, in their order.

use super::{FOREVER, Place, Priority, Roster, State};

/// The key in `due` of who is real-time. All other keys are greater.
pub(super) const REAL_TIME_KEY: u64 = 0;
/// How many places that no longer hold are let be, besides as many as there are uthreads.
const STALE_PLACES_MAX: usize = 1_024;

impl<W> Roster<W> {
    /// Not later than the tick in which somebody is due next.
    pub(in crate::scheduler) fn next_due(&self) -> Option<u64> {
        let is_behind = self.behind_count() > 0;
        let soonest = is_behind.then_some(self.now);
        soonest.or_else(|| self.calendar.first_key())
    }

    /// Places in queues, those that no longer hold included.
    pub(in crate::scheduler) fn place_count(&self) -> usize {
        self.calendar.place_count() + self.due.place_count()
    }

    /// Lets it go on in a tick, the next at the earliest.
    pub(super) fn queue(&mut self, at: usize, tick: u64) {
        let next = self.now.saturating_add(1);
        let seat = &mut self.seats[at];
        seat.stamp = seat.stamp.wrapping_add(1);
        seat.due = tick.max(next);
        let (due, stamp) = (seat.due, seat.stamp);
        let is_next = due == next;
        self.enter(at, if is_next { State::Next } else { State::Asleep });
        if due != FOREVER {
            let seat = at as u32;
            self.calendar.push(due, Place { seat, stamp });
            self.forget_stale();
        }
    }

    /// Lets it wait for its turn among those who are due.
    ///
    /// With each tick of waiting a priority counts for one less; as it does so for everybody, the order is that of priority and first tick of
    /// waiting taken together, which stays as it is.
    pub(super) fn put_in_line(&mut self, at: usize) {
        let seat = &self.seats[at];
        let key = match seat.priority {
            Priority::REAL_TIME => REAL_TIME_KEY,
            Priority(priority) => seat.due.saturating_add(u64::from(priority)),
        };
        let (seat, stamp) = (at as u32, seat.stamp);
        self.due.push(key, Place { seat, stamp });
    }

    pub(super) fn holds(&self, place: &Place) -> bool {
        self.seats[place.seat as usize].stamp == place.stamp
    }

    /// Queues hold at most twice as many places as there are uthreads, and a few: the cost of this is spread over those who left as many.
    pub(super) fn forget_stale(&mut self) {
        if self.place_count() > 2 * self.uthread_count() + STALE_PLACES_MAX {
            let seats = &self.seats;
            let holds = |place: &Place| seats[place.seat as usize].stamp == place.stamp;
            self.calendar.retain(holds);
            self.due.retain(holds);
        }
    }
}
