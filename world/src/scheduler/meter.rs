//! How much of a tick there is. What measures it, a clock or a count, is the caller's: the scheduler is as deterministic as its meter.

/// A tick's budget, and the clock by which the time of uthreads is counted.
pub trait Meter {
    /// How many uthreads that are not real-time may be resumed before this is asked again; 0: the budget is spent.
    ///
    /// `resumed` counts the resumes of this tick so far, real-time ones too. A meter that reads a clock grants a few at a time, so
    /// that its reading costs little for each.
    fn grant(&mut self, resumed: u64) -> u64;

    /// The time, in nanoseconds from any moment. Read twice for one of 17 resumes; a meter without a clock counts no time.
    fn now_ns(&mut self) -> u64 {
        0
    }
}

/// A budget that is counted in resumes, and hence the same wherever it runs: for tests, simulations, and regions that nobody sees.
/// Real-time ones are counted too, though they run whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumes(pub u64);

impl Meter for Resumes {
    fn grant(&mut self, resumed: u64) -> u64 {
        self.0.saturating_sub(resumed)
    }
}

/// How a region that nobody sees goes on: seldom, and little at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trickle {
    /// One tick in so many is run; 0 is taken as 1.
    pub every_ticks: u64,
    /// Which of them: regions with different phases do not all run in the same tick.
    pub phase: u64,
    /// How many uthreads are resumed in it; real-time ones in any case, and one of the others.
    pub resumes: u64,
}

impl Trickle {
    /// Whether this tick is one that is run.
    #[must_use]
    pub fn is_run(self, tick: u64) -> bool {
        tick.wrapping_add(self.phase)
            .is_multiple_of(self.every_ticks.max(1))
    }

    /// The first tick that is run, from one on.
    #[must_use]
    pub fn next_run(self, tick: u64) -> u64 {
        let every_ticks = self.every_ticks.max(1);
        match tick.wrapping_add(self.phase) % every_ticks {
            0 => tick,
            past => tick.saturating_add(every_ticks - past),
        }
    }
}

/// A budget that is spent as soon as one of two is: a count of resumes, or another meter, whose clock it has.
pub(super) struct Sparing<'a> {
    pub(super) resumes: Resumes,
    pub(super) meter: &'a mut dyn Meter,
}

impl Meter for Sparing<'_> {
    fn grant(&mut self, resumed: u64) -> u64 {
        let granted = self.meter.grant(resumed);
        self.resumes.grant(resumed).min(granted)
    }

    fn now_ns(&mut self) -> u64 {
        self.meter.now_ns()
    }
}
