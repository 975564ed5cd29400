//! Who has ended, and why: an output for the scheduler's owner, which decides what of it is worth a line in a log.

use std::{collections::VecDeque, sync::Arc};

use super::UthreadId;

/// How many ends are kept for the owner to take: as many as there can be uthreads. Of more, the oldest are forgotten and counted.
pub const ENDED_MAX: usize = super::UTHREADS_MAX;

/// A uthread that is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub id: UthreadId,
    /// What it was called.
    pub name: Arc<str>,
    /// Why.
    pub reason: Reason,
}

/// Why a uthread is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It ended of itself.
    Finished,
    /// It was removed by id.
    Removed,
    /// It panicked, with this message. What it had done to the world until then stays done.
    Panicked(String),
    /// It awaited something other than a yield or a sleep: nobody here would ever have woken it.
    AwaitsAnother,
}

#[derive(Default)]
pub(super) struct Ends {
    waiting: VecDeque<Ended>,
    forgotten_count: u64,
}

impl Ends {
    pub(super) fn push(&mut self, ended: Ended) {
        if self.waiting.len() == ENDED_MAX {
            self.waiting.pop_front();
            self.forgotten_count += 1;
        }
        self.waiting.push_back(ended);
    }

    pub(super) fn drain(&mut self) -> Vec<Ended> {
        self.waiting.drain(..).collect()
    }

    pub(super) fn forgotten_count(&self) -> u64 {
        self.forgotten_count
    }
}
