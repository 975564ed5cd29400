//! `pymmorpg up`: the whole cluster in one process. It starts the services over real gRPC, watches over them, and stops them in order; what they
//! do is theirs.

mod banner;
mod bundled;
mod cluster;
mod listeners;
mod settings;
mod source;
mod watch;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use runtime::process::{self, Process};
use serde::Serialize;
use store::{Database, settings::Opened};

use cluster::Parts;
use listeners::Listeners;
use settings::Settings;
use source::Source;

pub(crate) const LONG_ABOUT: &str = "Run the whole cluster in this process: gateway, auth and zone server, with SQLite in the data folder. \
    Nothing has to be installed or set. With --sql it uses a database of PostgreSQL instead, which the processes of a cluster may use beside it.\n\n\
    A world named with --world is published at start and again whenever a file in it changes; a broken one is refused with its reasons, and \
    the last good one stays. Without --world, what was published last is served; in a new data folder that is the example world.\n\n\
    Ctrl-C answers what was read, saves everything and ends; a second Ctrl-C ends at once.\n\n\
    Settings come from --config, then the environment (PYMMORPG_LISTEN=…, PYMMORPG_GATEWAY__…=…), then flags; later ones win.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    pymmorpg up\n  \
    pymmorpg up --world my-world --data my-data\n  \
    pymmorpg up --listen 0.0.0.0:7777 --json";

/// What can be said of `up` on the command line.
#[derive(Debug, clap::Args, Serialize)]
pub(crate) struct Arguments {
    /// The world to publish and to watch; without it, what was published last, or the example world.
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    world: Option<PathBuf>,
    /// Where accounts and everything else that must last are kept [default: ./data].
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<PathBuf>,
    /// A database of PostgreSQL to keep all that in instead: postgres://USER:PASSWORD@HOST/DATABASE. A file that holds it may be named by
    /// PYMMORPG_SQL_FILE instead.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    /// The Redis that carries announcements, if other processes share the database: redis://HOST. A file that holds it may be named by
    /// PYMMORPG_REDIS_FILE instead.
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<String>,
    /// Where clients connect [default: 127.0.0.1:7777]; port 0 takes any that is free.
    #[arg(long, value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    /// Where /healthz, /readyz and /metrics are [default: 127.0.0.1:7780].
    #[arg(long, value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_listen: Option<SocketAddr>,
    /// A TOML file with settings: listen, data and so on, and the tables [gateway], [zone_server], [auth] and [telemetry].
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Print one line of JSON when ready, instead of text.
    #[arg(long)]
    #[serde(skip)]
    json: bool,
}

/// How long the services have to become ready. They take milliseconds.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The command.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, place) = Settings::load(&arguments)?;
    let telemetry = settings.telemetry.clone();
    process::run("pymmorpg", &telemetry, async |process| {
        serve(settings, place, arguments.json, process).await
    })
    .await
}

/// Where operators look if nothing else is set.
pub(crate) fn admin_listen() -> SocketAddr {
    Settings::default().admin_listen
}

async fn serve(
    settings: Settings,
    place: store::settings::Settings,
    as_json: bool,
    process: Process,
) -> anyhow::Result<()> {
    tracing::info!(
        settings = runtime::settings::describe(&settings),
        "starting"
    );
    let opened = tokio::select! {
        opened = place.open() => opened?,
        () = process.stop.triggered() => return Ok(()),
    };
    let store = opened.store.clone();
    let outcome = serve_from(opened, settings, place.database(), as_json, process).await;
    store.close().await;
    outcome
}

async fn serve_from(
    opened: Opened,
    mut settings: Settings,
    database: &Database,
    as_json: bool,
    process: Process,
) -> anyhow::Result<()> {
    let Opened {
        store,
        sessions,
        announcements,
        // Held to the end: nobody else may run a cluster on this folder.
        lock,
    } = opened;
    let listeners = Listeners::bind(&settings).await?;
    settings.zone_server.is_alone = lock.is_some();
    if lock.is_some() {
        // Whoever holds the lock knows that no zone server of an earlier run is alive.
        store.directory().clear().await?;
    }
    let source = Source::choose(settings.world.as_deref(), &store).await?;
    let watch = source.watched().and_then(watch::Watch::begin);
    let world = source.publish(&store).await?;
    let ready = banner::Ready::new(&listeners, database, &world);
    let drain_within = cluster::drain_within(&settings);
    let parts = Parts {
        listeners,
        settings,
        store,
        sessions,
        announcements,
        watch,
    };
    cluster::start(parts, &process)
        .attend(&process.stop, Some(READY_WITHIN), drain_within, || {
            ready.print(as_json);
        })
        .await
}
