//! What can be said on the command line, and how the process ends: 0 when all is well, 1 when something is wrong, 2 when the command line is.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use runtime::process;

use crate::{account, backup, cluster, up, world, zone};

#[derive(Debug, Parser)]
#[command(
    name = "pymmorpg",
    version,
    about = "A server for Python games: thousands of players in one world drawn in Tiled",
    long_about = "A server for Python games: thousands of players in one world drawn in Tiled.\n\n\
                  Without a command it does what `up` does.",
    after_help = "Examples:\n  \
                  pymmorpg                          the whole cluster, with the example world\n  \
                  pymmorpg --world my-world         the same with a world of your own\n  \
                  pymmorpg world check my-world     what is wrong with it\n  \
                  pymmorpg account grant Anna gm    make Anna a game master",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: up::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole cluster in this process: gateway, auth and zone server.
    #[command(long_about = up::LONG_ABOUT, after_help = up::EXAMPLES)]
    Up(up::Arguments),
    /// Ask the `up` that runs beside this command whether it is ready.
    #[command(long_about = process::HEALTH_ABOUT, after_help = "Examples:\n  pymmorpg health\n  pymmorpg health --live --admin-listen 127.0.0.1:7780")]
    Health(process::HealthArguments),
    /// Check, publish and roll back worlds.
    #[command(subcommand, after_help = world::EXAMPLES)]
    World(world::Command),
    /// Accounts: their roles and passwords.
    #[command(subcommand, after_help = account::EXAMPLES)]
    Account(account::Command),
    /// What runs, and how it is.
    #[command(subcommand, after_help = cluster::EXAMPLES)]
    Cluster(cluster::Command),
    /// What one zone server is to do.
    #[command(subcommand, after_help = zone::EXAMPLES)]
    Zone(zone::Command),
    /// Write all that lasts into one file, while it is used.
    #[command(long_about = backup::BACKUP_LONG_ABOUT, after_help = backup::BACKUP_EXAMPLES)]
    Backup(backup::Backup),
    /// Bring back what a backup has.
    #[command(long_about = backup::RESTORE_LONG_ABOUT, after_help = backup::RESTORE_EXAMPLES)]
    Restore(backup::Restore),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    process::main(run(cli))
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => up::run(cli.up).await,
        Some(Command::Up(arguments)) => up::run(arguments).await,
        Some(Command::Health(arguments)) => process::probe(&arguments, up::admin_listen()).await,
        Some(Command::World(command)) => world::run(command).await,
        Some(Command::Account(command)) => account::run(command).await,
        Some(Command::Cluster(command)) => cluster::run(command).await,
        Some(Command::Zone(command)) => zone::run(command).await,
        Some(Command::Backup(arguments)) => backup::back_up(arguments).await,
        Some(Command::Restore(arguments)) => backup::restore(arguments).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn up_is_the_default() {
        let cli = Cli::try_parse_from(["pymmorpg", "--world", "w"]).unwrap();
        assert!(cli.command.is_none());
        assert!(Cli::try_parse_from(["pymmorpg", "--world", "w", "account", "list"]).is_err());
    }

    #[test]
    fn every_command_has_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_after_help().is_some(), "{path}");
            command
                .get_subcommands()
                .filter(|command| command.get_name() != "help")
                .for_each(|command| check(command, &path));
        }
        check(&Cli::command(), "");
    }
}
