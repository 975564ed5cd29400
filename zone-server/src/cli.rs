//! The process `zone-server`, from its command line to its end.

mod advertised;
mod settings;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use runtime::process::{self, Flags, Process, Service};
use serde::Serialize;

use crate::serve;
use settings::Settings;

pub use advertised::settle_advertised;

#[derive(Debug, Parser, Serialize)]
#[command(
    name = "zone-server",
    version,
    about = "A zone server of a pymmorpg cluster: it simulates its share of the world's regions",
    long_about = "A zone server of a pymmorpg cluster: it simulates its share of the world's regions.\n\n\
                  Start as many as you like, at any time: they share the regions among them. One that is asked to stop (SIGTERM) hands its regions over \
                  first; one that dies is replaced by the others within seconds. Settings come from --config, then the environment (PYMMORPG_SQL=…, \
                  PYMMORPG_ZONE_SERVER__ADVERTISE=…), then flags; later ones win.",
    after_help = "Examples:\n  \
                  zone-server --sql postgres://pymmorpg:secret@db/pymmorpg --redis redis://cache\n  \
                  zone-server --sql postgres://pymmorpg:secret@db/pymmorpg --redis redis://cache --listen 0.0.0.0:7800 --advertise http://zone-1:7800\n  \
                  zone-server --config cluster.toml --listen 0.0.0.0:7800 --advertise 'http://{hostname}:7800'",
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
    zone_server: Own,
}

/// What else the program does than to serve.
#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the zone server that runs beside this command whether it is ready.
    #[command(long_about = process::HEALTH_ABOUT, after_help = "Examples:\n  zone-server health\n  zone-server health --live --admin-listen 127.0.0.1:7781")]
    Health(process::HealthArguments),
}

/// The flags whose settings are in the section `zone_server`.
#[derive(Debug, clap::Args, Serialize)]
struct Own {
    /// Where gateways and other zone servers connect [default: 127.0.0.1:7800]; port 0 takes any that is free.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where they are told that it is, if that is another address than the one it listens on: http://HOST:PORT; `{hostname}` in it is the name of this host.
    #[arg(long, value_name = "URL")]
    advertise: Option<String>,
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
    process::run("zone-server", &telemetry, async |process| {
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
        name: "zone-server",
        key: "zone_server",
        callers: "gateways",
        listen: settings.listen,
        admin_listen: settings.admin_listen,
        json,
    };
    let (listener, mut bound) = service.bind(process).await?;
    let mut config = settings.zone_server;
    let advertised = config
        .advertise
        .unwrap_or_else(|| format!("http://{}", bound.address));
    tracing::info!(
        advertised,
        "gateways and other zone servers are told this address"
    );
    config.advertise = Some(advertised);
    let drain_within = Duration::from_millis(config.drain_timeout_ms);
    let health = bound.members.health();
    let database = health.part("database");
    let _begins_as_not_ready = health.part("zone-server");
    let Some(opened) = bound.unless_stopped(store.open_published()).await else {
        return Ok(());
    };
    let opened = opened?;
    database.ready();
    let (rows, announcements) = (opened.store.clone(), opened.announcements);
    bound.members.start("zone-server", |context| async move {
        Ok(serve(listener, rows, announcements, config, context).await?)
    });
    let outcome = bound.attend(drain_within).await;
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
