//! The process `gateway`, from its command line to its end.

mod settings;

use std::{net::SocketAddr, process::ExitCode};

use anyhow::bail;
use clap::{Parser, Subcommand};
use runtime::{
    Context,
    process::{self, Endpoint, Flags, Process, Service},
};
use serde::Serialize;
use store::Store;
use tokio::net::TcpListener;

use crate::{Config, Peers, serve};
use settings::{Loaded, Settings};

#[derive(Debug, Parser, Serialize)]
#[command(
    name = "gateway",
    version,
    about = "A gateway of a pymmorpg cluster: clients connect to it",
    long_about = "A gateway of a pymmorpg cluster: clients connect to it.\n\n\
                  Start as many as you like, at any time; a client may connect to any of them. It begins to serve once the account service and a zone \
                  server are there. Settings come from --config, then the environment (PYMMORPG_SQL=…, PYMMORPG_GATEWAY__LISTEN=…), then flags; later \
                  ones win.",
    after_help = "Example:\n  \
                  gateway --sql postgres://pymmorpg:secret@db/pymmorpg --redis redis://cache --auth http://auth:7790 --listen 0.0.0.0:7777",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    #[serde(skip)]
    command: Option<Command>,
    #[command(flatten)]
    #[serde(flatten)]
    flags: Flags,
    #[command(flatten)]
    gateway: Own,
}

/// What else the program does than to serve.
#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the gateway that runs beside this command whether it is ready.
    #[command(long_about = process::HEALTH_ABOUT, after_help = "Examples:\n  gateway health\n  gateway health --live --admin-listen 127.0.0.1:7780")]
    Health(process::HealthArguments),
}

/// The flags whose settings are in the section `gateway`.
#[derive(Debug, clap::Args, Serialize)]
struct Own {
    /// Where clients connect [default: 127.0.0.1:7777]; port 0 takes any that is free.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The account service [default: http://127.0.0.1:7790].
    #[arg(long, value_name = "URL")]
    auth: Option<String>,
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
    let loaded = Settings::load(&cli)?;
    let telemetry = loaded.settings.telemetry.clone();
    process::run("gateway", &telemetry, async |process| {
        run_service(loaded, cli.flags.json, process).await
    })
    .await
}

async fn run_service(loaded: Loaded, json: bool, process: Process) -> anyhow::Result<()> {
    let Loaded {
        settings,
        store,
        auth,
    } = loaded;
    tracing::info!(
        settings = runtime::settings::describe(&settings),
        "starting"
    );
    let service = Service {
        name: "gateway",
        key: "gateway",
        callers: "clients",
        listen: settings.listen,
        admin_listen: settings.admin_listen,
        json,
    };
    let (listener, mut bound) = service.bind(process).await?;
    let config = settings.gateway;
    let drain_within = config.stop_within();
    let health = bound.members.health();
    let database = health.part("database");
    for name in [AUTH, ZONE_SERVERS, "gateway"] {
        let _begins_as_not_ready = health.part(name);
    }
    let Some(opened) = bound.unless_stopped(store.open_published()).await else {
        return Ok(());
    };
    let opened = opened?;
    database.ready();
    let peers = Peers {
        store: opened.store.clone(),
        sessions: opened.sessions,
        announcements: opened.announcements,
        auth: auth.to_string(),
    };
    bound.members.start("gateway", |context| {
        serve_when_it_can(listener, peers, auth, config, context)
    });
    let outcome = bound.attend(drain_within).await;
    opened.store.close().await;
    outcome
}

// The parts of `/readyz` that are other processes.
const AUTH: &str = "auth";
const ZONE_SERVERS: &str = "zone-servers";

/// Waits for those without whom nobody can play. Later it does without them for a while: their successors are found as they come.
async fn serve_when_it_can(
    listener: TcpListener,
    peers: Peers,
    auth: Endpoint,
    config: Config,
    context: Context,
) -> anyhow::Result<()> {
    let wait = async {
        let shutdown = &context.shutdown;
        process::wait_for("the account service", shutdown, || auth.try_out()).await?;
        context.health.part(AUTH).ready();
        process::wait_for("a zone server", shutdown, || {
            look_for_zone_server(&peers.store)
        })
        .await?;
        context.health.part(ZONE_SERVERS).ready();
        Some(())
    };
    if wait.await.is_some() {
        serve(listener, peers, config, context).await?;
    }
    Ok(())
}

async fn look_for_zone_server(store: &Store) -> anyhow::Result<()> {
    if store.directory().live().await?.is_empty() {
        bail!("none is alive");
    }
    Ok(())
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
