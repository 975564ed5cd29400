//! Who there is, and when each is to go on. It resumes nobody: `queues` has the order, and `turns` says whose turn it is, and hears what came of it.

mod queues;
mod turns;

pub(crate) use turns::TIMED_EVERY;
pub(super) use turns::Turn;

use super::{
    Error, Priority, Stats, UTHREADS_MAX, UthreadId,
    body::Body,
    buckets::{Buckets, Place},
    ended::{Ended, Ends, Reason},
    loan::Loan,
    names::{NameId, Names},
    stats::{Class, ClassStats},
    uthread::FOREVER,
};

pub(super) struct Roster<W> {
    now: u64,
    seats: Vec<Seat<W>>,
    vacant: Vec<u32>,
    /// How many uthreads there have been.
    number: u64,
    /// Who is due in a later tick, by tick. Who sleeps for ever has no place in it.
    calendar: Buckets,
    /// Who is due now, by effective priority.
    due: Buckets,
    running: Option<UthreadId>,
    resume_count: u64,
    names: Names,
    ends: Ends,
    state_counts: [usize; State::COUNT],
    class_counts: [usize; Class::ALL.len()],
    loan: Loan<W>,
}

/// A uthread, or room for one.
struct Seat<W> {
    id: UthreadId,
    /// The tick from which it waits, or will.
    due: u64,
    /// None while it runs, and in a vacant seat.
    body: Option<Body<W>>,
    name: NameId,
    /// Changes whenever the places that it has in queues no longer hold.
    stamp: u32,
    priority: Priority,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Vacant,
    Running,
    /// To go on in the next tick.
    Next,
    Asleep,
    /// To go on in this tick, or behind.
    Due,
}

impl State {
    const COUNT: usize = 5;
}

/// The docs of the scheduler say so.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Seat<()>>() == 56);

impl<W> Roster<W> {
    pub(super) fn new(now: u64, loan: Loan<W>) -> Self {
        Self {
            now,
            seats: Vec::new(),
            vacant: Vec::new(),
            number: 0,
            calendar: Buckets::default(),
            due: Buckets::default(),
            running: None,
            resume_count: 0,
            names: Names::default(),
            ends: Ends::default(),
            state_counts: [0; State::COUNT],
            class_counts: [0; Class::ALL.len()],
            loan,
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn running(&self) -> Option<UthreadId> {
        self.running
    }

    pub(super) fn uthread_count(&self) -> usize {
        self.seats.len() - self.vacant.len()
    }

    /// Due, and not resumed.
    pub(super) fn behind_count(&self) -> usize {
        self.state_counts[State::Due as usize]
    }

    pub(super) fn priority(&self, id: UthreadId) -> Option<Priority> {
        self.find(id).map(|at| self.seats[at].priority)
    }

    pub(super) fn name(&self, id: UthreadId) -> Option<&str> {
        self.find(id)
            .map(|at| &**self.names.name(self.seats[at].name))
    }

    /// Lets somebody in, from the next tick on.
    pub(super) fn add(
        &mut self,
        name: &str,
        priority: Priority,
        body: impl FnOnce(&Loan<W>, UthreadId) -> Body<W>,
    ) -> Result<UthreadId, Error> {
        if self.uthread_count() == UTHREADS_MAX {
            return Err(Error::Full);
        }
        let at = self
            .vacant
            .last()
            .map_or(self.seats.len(), |at| *at as usize);
        let id = UthreadId::new(self.number + 1, at);
        let body = body(&self.loan, id);
        let name = self.names.bear(name)?;
        self.number += 1;
        if self.vacant.pop().is_none() {
            self.seats.push(Seat::vacant(id, name));
            self.state_counts[State::Vacant as usize] += 1;
        }
        let seat = &mut self.seats[at];
        (seat.id, seat.name, seat.priority, seat.body) = (id, name, priority, Some(body));
        self.class_counts[Class::of(priority) as usize] += 1;
        self.queue(at, self.now);
        Ok(id)
    }

    pub(super) fn remove(&mut self, id: UthreadId) -> bool {
        let Some(at) = self.find(id) else {
            return false;
        };
        let body = self.vacate(at, Reason::Removed);
        body.into_iter().for_each(Body::discard);
        true
    }

    pub(super) fn set_priority(&mut self, id: UthreadId, priority: Priority) -> bool {
        let Some(at) = self.find(id) else {
            return false;
        };
        let is_other = self.give_priority(at, priority);
        if is_other && self.seats[at].state == State::Due {
            self.seats[at].stamp = self.seats[at].stamp.wrapping_add(1);
            self.put_in_line(at);
            self.forget_stale();
        }
        true
    }

    pub(super) fn wake(&mut self, id: UthreadId) -> bool {
        let Some(at) = self.find(id) else {
            return false;
        };
        let seat = &self.seats[at];
        if seat.state == State::Asleep && seat.due > self.now.saturating_add(1) {
            self.queue(at, self.now);
        }
        true
    }

    pub(super) fn drain_ended(&mut self) -> Vec<Ended> {
        self.ends.drain()
    }

    pub(super) fn stats(&self) -> Stats {
        let waits = self.due.places().filter(|place| self.holds(place));
        let wait = |place: &Place| self.now - self.seats[place.seat as usize].due;
        let class = |class: Class| ClassStats {
            class,
            uthread_count: self.class_counts[class as usize],
        };
        Stats {
            tick: self.now,
            uthread_count: self.uthread_count(),
            asleep_count: self.state_counts[State::Asleep as usize],
            behind_count: self.behind_count(),
            wait_ticks_max: waits.map(wait).max().unwrap_or(0),
            added_count: self.number,
            resume_count: self.resume_count,
            ends_forgotten_count: self.ends.forgotten_count(),
            by_class: Class::ALL.map(class),
            by_name: self.names.stats(),
        }
    }

    fn find(&self, id: UthreadId) -> Option<usize> {
        let seat = self.seats.get(id.seat())?;
        (seat.id == id && seat.state != State::Vacant).then(|| id.seat())
    }

    /// Whether it is another than before.
    fn give_priority(&mut self, at: usize, priority: Priority) -> bool {
        let before = std::mem::replace(&mut self.seats[at].priority, priority);
        self.class_counts[Class::of(before) as usize] -= 1;
        self.class_counts[Class::of(priority) as usize] += 1;
        before != priority
    }

    fn enter(&mut self, at: usize, state: State) {
        let before = std::mem::replace(&mut self.seats[at].state, state);
        self.state_counts[before as usize] -= 1;
        self.state_counts[state as usize] += 1;
    }

    /// Takes somebody out.
    fn vacate(&mut self, at: usize, reason: Reason) -> Option<Body<W>> {
        self.enter(at, State::Vacant);
        let seat = &mut self.seats[at];
        seat.stamp = seat.stamp.wrapping_add(1);
        let (id, body) = (seat.id, seat.body.take());
        self.class_counts[Class::of(seat.priority) as usize] -= 1;
        self.ends.push(Ended {
            id,
            name: self.names.name(seat.name).clone(),
            reason,
        });
        self.names.drop_one(seat.name);
        self.vacant.push(at as u32);
        body
    }
}

impl<W> Seat<W> {
    fn vacant(id: UthreadId, name: NameId) -> Self {
        Self {
            id,
            due: 0,
            body: None,
            name,
            stamp: 0,
            priority: Priority::REAL_TIME,
            state: State::Vacant,
        }
    }
}
