//! How a uthread of either form is resumed, and what becomes of one that panics.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{self, Poll, Waker},
};

use super::{
    Handle, Step, Uthread,
    ended::Reason,
    loan::{Lent, Loan},
};

/// What of a uthread is its own.
pub(super) enum Body<W> {
    Resumed(Box<dyn Uthread<W>>),
    Polled(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl<W> Body<W> {
    /// Resumes it, with what is lent to it meanwhile.
    pub(super) fn resume(
        &mut self,
        mut lent: Box<Lent<W>>,
        loan: &Loan<W>,
    ) -> (Box<Lent<W>>, Result<Step, Reason>) {
        match self {
            Self::Resumed(uthread) => {
                let Lent { world, roster, .. } = &mut *lent;
                let mut handle = Handle::new(roster);
                let resumed = catch_unwind(AssertUnwindSafe(|| uthread.resume(world, &mut handle)));
                (lent, resumed.map_err(panicked))
            }
            Self::Polled(future) => {
                loan.lend(lent);
                let mut context = task::Context::from_waker(Waker::noop());
                let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
                let mut lent = loan.take_back();
                let asked = lent.asked.take();
                let step = match polled {
                    Ok(Poll::Ready(())) => Ok(Step::End),
                    Ok(Poll::Pending) => asked.ok_or(Reason::AwaitsAnother),
                    Err(panic) => Err(panicked(panic)),
                };
                (lent, step)
            }
        }
    }

    /// Drops it. A panic in that is of no consequence to whoever does it.
    pub(super) fn discard(self) {
        drop(catch_unwind(AssertUnwindSafe(|| drop(self))));
    }
}

fn panicked(panic: Box<dyn Any + Send>) -> Reason {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Reason::Panicked(text.unwrap_or("a panic without a message").to_owned())
}
