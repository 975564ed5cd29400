//! The process `auth`, from its command line to its end.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use runtime::process::{self, Flags, Process, Service};
use serde::Serialize;

use crate::{serve, settings::Settings};

/// How long it needs to stop: requests that were begun are answered.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Parser, Serialize)]
#[command(
    name = "auth",
    version,
    about = "The account service of a pymmorpg cluster: who may play, and whose session counts",
    long_about = "The account service of a pymmorpg cluster: who may play, and whose session counts.\n\n\
                  Several may run side by side. Settings come from --config, then the environment (PYMMORPG_SQL=…, PYMMORPG_AUTH__LISTEN=…), then flags; \
                  later ones win.",
    after_help = "Example:\n  auth --sql postgres://pymmorpg:secret@db/pymmorpg --redis redis://cache --listen 0.0.0.0:7790",
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    #[serde(skip)]
    command: Option<Command>,
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) flags: Flags,
    #[command(flatten)]
    auth: Own,
}

/// What else the program does than to serve.
#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the account service that runs beside this command whether it is ready.
    #[command(long_about = process::HEALTH_ABOUT, after_help = "Examples:\n  auth health\n  auth health --live --admin-listen 127.0.0.1:7782")]
    Health(process::HealthArguments),
}

/// The flags whose settings are in the section `auth`.
#[derive(Debug, clap::Args, Serialize)]
struct Own {
    /// Where gateways connect [default: 127.0.0.1:7790]; port 0 takes any that is free.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    process::main(run(Cli::parse()))
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(Command::Health(arguments)) = cli.command {
        return process::probe(&arguments, Settings::default().admin_listen).await;
    }
    let (settings, store) = Settings::load(&cli)?;
    let telemetry = settings.telemetry.clone();
    process::run("auth", &telemetry, async |process| {
        run_service(settings, &store, cli.flags.json, process).await
    })
    .await
}

async fn run_service(
    settings: Settings,
    store: &store::settings::Settings,
    json: bool,
    process: Process,
) -> anyhow::Result<()> {
    tracing::info!(
        settings = runtime::settings::describe(&settings),
        "starting"
    );
    let service = Service {
        name: "auth",
        key: "auth",
        callers: "gateways",
        listen: settings.listen,
        admin_listen: settings.admin_listen,
        json,
    };
    let (listener, mut bound) = service.bind(process).await?;
    let health = bound.members.health();
    let database = health.part("database");
    let _begins_as_not_ready = health.part("auth");
    let Some(opened) = bound.unless_stopped(store.open_published()).await else {
        return Ok(());
    };
    let opened = opened?;
    database.ready();
    let (rows, sessions) = (opened.store.clone(), opened.sessions);
    bound.members.start("auth", |context| async move {
        Ok(serve(listener, rows, sessions, settings.auth, context).await?)
    });
    let outcome = bound.attend(DRAIN_WITHIN).await;
    opened.store.close().await;
    outcome
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
