//! What the scheduler promises. Each uthread here writes down that it has run; what it does besides is up to the test.

mod bounds;
mod chance;
mod endings;
mod forms;
mod model;
mod order;
mod pace;
mod seen;
mod starvation;

use super::*;

/// Who has run, by number.
type Log = Vec<u32>;

struct Yard {
    scheduler: Scheduler<Log>,
    log: Log,
    now: u64,
}

impl Yard {
    fn new() -> Self {
        Self {
            scheduler: Scheduler::new(0),
            log: Log::new(),
            now: 0,
        }
    }

    /// One that runs with the same priority for ever.
    fn add(&mut self, number: u32, priority: u16) -> UthreadId {
        self.add_doing(number, priority, move |_| Step::Yield(Priority(priority)))
    }

    fn add_doing(
        &mut self,
        number: u32,
        priority: u16,
        act: impl FnMut(&mut Handle<'_, Log>) -> Step + Send + 'static,
    ) -> UthreadId {
        let uthread = writing(number, act);
        let mut handle = self.scheduler.handle();
        handle.add("it", Priority(priority), uthread).unwrap()
    }

    /// The next tick, with a budget of so many resumes; who has run in it.
    fn tick(&mut self, resumes: u64) -> Log {
        self.now += 1;
        let mut budget = Resumes(resumes);
        self.scheduler.tick(&mut self.log, self.now, &mut budget);
        std::mem::take(&mut self.log)
    }

    fn reasons(&mut self) -> Vec<Reason> {
        let ended = self.scheduler.drain_ended();
        ended.into_iter().map(|ended| ended.reason).collect()
    }
}

/// Writes its number down, and then does something.
fn writing(
    number: u32,
    mut act: impl FnMut(&mut Handle<'_, Log>) -> Step + Send,
) -> impl Uthread<Log> {
    move |log: &mut Log, handle: &mut Handle<'_, Log>| {
        log.push(number);
        act(handle)
    }
}

/// The same for the same seed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Chance(crate::chance::Chance);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(crate::chance::Chance::new(seed))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.number() % bound
    }
}

#[test]
fn a_scheduler_goes_from_thread_to_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&Yard::new().scheduler);
}
