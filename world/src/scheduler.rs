//! The seed's multitasking: uthreads that run until they yield their priority. It resumes whoever is due, as long as its owner's meter
//! lets it. It does not know what uthreads act upon, `W`, nor of threads, tasks or clocks.
//!
//! **Order.** In each tick, each uthread that is due has one turn at most. First those of priority 0, real time: all of them, in the order in which they
//! were added. Then, as long as the budget lasts, the others in the order of their *effective priority*, which is their priority less the
//! ticks that they have waited; of equals, who has been due for longer. Who is added or woken goes on in the next tick, and so does who
//! yields.
//!
//! **Nobody starves.** One of the others has its turn in each tick even if the budget is spent already. With at most N uthreads, and R turns for the others in each tick
//! (at least 1), one of priority p waits for p + N / R ticks at most, whatever the others yield and whoever is added: who falls due p ticks after it, or
//! later, goes behind it, and those before it have one turn each.
//!
//! **Forms.** A [`Uthread`] is resumed by a call; an `async fn` is polled, and has its world and scheduler by its [`Context`]. They behave alike, and cost about the same.
//!
//! **Cost.** A uthread is a seat of 56 bytes, a place or two of 8 in queues, and its own state in an allocation of its own: together 70 to 110 bytes if that is a
//! few words, and 75 more as an `async fn`. One that sleeps takes no time until it is due; `cargo bench -p world --bench uthreads` measures the rest.

mod body;
mod buckets;
mod context;
mod ended;
mod handle;
mod loan;
mod meter;
mod names;
mod roster;
mod stats;
#[cfg(test)]
mod tests;
mod uthread;

pub use context::{Context, Pause};
pub use ended::{ENDED_MAX, Ended, Reason};
pub use handle::Handle;
pub use meter::{Meter, Resumes, Trickle};
pub use names::NAMES_MAX;
pub use stats::{Class, ClassStats, NameStats, Stats, Ticked};
pub use uthread::{FOREVER, Priority, Step, Uthread, UthreadId};

use loan::{Lent, Loan};
use meter::Sparing;
pub(crate) use roster::TIMED_EVERY;
use roster::{Roster, Turn};

/// How many uthreads a scheduler has at most: more than a whole crowded server needs, in one region. Another is refused.
pub const UTHREADS_MAX: usize = 1 << 17;

/// Turns that a tick has for uthreads that are not real-time, even if there is no time left.
const TURNS_MIN: u64 = 1;

/// Why a uthread is not added, or not resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There are [`UTHREADS_MAX`].
    #[error("there are {UTHREADS_MAX} uthreads (UTHREADS_MAX), and there is no room for another")]
    Full,
    /// There are [`NAMES_MAX`], all of them in use, and it has another.
    #[error(
        "there are {NAMES_MAX} names of uthreads (NAMES_MAX), and there is no room for another"
    )]
    ManyNames,
    /// There is no such uthread any more.
    #[error("the uthread is no more")]
    Gone,
    /// Only real-time ones are resumed between ticks.
    #[error("the uthread is not real-time, and waits for its turn")]
    NotRealTime,
}

/// Uthreads that act upon one world.
pub struct Scheduler<W> {
    /// None only while a uthread runs.
    lent: Option<Box<Lent<W>>>,
    loan: Loan<W>,
}

impl<W> Scheduler<W> {
    /// Nobody yet. `now` is the tick that has been.
    ///
    /// While uthreads run, the world is in the scheduler, and a default one in its place; that is made once, here. It is moved there and back for each
    /// tick and each [`Scheduler::resume_now`]: a large one is better a box.
    #[must_use]
    pub fn new(now: u64) -> Self
    where
        W: Default,
    {
        let loan = Loan::new();
        let lent = Lent {
            world: W::default(),
            roster: Roster::new(now, loan.clone()),
            asked: None,
        };
        Self {
            lent: Some(Box::new(lent)),
            loan,
        }
    }

    /// Who there is, to be looked at and changed between ticks.
    pub fn handle(&mut self) -> Handle<'_, W> {
        Handle::new(&mut self.lent_mut().roster)
    }

    /// Resumes everybody who is due in this tick, as far as the budget goes. It is later than the last; ticks may have been left out.
    pub fn tick(&mut self, world: &mut W, now: u64, meter: &mut dyn Meter) -> Ticked {
        let mut ticked = Ticked::default();
        let (mut shared_count, mut granted) = (0, 0);
        self.borrow(world, |mut lent, loan| {
            lent.roster.begin(now);
            loop {
                let may_share = || {
                    if granted == 0 {
                        let floor = u64::from(shared_count < TURNS_MIN);
                        granted = meter.grant(ticked.resume_count).max(floor);
                    }
                    let may = granted > 0;
                    granted -= u64::from(may);
                    shared_count += u64::from(may);
                    may
                };
                let Some(turn) = lent.roster.next_turn(may_share) else {
                    break;
                };
                ticked.resume_count += 1;
                ticked.wait_ticks_max = ticked.wait_ticks_max.max(turn.wait_ticks);
                lent = resume(lent, loan, turn, meter);
            }
            ticked.behind_count = lent.roster.behind_count();
            lent
        });
        ticked
    }

    /// A tick of a world that nobody sees, if this is one that is run: it ends as soon as the trickle or the meter does.
    pub fn trickle(
        &mut self,
        world: &mut W,
        now: u64,
        trickle: Trickle,
        meter: &mut dyn Meter,
    ) -> Option<Ticked> {
        let resumes = Resumes(trickle.resumes);
        let is_run = trickle.is_run(now);
        is_run.then(|| self.tick(world, now, &mut Sparing { resumes, meter }))
    }

    /// Resumes one that is real-time, now, between two ticks, even if it sleeps. That is no tick's turn: it is due in the next one nevertheless, unless it sleeps again.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`], [`Error::NotRealTime`].
    pub fn resume_now(
        &mut self,
        id: UthreadId,
        world: &mut W,
        meter: &mut dyn Meter,
    ) -> Result<(), Error> {
        let turn = self.lent_mut().roster.turn_of(id)?;
        self.borrow(world, |lent, loan| resume(lent, loan, turn, meter));
        Ok(())
    }

    /// Who has ended since this was last asked, in the order in which they did.
    pub fn drain_ended(&mut self) -> Vec<Ended> {
        self.lent_mut().roster.drain_ended()
    }

    /// The tick that has been.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.lent().roster.now()
    }

    /// A tick before which nobody is due; None: nobody ever is, unless woken.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.lent().roster.next_due()
    }

    /// What can be seen from outside.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.lent().roster.stats()
    }

    /// Has the world in the scheduler for a while.
    fn borrow(&mut self, world: &mut W, act: impl FnOnce(Box<Lent<W>>, &Loan<W>) -> Box<Lent<W>>) {
        let lent = self.lent.take();
        let mut lent = lent.expect(NOBODY_RUNS);
        std::mem::swap(&mut lent.world, world);
        let mut lent = act(lent, &self.loan);
        std::mem::swap(&mut lent.world, world);
        self.lent = Some(lent);
    }

    fn lent(&self) -> &Lent<W> {
        self.lent.as_ref().expect(NOBODY_RUNS)
    }

    fn lent_mut(&mut self) -> &mut Lent<W> {
        self.lent.as_mut().expect(NOBODY_RUNS)
    }
}

/// Why what is lent is there.
const NOBODY_RUNS: &str = "who has the scheduler is not a uthread of it";

/// Resumes one, and hears what it wants next.
fn resume<W>(
    lent: Box<Lent<W>>,
    loan: &Loan<W>,
    mut turn: Turn<W>,
    meter: &mut dyn Meter,
) -> Box<Lent<W>> {
    let started_ns = turn.is_timed.then(|| meter.now_ns());
    let (mut lent, wanted) = turn.body.resume(lent, loan);
    let time_ns = started_ns.map(|started_ns| meter.now_ns().saturating_sub(started_ns));
    lent.roster.finish(turn, wanted, time_ns);
    lent
}
