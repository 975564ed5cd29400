//! No seed breaks a promise, and a seed is a run.

use simulation::{
    campaign::{self, Tally},
    run::Run,
};

/// How many seeds each of the two tests runs. Many more are a command: `cargo run -p simulation --release -- --seeds 20000`.
const SEED_COUNT: u64 = 500;

fn check(first: u64) {
    let mut tally = Tally::default();
    for seed in first..first + SEED_COUNT {
        tally.add(seed, campaign::run(seed, None));
    }
    assert_eq!(tally.violations, []);
    // They do something: each player asks for dozens of things.
    assert!(
        tally.answer_count > 100 * SEED_COUNT,
        "{}",
        tally.answer_count
    );
}

#[test]
fn no_promise_is_broken() {
    check(1);
}

#[test]
fn nor_is_any_by_other_seeds() {
    check(1_000_001);
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    for seed in [3, 5, 8] {
        let run = || Run::new(seed, campaign::plan(seed), None).traced().finish();
        let (one, other) = (run(), run());
        assert_eq!(one.trace, other.trace);
        assert!(one.trace.len() > 1_000);
    }
}
