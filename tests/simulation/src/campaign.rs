//! Many runs, one after the other, and what there is to say of them. A run that broke a promise is made shorter: with less that goes wrong in it, and
//! fewer who play, as long as it breaks one.

use crate::{
    chance::Chance,
    faults::Plan,
    mutant::Mutant,
    run::{Outcome, Run},
    schedule::Micros,
    watch::Violation,
};

/// How often a run is tried with less in it.
const ATTEMPTS_MAX: u32 = 300;

/// What many runs came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many there were.
    pub seed_count: u64,
    /// How many events happened in them.
    pub event_count: u64,
    /// How many requests of players were answered.
    pub answer_count: u64,
    /// How long the slowest answer took.
    pub slowest: Micros,
    /// Which seeds broke a promise, and which was the first.
    pub violations: Vec<(u64, Violation)>,
}

impl Tally {
    /// Counts a run.
    pub fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seed_count += 1;
        self.event_count += outcome.event_count;
        self.answer_count += outcome.answer_count as u64;
        self.slowest = self.slowest.max(outcome.slowest);
        self.violations
            .extend(outcome.violation.map(|violation| (seed, violation)));
    }
}

/// What goes wrong in the run of a seed.
#[must_use]
pub fn plan(seed: u64) -> Plan {
    Plan::draw(&mut Chance::new(seed))
}

/// The run of a seed.
#[must_use]
pub fn run(seed: u64, mutant: Option<Mutant>) -> Outcome {
    Run::new(seed, plan(seed), mutant).finish()
}

/// Runs seeds from one on, until one breaks a promise: how many it took. None: none of them did.
#[must_use]
pub fn seeds_until_caught(first: u64, seed_count: u64, mutant: Mutant) -> Option<u64> {
    (0..seed_count)
        .find(|number| run(first + number, Some(mutant)).violation.is_some())
        .map(|number| number + 1)
}

/// The run of a seed that breaks a promise, with as little in it as was found, and written down.
#[must_use]
pub fn shortened(seed: u64, mutant: Option<Mutant>) -> (Plan, Outcome) {
    let mut shortest = plan(seed);
    let mut attempts_left = ATTEMPTS_MAX;
    let mut breaks = |plan: &Plan| {
        let may_try = attempts_left > 0;
        attempts_left = attempts_left.saturating_sub(1);
        may_try
            && Run::new(seed, plan.clone(), mutant)
                .finish()
                .violation
                .is_some()
    };
    while let Some(shorter) = reductions(&shortest).into_iter().find(&mut breaks) {
        shortest = shorter;
    }
    let outcome = Run::new(seed, shortest.clone(), mutant).traced().finish();
    (shortest, outcome)
}

/// The same plan with a little less in it, in each way that there is.
fn reductions(plan: &Plan) -> Vec<Plan> {
    let without_fault = (0..plan.faults.len()).map(|number| {
        let mut less = plan.clone();
        less.faults.remove(number);
        less
    });
    let fewer_players = (plan.player_count > 1).then(|| Plan {
        player_count: plan.player_count - 1,
        ..plan.clone()
    });
    let fewer_zones = (plan.zone_count > 1).then(|| Plan {
        zone_count: plan.zone_count - 1,
        ..plan.clone()
    });
    without_fault
        .chain(fewer_players)
        .chain(fewer_zones)
        .collect()
}
