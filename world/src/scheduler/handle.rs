//! The scheduler, as its uthreads have it while they run, and its owner between ticks.

use super::{Context, Error, Priority, Uthread, UthreadId, body::Body, roster::Roster};

/// Full access to who there is. What it does is done at once; who is added or woken goes on from the next tick on.
pub struct Handle<'a, W> {
    roster: &'a mut Roster<W>,
}

impl<'a, W> Handle<'a, W> {
    pub(super) fn new(roster: &'a mut Roster<W>) -> Self {
        Self { roster }
    }

    /// The tick that it is; between ticks, that has been.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.roster.now()
    }

    /// Who is running; nobody, between ticks.
    #[must_use]
    pub fn running(&self) -> Option<UthreadId> {
        self.roster.running()
    }

    /// How many uthreads there are.
    #[must_use]
    pub fn uthread_count(&self) -> usize {
        self.roster.uthread_count()
    }

    /// A uthread's priority; None: it is no more.
    #[must_use]
    pub fn priority(&self, id: UthreadId) -> Option<Priority> {
        self.roster.priority(id)
    }

    /// A uthread's name; None: it is no more.
    #[must_use]
    pub fn name(&self, id: UthreadId) -> Option<&str> {
        self.roster.name(id)
    }

    /// Adds a uthread. The name is that of its kind: [`super::NAMES_MAX`].
    ///
    /// # Errors
    ///
    /// [`Error::Full`], [`Error::ManyNames`].
    pub fn add(
        &mut self,
        name: &str,
        priority: Priority,
        uthread: impl Uthread<W> + 'static,
    ) -> Result<UthreadId, Error> {
        let uthread = Box::new(uthread);
        self.roster
            .add(name, priority, |_, _| Body::Resumed(uthread))
    }

    /// Adds a uthread that is an `async fn` of its [`Context`], and awaits nothing but the pauses of that: who awaits anything else is
    /// removed ([`super::Reason::AwaitsAnother`]), as nothing here would ever wake it.
    ///
    /// # Errors
    ///
    /// [`Error::Full`], [`Error::ManyNames`].
    pub fn add_async<F>(
        &mut self,
        name: &str,
        priority: Priority,
        uthread: impl FnOnce(Context<W>) -> F,
    ) -> Result<UthreadId, Error>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.roster.add(name, priority, |loan, id| {
            Body::Polled(Box::pin(uthread(Context::new(loan.clone(), id))))
        })
    }

    /// Removes a uthread: who has yet to run in this tick does not, and who removes itself runs to its next yield and no further. False: it was no more.
    pub fn remove(&mut self, id: UthreadId) -> bool {
        self.roster.remove(id)
    }

    /// Gives a uthread another priority. False: it is no more.
    ///
    /// Who waits for its turn keeps the ticks that it has waited, and goes behind those of its new priority who have waited as long; one
    /// that is now real-time still has its turn in this tick. What a running one yields counts for more than this.
    pub fn set_priority(&mut self, id: UthreadId, priority: Priority) -> bool {
        self.roster.set_priority(id, priority)
    }

    /// Ends a uthread's sleep: it goes on in the next tick. False: it is no more.
    pub fn wake(&mut self, id: UthreadId) -> bool {
        self.roster.wake(id)
    }
}
