//! Runs many seeds, and says which of them broke a promise.

use simulation::{chance::Chance, faults::Plan, run::Run};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let first: u64 = args[1].parse().unwrap();
    let count: u64 = args[2].parse().unwrap();
    let mutant = args.get(3).map(|name| name.parse().unwrap());
    let began = std::time::Instant::now();
    let (mut events, mut bad) = (0, 0);
    for seed in first..first + count {
        let plan = Plan::draw(&mut Chance::new(seed));
        let run = Run::new(seed, plan.clone(), mutant);
        let run = if count == 1 { run.traced() } else { run };
        let outcome = run.finish();
        events += outcome.event_count;
        if count == 1 {
            for line in &outcome.trace {
                println!("{line}");
            }
            println!("{plan:?} {} answers", outcome.answer_count);
        }
        if let Some(violation) = outcome.violation {
            bad += 1;
            println!("{seed}: {violation:?}");
        }
    }
    println!("{bad} bad, {events} events, {:?}", began.elapsed());
}
