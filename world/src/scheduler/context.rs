//! What an `async` uthread is given: the world and the scheduler between two yields, and the yields. Nothing else is to be awaited.

use std::{
    pin::Pin,
    task::{self, Poll},
};

use super::{Handle, Priority, Step, UthreadId, loan::Loan};

/// Given to an `async` uthread when it is added.
///
/// ```
/// # use world::scheduler::{Context, Priority, Resumes, Scheduler};
/// async fn count(context: Context<Vec<u64>>) {
///     while context.with(|world, _| world.len() < 3) {
///         context.with(|world, handle| world.push(handle.now()));
///         context.yields(Priority(5)).await;
///     }
/// }
///
/// let (mut scheduler, mut world) = (Scheduler::new(0), Vec::new());
/// scheduler.handle().add_async("count", Priority(5), count)?;
/// (1..10).for_each(|tick| { scheduler.tick(&mut world, tick, &mut Resumes(100)); });
/// assert_eq!(world, [1, 2, 3]);
/// # Ok::<(), world::scheduler::Error>(())
/// ```
pub struct Context<W> {
    loan: Loan<W>,
    id: UthreadId,
}

impl<W> Context<W> {
    pub(super) fn new(loan: Loan<W>, id: UthreadId) -> Self {
        Self { loan, id }
    }

    /// Which uthread this was given to.
    #[must_use]
    pub fn id(&self) -> UthreadId {
        self.id
    }

    /// Acts upon the world, at once.
    ///
    /// # Panics
    ///
    /// Within itself, and while its uthread is not being resumed.
    pub fn with<R>(&self, act: impl FnOnce(&mut W, &mut Handle<'_, W>) -> R) -> R {
        self.loan
            .with(|lent| act(&mut lent.world, &mut Handle::new(&mut lent.roster)))
    }

    /// The tick that it is.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.with(|_, handle| handle.now())
    }

    /// [`Step::Yield`].
    pub fn yields(&self, priority: Priority) -> Pause<'_, W> {
        self.pause(Step::Yield(priority))
    }

    /// [`Step::Sleep`].
    pub fn sleeps_until(&self, tick: u64) -> Pause<'_, W> {
        self.pause(Step::Sleep(tick))
    }

    /// [`Step::Sleep`] for so many ticks from now.
    pub fn sleeps(&self, ticks: u64) -> Pause<'_, W> {
        self.sleeps_until(self.now().saturating_add(ticks))
    }

    fn pause(&self, step: Step) -> Pause<'_, W> {
        Pause {
            context: self,
            step: Some(step),
        }
    }
}

/// Ends when its uthread is resumed. Of several that are awaited together, the soonest counts, and all end at once.
#[must_use = "it is nothing until it is awaited"]
pub struct Pause<'a, W> {
    context: &'a Context<W>,
    /// None: it has been asked for.
    step: Option<Step>,
}

impl<W> Future for Pause<'_, W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<()> {
        let Some(step) = self.step.take() else {
            return Poll::Ready(());
        };
        self.context.loan.with(|lent| {
            lent.asked = Some(lent.asked.map_or(step, |other| other.sooner(step)));
        });
        Poll::Pending
    }
}
