//! A short form of the counted run: see `examples/hostile`.

#[path = "../examples/hostile/attacks.rs"]
mod attacks;
#[path = "../examples/hostile/inputs.rs"]
mod inputs;
#[path = "../examples/hostile/trial.rs"]
mod trial;

use wire::pickle::{Decoder, Limits};

use inputs::{Inputs, corpus};
use trial::Outcome;

/// Enough to meet every kind of refusal.
const INPUT_COUNT: u64 = 20_000;

#[test]
fn no_input_panics_or_takes_more_heap_than_it_pays_for() {
    let seed = rand::random();
    println!("seed {seed}");
    let inputs = Inputs::new(seed);
    let mut used = Decoder::new(Limits::default());
    let (mut accepted_count, mut heap_bytes_max, mut tree_bytes_max) = (0, 0, 0);
    for number in 0..INPUT_COUNT {
        println!("number {number}");
        let trial = trial::run(&inputs.make(number), &mut used);
        accepted_count += u64::from(!matches!(trial.outcome, Outcome::Refused(_)));
        heap_bytes_max = heap_bytes_max.max(trial.heap_bytes);
        tree_bytes_max = tree_bytes_max.max(trial.tree_bytes);
    }
    println!(
        "{accepted_count} accepted, {heap_bytes_max} bytes of heap at most, {tree_bytes_max} in trees"
    );
    // Inputs that are all refused at once, or a heap that nobody counts, would test nothing.
    assert!(accepted_count > INPUT_COUNT / 10);
    assert!(heap_bytes_max > 100_000 && tree_bytes_max > 100_000);
}

#[test]
fn every_attack_is_answered_in_every_size() {
    let mut used = Decoder::new(Limits::default());
    for kind in 0..attacks::KINDS {
        for bytes in [
            1,
            20,
            54,
            300,
            4_000,
            9_000,
            12_000,
            14_000,
            16_000,
            17_000,
            20_000,
            65_000,
            1 << 20,
        ] {
            println!("attack {kind} of {bytes} bytes");
            trial::run(&attacks::attack(kind, bytes), &mut used);
        }
    }
}

#[test]
fn what_pythons_write_is_accepted() {
    let mut used = Decoder::new(Limits::default());
    for (name, pickle) in corpus() {
        let outcome = trial::run(&pickle, &mut used).outcome;
        assert!(
            !matches!(outcome, Outcome::Refused(_)),
            "{name}: {outcome:?}: {}",
            pickle.escape_ascii()
        );
    }
}
