//! What lives on this server, for its operators: each region tells once a second at most what its uthreads and creatures come to, and that is added up. It
//! decides nothing.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use world::{
    region::{Population, Region},
    region_id::RegionId,
    scheduler::{Class, NameStats, Stats},
};

/// How many names are told apart, beyond which they count as [`OTHERS`]: a label's values are kept for ever, and a world can publish scripts of new names
/// again and again.
const NAMES_MAX: usize = 320;
/// What stands for all names that there is no room for.
const OTHERS: &str = "others";

/// What the regions of this server have told.
#[derive(Debug, Default)]
pub(crate) struct Lives(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    regions: BTreeMap<Run, Life>,
    /// What the uthreads of each name have used so far, those of regions that have gone as well.
    used: BTreeMap<Arc<str>, Used>,
}

/// A region, and its epoch.
type Run = (RegionId, u64);

/// What a region has told.
#[derive(Debug)]
pub(crate) struct Life {
    is_seen: bool,
    population: Population,
    uthreads: Stats,
}

/// What the uthreads of a name have used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Used {
    pub(crate) resume_count: u64,
    pub(crate) time_ns: u64,
}

/// What all regions come to.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Sums {
    /// How many uthreads of each name there are, and what those of this name have used so far.
    pub(crate) by_name: BTreeMap<Arc<str>, (usize, Used)>,
    pub(crate) by_class: [usize; Class::ALL.len()],
    /// Uthreads that are due and have had no turn.
    pub(crate) behind_count: usize,
    /// The longest that one of them has waited.
    pub(crate) wait_ticks_max: u64,
    /// Regions at which players look, and others.
    pub(crate) awake_count: usize,
    pub(crate) asleep_count: usize,
    pub(crate) population: Population,
}

impl Life {
    pub(crate) fn of(region: &Region) -> Self {
        Self {
            is_seen: region.is_seen(),
            population: region.population(),
            uthreads: region.uthreads(),
        }
    }

    fn by_name(&self) -> &[NameStats] {
        &self.uthreads.by_name
    }
}

impl Lives {
    /// What lives in a region now.
    pub(crate) fn tell(&self, run: Run, life: Life) {
        let told = &mut *self.0.lock();
        let before = told.regions.get(&run);
        for stats in life.by_name() {
            let before = before.and_then(|before| {
                let mut names = before.by_name().iter();
                names.find(|one| one.name == stats.name)
            });
            // Less than before: the scheduler has forgotten the name, and learnt it anew.
            let before = before.filter(|before| before.resume_count <= stats.resume_count);
            let since = |now: u64, before: Option<u64>| now.saturating_sub(before.unwrap_or(0));
            let name = label(&told.used, &stats.name);
            let used = told.used.entry(name).or_default();
            used.resume_count += since(stats.resume_count, before.map(|one| one.resume_count));
            used.time_ns += since(stats.time_ns, before.map(|one| one.time_ns));
        }
        told.regions.insert(run, life);
    }

    /// A run of a region has ended.
    pub(crate) fn forget(&self, run: Run) {
        self.0.lock().regions.remove(&run);
    }

    /// What all regions come to. A name of which nobody is left is in it still.
    pub(crate) fn sums(&self) -> Sums {
        let told = self.0.lock();
        let used = told.used.iter();
        let mut sums = Sums {
            by_name: used
                .map(|(name, used)| (name.clone(), (0, *used)))
                .collect(),
            ..Sums::default()
        };
        for life in told.regions.values() {
            match life.is_seen {
                true => sums.awake_count += 1,
                false => sums.asleep_count += 1,
            }
            sums.population.alive_count += life.population.alive_count;
            sums.population.dead_count += life.population.dead_count;
            let stats = &life.uthreads;
            sums.behind_count += stats.behind_count;
            sums.wait_ticks_max = sums.wait_ticks_max.max(stats.wait_ticks_max);
            for (sum, class) in sums.by_class.iter_mut().zip(&stats.by_class) {
                *sum += class.uthread_count;
            }
            for stats in &stats.by_name {
                let name = label(&told.used, &stats.name);
                let (count, _) = sums.by_name.entry(name).or_default();
                *count += stats.uthread_count;
            }
        }
        sums
    }
}

/// The name by which something is shown.
fn label(known: &BTreeMap<Arc<str>, Used>, name: &Arc<str>) -> Arc<str> {
    match known.len() < NAMES_MAX || known.contains_key(name) {
        true => Arc::clone(name),
        false => OTHERS.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use world::scheduler::ClassStats;

    const HERE: RegionId = RegionId {
        level: 0,
        column: 0,
        row: 0,
    };

    /// A region in which so many of each name have used so much.
    fn life(names: &[(&str, usize, u64)], is_seen: bool) -> Life {
        let stats = |&(name, uthread_count, resume_count): &(&str, usize, u64)| NameStats {
            name: name.into(),
            uthread_count,
            resume_count,
            time_ns: resume_count * 100,
        };
        let by_name: Vec<NameStats> = names.iter().map(stats).collect();
        let uthread_count = by_name.iter().map(|one| one.uthread_count).sum();
        let class = |class| ClassStats {
            class,
            uthread_count: if class == Class::Ones {
                uthread_count
            } else {
                0
            },
        };
        let uthreads = Stats {
            tick: 7,
            uthread_count,
            asleep_count: 0,
            behind_count: 2,
            wait_ticks_max: uthread_count as u64,
            added_count: 0,
            resume_count: 0,
            ends_forgotten_count: 0,
            by_class: Class::ALL.map(class),
            by_name,
        };
        Life {
            is_seen,
            population: Population {
                alive_count: uthread_count,
                dead_count: 1,
            },
            uthreads,
        }
    }

    fn of(sums: &Sums, name: &str) -> (usize, u64) {
        let (count, used) = sums.by_name[name];
        assert_eq!(used.time_ns, used.resume_count * 100);
        (count, used.resume_count)
    }

    #[test]
    fn regions_are_added_up_and_what_was_used_stays() {
        let lives = Lives::default();
        lives.tell(
            (HERE, 1),
            life(&[("chase", 1, 10), ("wander", 2, 20)], true),
        );
        let east = RegionId { column: 1, ..HERE };
        lives.tell((east, 1), life(&[("wander", 5, 7)], false));
        let sums = lives.sums();
        assert_eq!(
            (of(&sums, "chase"), of(&sums, "wander")),
            ((1, 10), (7, 27))
        );
        assert_eq!((sums.awake_count, sums.asleep_count), (1, 1));
        assert_eq!((sums.behind_count, sums.wait_ticks_max), (4, 5));
        assert_eq!(sums.by_class, [0, 8, 0, 0, 0]);
        let (alive_count, dead_count) = (8, 2);
        let population = Population {
            alive_count,
            dead_count,
        };
        assert_eq!(sums.population, population);
        // It goes on, ends, and begins anew.
        lives.tell(
            (HERE, 1),
            life(&[("chase", 1, 15), ("wander", 2, 20)], true),
        );
        assert_eq!(of(&lives.sums(), "chase"), (1, 15));
        lives.forget((HERE, 1));
        assert_eq!(of(&lives.sums(), "chase"), (0, 15));
        lives.tell((HERE, 2), life(&[("chase", 1, 3)], true));
        assert_eq!(of(&lives.sums(), "chase"), (1, 18));
    }

    #[test]
    fn names_are_bounded() {
        let lives = Lives::default();
        for number in 0..2 * NAMES_MAX {
            let name = format!("script {number}");
            lives.tell((HERE, 1), life(&[(&name, 1, 1)], true));
        }
        let sums = lives.sums();
        assert_eq!(sums.by_name.len(), NAMES_MAX + 1);
        assert_eq!(of(&sums, OTHERS), (1, NAMES_MAX as u64));
    }
}
