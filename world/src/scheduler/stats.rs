//! What can be seen of a scheduler from outside.

use std::sync::Arc;

use super::Priority;

/// What one tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticked {
    /// Uthreads that were resumed.
    pub resume_count: u64,
    /// Uthreads that were due and had no turn, for want of budget.
    pub behind_count: usize,
    /// The longest that one of those who were resumed had waited for its turn, in ticks.
    pub wait_ticks_max: u64,
}

/// A scheduler at one moment. Taking it costs as much as there are names and uthreads that are behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// The tick that it is.
    pub tick: u64,
    /// Uthreads in all.
    pub uthread_count: usize,
    /// Those who sleep, be it for ever.
    pub asleep_count: usize,
    /// Those who are due and have had no turn yet.
    pub behind_count: usize,
    /// The longest that one of them has waited, in ticks.
    pub wait_ticks_max: u64,
    /// Uthreads that were ever added.
    pub added_count: u64,
    /// Resumes so far.
    pub resume_count: u64,
    /// Ends that nobody took in time ([`super::ENDED_MAX`]).
    pub ends_forgotten_count: u64,
    /// By priority, the first first.
    pub by_class: [ClassStats; Class::ALL.len()],
    /// By name, in alphabetical order.
    pub by_name: Vec<NameStats>,
}

/// Nobody has ever been there.
impl Default for Stats {
    fn default() -> Self {
        let nobody = |class| ClassStats {
            class,
            uthread_count: 0,
        };
        Self {
            tick: 0,
            uthread_count: 0,
            asleep_count: 0,
            behind_count: 0,
            wait_ticks_max: 0,
            added_count: 0,
            resume_count: 0,
            ends_forgotten_count: 0,
            by_class: Class::ALL.map(nobody),
            by_name: Vec::new(),
        }
    }
}

/// The uthreads of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassStats {
    /// Which.
    pub class: Class,
    /// How many there are.
    pub uthread_count: usize,
}

/// The uthreads of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameStats {
    /// Which.
    pub name: Arc<str>,
    /// How many there are.
    pub uthread_count: usize,
    /// How often one of them was resumed so far.
    pub resume_count: u64,
    /// The time that they have used so far, in nanoseconds: an estimate, from one of 17 resumes.
    pub time_ns: u64,
}

/// Priorities that are counted together, by their number of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// 0.
    RealTime,
    /// 1 to 9.
    Ones,
    /// 10 to 99.
    Tens,
    /// 100 to 999.
    Hundreds,
    /// From 1000.
    Thousands,
}

impl Class {
    /// All of them, the first first.
    pub const ALL: [Self; 5] = [
        Self::RealTime,
        Self::Ones,
        Self::Tens,
        Self::Hundreds,
        Self::Thousands,
    ];

    /// That of a priority.
    #[must_use]
    pub fn of(priority: Priority) -> Self {
        match priority.0 {
            0 => Self::RealTime,
            1..=9 => Self::Ones,
            10..=99 => Self::Tens,
            100..=999 => Self::Hundreds,
            1000.. => Self::Thousands,
        }
    }

    /// How it is called in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::RealTime => "0",
            Self::Ones => "1-9",
            Self::Tens => "10-99",
            Self::Hundreds => "100-999",
            Self::Thousands => "1000-",
        }
    }
}
