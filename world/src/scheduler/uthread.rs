//! What a uthread is: something that runs until it yields its priority. It does not know of queues.

use super::Handle;

/// A uthread's name in its scheduler: later ones are greater, and none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UthreadId(u64);

/// The low bits of an id, which say where the uthread sits. The others count uthreads: a million a second for four years.
const SEAT_BITS: u32 = super::UTHREADS_MAX.ilog2();

impl UthreadId {
    pub(super) fn new(number: u64, seat: usize) -> Self {
        Self(number << SEAT_BITS | seat as u64)
    }

    pub(super) fn seat(self) -> usize {
        (self.0 & ((1 << SEAT_BITS) - 1)) as usize
    }
}

/// How long a uthread can wait, in ticks, before it goes ahead of whoever has only just come: a high value is a low priority, and 0 is
/// real time.
///
/// It is a difference that counts: while there is more to do than a tick has time for, who yields 10 goes 9 ticks later than who yields 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Priority(pub u16);

impl Priority {
    /// Resumed in every tick, however little time there is.
    pub const REAL_TIME: Self = Self(0);
    /// Resumed when nobody else has anything to do, or after 55 minutes of waiting.
    pub const LOWEST: Self = Self(u16::MAX);

    /// Whether it is real time.
    #[must_use]
    pub fn is_real_time(self) -> bool {
        self == Self::REAL_TIME
    }
}

/// A tick that never comes: who sleeps until then is woken by somebody, or runs no more.
pub const FOREVER: u64 = u64::MAX;

/// What a uthread wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To go on in the next tick, with this priority from now on.
    Yield(Priority),
    /// To go on in this tick, not before it, with the priority that it has; or when it is woken.
    Sleep(u64),
    /// To be no more.
    End,
}

impl Step {
    /// Of two, the one that goes on first.
    pub(super) fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yield(one), Self::Yield(two)) => Self::Yield(Priority(one.0.min(two.0))),
            (Self::Sleep(one), Self::Sleep(two)) => Self::Sleep(one.min(two)),
            (Self::Yield(_), _) | (_, Self::End) => self,
            (_, Self::Yield(_)) | (Self::End, _) => other,
        }
    }
}

/// Runs until it yields. `W` is what it acts upon.
///
/// [`Handle::add_async`] takes the other form, an `async fn` that awaits its yields.
pub trait Uthread<W>: Send {
    /// Goes on for a moment. A panic removes the uthread, and nothing else.
    fn resume(&mut self, world: &mut W, handle: &mut Handle<'_, W>) -> Step;
}

impl<W, F> Uthread<W> for F
where
    F: FnMut(&mut W, &mut Handle<'_, W>) -> Step + Send,
{
    fn resume(&mut self, world: &mut W, handle: &mut Handle<'_, W>) -> Step {
        self(world, handle)
    }
}
