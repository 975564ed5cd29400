//! `pymmorpg cluster …`: what an operator asks of a cluster as a whole.

mod document;
mod findings;
mod status;
mod text;

use std::process::ExitCode;

use clap::Subcommand;

use crate::data::Data;

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    pymmorpg cluster status --sql postgres://pymmorpg:secret@db/pymmorpg\n  \
    pymmorpg cluster status --data ./data --json | python3 -m json.tool";

/// The commands about a cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show who runs, who holds how many regions, how many play where, and what is amiss.
    #[command(long_about = status::LONG_ABOUT, after_help = EXAMPLES)]
    Status {
        #[command(flatten)]
        data: Data,
        /// Print one JSON document instead of tables.
        #[arg(long)]
        json: bool,
    },
}

/// Does what the command says.
pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Status { data, json } => status::run(&data, json).await,
    }
}
