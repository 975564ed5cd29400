//! `pymmorpg zone …`: what an operator asks of one zone server.

mod drain;

use std::process::ExitCode;

use clap::Subcommand;

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    pymmorpg zone drain 3f2a --sql postgres://pymmorpg:secret@db/pymmorpg\n  \
    pymmorpg zone drain http://10.0.0.3:7800";

/// The commands about zone servers.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a zone server to hand its regions over and stop, and wait until it has.
    #[command(long_about = drain::LONG_ABOUT, after_help = EXAMPLES)]
    Drain(drain::Arguments),
}

/// Does what the command says.
pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Drain(arguments) => drain::run(arguments).await,
    }
}
