//! `pymmorpg world …`: a designer's folder on its way into the database. The rules of worlds are the `world` crate's.

mod check;
mod folder;
mod progress;
mod publish;
mod simulate;
mod summary;
mod table;
mod versions;

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;

use crate::data::Data;
pub(crate) use folder::is_part;
pub(crate) use progress::Progress;
pub(crate) use publish::{Outcome, publish};
pub(crate) use summary::{Summary, count};
pub(crate) use table::table;

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    pymmorpg world check my-world\n  \
    pymmorpg world simulate my-world --players 200\n  \
    pymmorpg world publish my-world --data ./data\n  \
    pymmorpg world publish my-world --sql postgres://pymmorpg:secret@db/pymmorpg\n  \
    pymmorpg world versions\n  \
    pymmorpg world rollback 3";

/// The commands about worlds.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read a world and say what is in it and what is wrong with it; nothing is changed.
    #[command(
        long_about = check::LONG_ABOUT,
        after_help = "Examples:\n  pymmorpg world check examples/meadow\n  pymmorpg world check my-world --json | python3 -m json.tool"
    )]
    Check {
        /// The world's folder.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Print one JSON document instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Let a world run, with players who walk about, and say how long its ticks take; nothing is changed.
    #[command(long_about = simulate::LONG_ABOUT, after_help = simulate::EXAMPLES)]
    Simulate(simulate::Arguments),
    /// Make a world the current one, in a data folder or a database, and in the cluster that runs on it.
    #[command(
        long_about = publish::LONG_ABOUT,
        after_help = "Examples:\n  pymmorpg world publish my-world --data ./data\n  pymmorpg world publish my-world --sql postgres://pymmorpg:secret@db/pymmorpg"
    )]
    Publish {
        /// The world's folder.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        #[command(flatten)]
        data: Data,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// List the content versions that are kept.
    #[command(after_help = "Example:\n  pymmorpg world versions --data ./data")]
    Versions {
        #[command(flatten)]
        data: Data,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Make an earlier content version the current one again.
    #[command(
        long_about = versions::ROLLBACK_LONG_ABOUT,
        after_help = "Examples:\n  pymmorpg world versions       # which there are\n  pymmorpg world rollback 3     # back to the third"
    )]
    Rollback {
        /// The number of the version.
        version: u64,
        #[command(flatten)]
        data: Data,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
}

/// Does what the command says.
pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { folder, json } => check::run(folder, json).await,
        Command::Simulate(arguments) => simulate::run(arguments).await,
        Command::Publish { folder, data, json } => publish::run(folder, &data, json).await,
        Command::Versions { data, json } => versions::list(&data, json).await,
        Command::Rollback {
            version,
            data,
            json,
        } => versions::rollback(version, &data, json).await,
    }
}
