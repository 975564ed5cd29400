//! Runs many seeds, and says which of them broke a promise, and how.

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::Context;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use simulation::{
    campaign::{self, Tally},
    mutant::Mutant,
    schedule::SECOND,
};

/// How many lines of a shortened run are printed: those that name whom the broken promise is about, from the end.
const LINES_MAX: usize = 60;

const EXAMPLES: &str = "\
Examples:
  cargo run -p simulation --release -- --seeds 20000
  cargo run -p simulation --release -- --seeds 1 --seed 377 --trace /tmp/377.txt
  cargo run -p simulation --release -- --seeds 500 --mutant save-without-fence";

/// Simulates zone servers, gateways and players while everything fails that can, and checks what they were promised. A seed is a run: the same on
/// every machine.
#[derive(Debug, Parser)]
#[command(name = "simulate", after_help = EXAMPLES)]
struct Arguments {
    /// How many seeds to run
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Leave a rule out, and stop at the first seed that shows it; a wrong name lists all that can be
    #[arg(long, value_name = "NAME")]
    mutant: Option<Mutant>,
    /// Write all that happens in the shortened run of the first broken promise there; with one seed, of that run
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let began = Instant::now();
    let tally = run_all(&arguments);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} seeds in {seconds:.1} s: {:.0} seeds/minute, {} events, {} answers, the slowest after {:.1} s; {} broke a promise",
        tally.seed_count,
        tally.seed_count as f64 / seconds * 60.0,
        tally.event_count,
        tally.answer_count,
        tally.slowest as f64 / SECOND as f64,
        tally.violations.len()
    );
    for (seed, violation) in tally.violations.iter().take(LINES_MAX) {
        println!("seed {seed}: {}", violation.text);
    }
    let first = tally.violations.first().map(|(seed, _)| *seed);
    if let Some(seed) = first.or_else(|| arguments.trace.is_some().then_some(arguments.seed)) {
        show(seed, &arguments)?;
    }
    // `tests/run` counts what the last line says.
    let broken_count = tally.violations.len() as u64;
    println!(
        "{} passed, {broken_count} failed",
        tally.seed_count - broken_count
    );
    let is_right = tally.violations.is_empty() == arguments.mutant.is_none();
    Ok(match is_right {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn run_all(arguments: &Arguments) -> Tally {
    let bar = ProgressBar::new(arguments.seeds).with_style(style());
    let mut tally = Tally::default();
    for seed in arguments.seed..arguments.seed.saturating_add(arguments.seeds) {
        tally.add(seed, campaign::run(seed, arguments.mutant));
        bar.inc(1);
        bar.set_message(format!("{} broken", tally.violations.len()));
        if arguments.mutant.is_some() && !tally.violations.is_empty() {
            break;
        }
    }
    bar.finish_and_clear();
    tally
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{wide_bar} {pos}/{len} seeds, {per_sec}, {msg}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Shows the run of a seed, made as short as it can be.
fn show(seed: u64, arguments: &Arguments) -> anyhow::Result<()> {
    let (plan, outcome) = campaign::shortened(seed, arguments.mutant);
    if let Some(file) = &arguments.trace {
        fs::write(file, outcome.trace.join("\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let Some(violation) = outcome.violation else {
        return Ok(());
    };
    println!(
        "\nThe shortest run of seed {seed} that breaks a promise: {} zone servers, {} players and a game master, {:?}",
        plan.zone_count, plan.player_count, plan.faults
    );
    let about = |line: &&String| {
        let mut words = violation.text.split(|c: char| !c.is_alphanumeric());
        line.contains("===") || words.any(|word| is_name(word) && line.contains(word))
    };
    let lines: Vec<&String> = outcome.trace.iter().filter(about).collect();
    for line in &lines[lines.len().saturating_sub(LINES_MAX)..] {
        println!("{line}");
    }
    println!("=> {}", violation.text);
    Ok(())
}

/// Whether a word of a violation is the name of somebody.
fn is_name(word: &str) -> bool {
    let number = |prefix| word.strip_prefix(prefix).map(str::parse::<u32>);
    word == "gm"
        || [number("p"), number("thing")]
            .iter()
            .flatten()
            .any(Result::is_ok)
}
