//! Whose turn it is. Each gets one in a tick at most: who has had it is due in the next tick at the earliest.

use super::{Body, NameId, Place, Reason, Roster, State, queues::REAL_TIME_KEY};
use crate::scheduler::{Error, Step, UthreadId};

/// The time of one in so many resumes is measured, and stands for that of as many. It is a prime, so that those who take turns regularly are all met.
pub(crate) const TIMED_EVERY: u64 = 17;

/// Somebody who is about to be resumed.
pub(in crate::scheduler) struct Turn<W> {
    pub(in crate::scheduler) body: Body<W>,
    /// Whether its time is to be measured.
    pub(in crate::scheduler) is_timed: bool,
    /// How many ticks it has waited.
    pub(in crate::scheduler) wait_ticks: u64,
    at: usize,
    id: UthreadId,
    name: NameId,
}

impl<W> Roster<W> {
    /// It is a later tick: more are due.
    pub(in crate::scheduler) fn begin(&mut self, now: u64) {
        self.now = self.now.max(now);
        while let Some(bucket) = self.calendar.pop_bucket(self.now) {
            for place in bucket {
                if self.holds(&place) {
                    let at = place.seat as usize;
                    self.enter(at, State::Due);
                    self.put_in_line(at);
                }
            }
        }
        let seats = &self.seats;
        let age = |place: &Place| seats[place.seat as usize].id;
        self.due.sort_bucket(REAL_TIME_KEY, age);
    }

    /// The next whose turn it is: whoever is real-time, and then, if there may be one, the first of the others.
    pub(in crate::scheduler) fn next_turn(
        &mut self,
        may_share: impl FnOnce() -> bool,
    ) -> Option<Turn<W>> {
        let (key, place) = loop {
            let (key, place) = self.due.pop()?;
            if self.holds(&place) {
                break (key, place);
            }
        };
        if key != REAL_TIME_KEY && !may_share() {
            self.due.put_back(key, place);
            return None;
        }
        self.start(place.seat as usize)
    }

    /// The turn of somebody who is real-time, between ticks.
    pub(in crate::scheduler) fn turn_of(&mut self, id: UthreadId) -> Result<Turn<W>, Error> {
        let at = self.find(id).ok_or(Error::Gone)?;
        if !self.seats[at].priority.is_real_time() {
            return Err(Error::NotRealTime);
        }
        self.start(at).ok_or(Error::Gone)
    }

    /// Somebody has been resumed: its body, what it wants next, and the time that it took, if that was measured.
    pub(in crate::scheduler) fn finish(
        &mut self,
        turn: Turn<W>,
        wanted: Result<Step, Reason>,
        time_ns: Option<u64>,
    ) {
        self.running = None;
        let Turn {
            at, id, name, body, ..
        } = turn;
        // It may have removed itself, and another may have its seat.
        if self.find(id).is_none() {
            return body.discard();
        }
        if let Some(time_ns) = time_ns {
            self.names
                .add_time(name, time_ns.saturating_mul(TIMED_EVERY));
        }
        match wanted {
            Ok(Step::Yield(priority)) => {
                self.give_priority(at, priority);
                self.seats[at].body = Some(body);
                self.queue(at, self.now);
            }
            Ok(Step::Sleep(tick)) => {
                self.seats[at].body = Some(body);
                self.queue(at, tick);
            }
            Ok(Step::End) => self.end(at, body, Reason::Finished),
            Err(reason) => self.end(at, body, reason),
        }
    }

    fn start(&mut self, at: usize) -> Option<Turn<W>> {
        let is_timed = self.resume_count.is_multiple_of(TIMED_EVERY);
        let seat = &mut self.seats[at];
        let turn = Turn {
            body: seat.body.take()?,
            is_timed,
            wait_ticks: self.now.saturating_sub(seat.due),
            at,
            id: seat.id,
            name: seat.name,
        };
        self.enter(at, State::Running);
        self.running = Some(turn.id);
        self.resume_count += 1;
        self.names.add_resume(turn.name);
        Some(turn)
    }

    fn end(&mut self, at: usize, body: Body<W>, reason: Reason) {
        self.vacate(at, reason);
        body.discard();
    }
}
