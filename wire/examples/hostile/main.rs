//! Throws inputs at the decoder, and counts what becomes of them:
//! `cargo run --release -p wire --example hostile -- --count 10000000`.
//!
//! It stops at the first input that makes the decoder panic or take more heap than it may, and says how to make that one again.

mod attacks;
mod inputs;
mod trial;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use indicatif::{ProgressBar, ProgressStyle};
use wire::pickle::{Decoder, Error, Limits};

use inputs::Inputs;
use trial::{Outcome, Trial};

/// Throws noise, mutated pickles and attacks at the decoder.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many inputs.
    #[arg(long, default_value_t = 10_000_000)]
    count: u64,
    /// What inputs are made from; the same seed makes the same ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this input, printed.
    #[arg(long)]
    number: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let inputs = Inputs::new(arguments.seed);
    if let Some(number) = arguments.number {
        let input = inputs.make(number);
        println!("{}", input.escape_ascii());
        println!(
            "{:?}",
            trial::run(&input, &mut Decoder::new(Limits::default()))
        );
        return ExitCode::SUCCESS;
    }
    println!("seed {}, {} inputs", arguments.seed, arguments.count);
    let progress = ProgressBar::new(arguments.count).with_style(
        ProgressStyle::with_template("{bar:40} {human_pos} of {human_len}, {per_sec}, {eta} left")
            .expect("the template is well formed"),
    );
    let started = Instant::now();
    let mut used = Decoder::new(Limits::default());
    let mut tally = Tally::default();
    for number in 0..arguments.count {
        let input = inputs.make(number);
        let Ok((trial, seconds)) = catch_unwind(AssertUnwindSafe(|| timed(&input, &mut used)))
        else {
            progress.abandon();
            let seed = arguments.seed;
            eprintln!(
                "stopped at {} bytes: --seed {seed} --number {number}",
                input.len()
            );
            return ExitCode::FAILURE;
        };
        tally.add(number, &input, trial);
        if seconds > tally.slowest.1 {
            // Slower than any before, unless the machine was at something else.
            let again = (0..3).map(|_| timed(&input, &mut used).1);
            tally.take_time(number, again.fold(seconds, f64::min));
        }
        if number % 4_096 == 0 {
            progress.set_position(number);
        }
    }
    progress.finish_and_clear();
    tally.print(started.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

/// A trial, and how many seconds it took with all that is checked.
fn timed(input: &[u8], used: &mut Decoder) -> (Trial, f64) {
    let started = Instant::now();
    let trial = trial::run(input, used);
    (trial, started.elapsed().as_secs_f64())
}

/// Counts by outcome.
#[derive(Debug, Default)]
struct Tally {
    rows: BTreeMap<String, Row>,
    /// Number and share of the input that came nearest to the heap that it may take.
    tightest: (u64, f64),
    /// Number and seconds of the input that took longest.
    slowest: (u64, f64),
}

#[derive(Debug, Default)]
struct Row {
    count: u64,
    input_bytes: u64,
    input_bytes_max: usize,
    heap_bytes_max: u64,
    heap_share_max: f64,
    tree_bytes_max: u64,
}

impl Tally {
    fn add(&mut self, number: u64, input: &[u8], trial: Trial) {
        let heap_share = trial.heap_bytes as f64 / trial::heap_bytes_allowed(input) as f64;
        let name = match trial.outcome {
            Outcome::Request => "a request".to_owned(),
            Outcome::Data => "data, but no request".to_owned(),
            Outcome::Refused(Error::Opcode(_)) => {
                "refused: an opcode that is not allowed".to_owned()
            }
            Outcome::Refused(Error::Protocol(_)) => "refused: an unknown protocol".to_owned(),
            Outcome::Refused(error) => format!("refused: {error}"),
        };
        for name in [name, TOTAL.to_owned()] {
            let row = self.rows.entry(name).or_default();
            row.count += 1;
            row.input_bytes += input.len() as u64;
            row.input_bytes_max = row.input_bytes_max.max(input.len());
            row.heap_bytes_max = row.heap_bytes_max.max(trial.heap_bytes);
            row.heap_share_max = row.heap_share_max.max(heap_share);
            row.tree_bytes_max = row.tree_bytes_max.max(trial.tree_bytes);
        }
        if heap_share > self.tightest.1 {
            self.tightest = (number, heap_share);
        }
    }

    fn take_time(&mut self, number: u64, seconds: f64) {
        if seconds > self.slowest.1 {
            self.slowest = (number, seconds);
        }
    }

    fn print(&self, seconds: f64) {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_header([
            "what became of them",
            "inputs",
            "bytes, mean",
            "bytes, most",
            "heap, most",
            "of 64 KiB + 16 × input",
            "tree, most",
        ]);
        for (name, row) in &self.rows {
            table.add_row([
                name.clone(),
                row.count.to_string(),
                (row.input_bytes / row.count.max(1)).to_string(),
                row.input_bytes_max.to_string(),
                row.heap_bytes_max.to_string(),
                format!("{:.1} %", row.heap_share_max * 100.0),
                row.tree_bytes_max.to_string(),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("{table}");
        let ((tightest, share), (slowest, time)) = (self.tightest, self.slowest);
        println!("no panic, no abort, in {seconds:.0} s");
        println!(
            "nearest to the heap that it may take: --number {tightest}, {:.1} %",
            share * 100.0
        );
        println!(
            "slowest, with all that is checked: --number {slowest}, {:.2} ms",
            time * 1e3
        );
    }
}

/// The last row.
const TOTAL: &str = "total";
