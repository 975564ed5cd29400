//! Where the world lies while a future is polled. A future cannot borrow what it gets anew at each poll, so that it shares a place with
//! the scheduler in which that is put before the poll, and from which it is taken after it: two pointers are moved, nothing is copied.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::{Step, roster::Roster};

/// What a uthread is lent while it runs.
pub(super) struct Lent<W> {
    pub(super) world: W,
    pub(super) roster: Roster<W>,
    /// What the future that is being polled wants next.
    pub(super) asked: Option<Step>,
}

/// The shared place. It is empty unless a future is being polled.
pub(super) struct Loan<W>(Arc<Mutex<Option<Box<Lent<W>>>>>);

impl<W> Loan<W> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    pub(super) fn lend(&self, lent: Box<Lent<W>>) {
        *self.wait() = Some(lent);
    }

    pub(super) fn take_back(&self) -> Box<Lent<W>> {
        let lent = self.wait().take();
        lent.expect("what was lent can be used, and not taken")
    }

    /// Uses what is lent.
    ///
    /// # Panics
    ///
    /// If nothing is, or it is in use.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Lent<W>) -> R) -> R {
        let mut lent = match self.0.try_lock() {
            Ok(lent) => lent,
            // A panic while it was in use is that of one uthread. The world is as that has left it.
            Err(TryLockError::Poisoned(lent)) => lent.into_inner(),
            Err(TryLockError::WouldBlock) => panic!("the world is used while it is in use"),
        };
        let lent = lent.as_mut();
        act(lent.expect("the world is used while its uthread is resumed, and not otherwise"))
    }

    fn wait(&self) -> MutexGuard<'_, Option<Box<Lent<W>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Clone for Loan<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
