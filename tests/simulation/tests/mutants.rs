//! Each rule that is left out breaks a promise within some seeds: the simulation can fail.

use simulation::{campaign, mutant::Mutant};

/// How many seeds each may take: four times as many as the slowest of them takes.
const SEED_COUNT_MAX: u64 = 500;

#[test]
fn each_rule_that_is_left_out_is_missed() {
    let mut unnoticed = Vec::new();
    for mutant in Mutant::ALL {
        if campaign::seeds_until_caught(1, SEED_COUNT_MAX, mutant).is_none() {
            unnoticed.push(mutant);
        }
    }
    assert_eq!(unnoticed, []);
}
