//! What of a region's time is no uthread's: what its players want, and its own chores. They are told of beside the uthreads, as real-time ones of these names, so that whoever asks
//! where a tick goes finds all of it in one table. It decides nothing.

use super::{Now, Region};
use crate::scheduler::{Class, NameStats, Stats, TIMED_EVERY};

/// What somebody else than a uthread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// What players want: steps, reads and changes, coming and going.
    Players,
    /// What ceases to be in its time: attributes, and what nobody has picked up.
    Expiry,
    /// Creatures that are missed, come back, or are on their way.
    Spawning,
    /// Positions that are to be saved, and characters whose gateways have gone.
    Saving,
    /// What has changed goes to those who look.
    Publishing,
}

impl Work {
    const ALL: [Self; 5] = [
        Self::Players,
        Self::Expiry,
        Self::Spawning,
        Self::Saving,
        Self::Publishing,
    ];

    /// No script and no behaviour can be called so.
    fn name(self) -> &'static str {
        match self {
            Self::Players => "player:command",
            Self::Expiry => "system:expiry",
            Self::Spawning => "system:spawning",
            Self::Saving => "system:saving",
            Self::Publishing => "system:publishing",
        }
    }

    /// One of so many is timed. A look at the clock costs a tenth of a step: of those, as few are as of uthreads.
    fn timed_every(self) -> u64 {
        match self {
            Self::Players => TIMED_EVERY,
            _ => 1,
        }
    }
}

/// What was done, and how long that took.
#[derive(Debug, Default)]
pub(super) struct Account([Sum; Work::ALL.len()]);

#[derive(Debug, Default)]
struct Sum {
    count: u64,
    time_ns: u64,
}

impl Region {
    /// Does it, and counts it.
    pub(super) fn account<R>(
        &mut self,
        work: Work,
        now: &Now<'_>,
        act: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let every = work.timed_every();
        let sum = &mut self.account.0[work as usize];
        sum.count += 1;
        if !sum.count.is_multiple_of(every) {
            return act(self);
        }
        let mut clock = now.around.meter();
        let started_ns = clock.now_ns();
        let outcome = act(self);
        let time_ns = clock.now_ns().saturating_sub(started_ns);
        self.account.0[work as usize].time_ns += time_ns.saturating_mul(every);
        outcome
    }

    /// What can be seen of whoever does something here: the region's uthreads, its players, and itself.
    #[must_use]
    pub fn uthreads(&self) -> Stats {
        let players = self.residents.values().filter(|one| one.is_player());
        let player_count = players.count();
        let mut stats = self.life.stats();
        for (work, sum) in Work::ALL.iter().zip(&self.account.0) {
            if sum.count == 0 {
                continue;
            }
            let uthread_count = match work {
                Work::Players => player_count,
                _ => 1,
            };
            stats.resume_count += sum.count;
            stats.uthread_count += uthread_count;
            stats.by_class[Class::RealTime as usize].uthread_count += uthread_count;
            stats.by_name.push(NameStats {
                name: work.name().into(),
                uthread_count,
                resume_count: sum.count,
                time_ns: sum.time_ns,
            });
        }
        stats
            .by_name
            .sort_by(|one, other| one.name.cmp(&other.name));
        stats
    }
}
