//! `pymmorpg account …`: roles and passwords, in the database, while a cluster runs on it too.

mod list;
mod password;

use std::process::ExitCode;

use anyhow::bail;
use clap::{Subcommand, ValueEnum};
use store::accounts::Role;

use crate::data::Data;

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    pymmorpg account list\n  \
    pymmorpg account grant Anna gm\n  \
    pymmorpg account revoke Anna\n  \
    pymmorpg account password Anna";

/// The commands about accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give an account a role. A running cluster notices within a second.
    #[command(after_help = "Example:\n  pymmorpg account grant Anna gm")]
    Grant {
        /// The account's name, in upper or lower case.
        name: String,
        /// The role.
        role: Granted,
        #[command(flatten)]
        data: Data,
    },
    /// Take an account's role away, so that it can only play. A running cluster notices within a second.
    #[command(after_help = "Example:\n  pymmorpg account revoke Anna")]
    Revoke {
        /// The account's name, in upper or lower case.
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// List all accounts.
    #[command(
        after_help = "Examples:\n  pymmorpg account list\n  pymmorpg account list --json | python3 -m json.tool"
    )]
    List {
        #[command(flatten)]
        data: Data,
        /// Print one JSON document instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Give an account a new password: asked for on a terminal, or one line of standard input.
    #[command(
        after_help = "Examples:\n  pymmorpg account password Anna\n  pymmorpg account password Anna < new-password.txt"
    )]
    Password {
        /// The account's name, in upper or lower case.
        name: String,
        #[command(flatten)]
        data: Data,
    },
}

/// A role that can be granted.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Granted {
    /// Game master: may edit the world.
    Gm,
}

/// Does what the command says.
pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Grant {
            name,
            role: Granted::Gm,
            data,
        } => {
            set_role(&name, Role::Gm, &data).await?;
            println!("{name} is a game master");
        }
        Command::Revoke { name, data } => {
            set_role(&name, Role::Player, &data).await?;
            println!("{name} is a player like any other");
        }
        Command::List { data, json } => list::run(&data, json).await?,
        Command::Password { name, data } => password::run(&name, &data).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn set_role(name: &str, role: Role, data: &Data) -> anyhow::Result<()> {
    let store = data.open().await?;
    let outcome = store.accounts().set_role(name, role).await;
    store.close().await;
    if !outcome? {
        bail!(missing(name, data)?);
    }
    Ok(())
}

fn missing(name: &str, data: &Data) -> anyhow::Result<String> {
    let database = data.shown()?;
    Ok(format!(
        "there is no account {name:?} in {database}; `pymmorpg account list` names those that there are"
    ))
}
