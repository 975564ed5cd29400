//! A process from its command line to its exit code: logs, signals, sockets, the services that it runs. It does not know what they do.
//!
//! 0: it ended because it was asked to. 1: something is wrong, and the last line of standard error says what. 2: the command line is no such.
//! 130: it was asked twice.

mod bind;
mod endpoint;
mod flags;
mod members;
mod probe;
mod service;
mod waiting;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    shutdown::{self, Shutdown},
    telemetry::{self, Metrics},
};

pub use bind::{bind, dialled};
pub use endpoint::{Endpoint, Malformed};
pub use flags::Flags;
pub use members::Members;
pub use probe::{Arguments as HealthArguments, LONG_ABOUT as HEALTH_ABOUT, probe};
pub use service::{Bound, Service};
pub use waiting::wait_for;

/// The keys at the top level of a settings file, which all processes of a cluster may share: each reads those that it knows.
pub const KEYS: [&str; 12] = [
    "sql",
    "sql_file",
    "redis",
    "redis_file",
    "data",
    "world",
    "listen",
    "admin_listen",
    "telemetry",
    "gateway",
    "zone_server",
    "auth",
];

/// Those of them that hold a password, and may be in a file of their own: `sql_file` names it, or `PYMMORPG_SQL_FILE`.
pub const SECRETS: [&str; 2] = ["sql", "redis"];

/// The exit code after a second signal, as shells give it to those who were interrupted.
const INTERRUPTED: i32 = 130;

/// A signal so soon after the first is the same once more: whoever starts us (`timeout`, a shell script) may pass on what we were sent as well.
const SECOND_AFTER: Duration = Duration::from_millis(500);

/// How a process is watched: the section `telemetry` of its settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Which log lines are wanted, in the language of `RUST_LOG`.
    pub filter: Option<String>,
    /// `pretty` or `json`; None: pretty on a terminal.
    pub format: Option<telemetry::Format>,
}

/// What a process that runs is given.
#[derive(Debug)]
pub struct Process {
    /// Triggered by the first signal.
    pub stop: Shutdown,
    /// What `/metrics` shows.
    pub metrics: Metrics,
}

/// Runs a whole program on threads of its own. What goes wrong is the last line of standard error.
pub fn main(program: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the threads of this process: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(program) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a server within logs, metrics and traces, until it ends by itself or because of a signal. The first signal asks it to stop; the second
/// does not ask. `service` is its name in traces.
///
/// # Errors
/// Logs cannot begin, or what the server returns.
pub async fn run<Served>(
    service: &'static str,
    telemetry: &Telemetry,
    serve: impl FnOnce(Process) -> Served,
) -> anyhow::Result<ExitCode>
where
    Served: Future<Output = anyhow::Result<()>>,
{
    let telemetry = telemetry::init(telemetry::Config {
        filter: telemetry.filter.clone(),
        format: telemetry.format,
        service,
    })?;
    let stop = Shutdown::default();
    let interrupts = tokio::spawn(interrupts(stop.clone()));
    let metrics = telemetry.metrics();
    let outcome = serve(Process { stop, metrics }).await;
    interrupts.abort();
    if outcome.is_ok() {
        tracing::info!("stopped");
    }
    telemetry.finish();
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn interrupts(stop: Shutdown) {
    let signal = shutdown::signal().await;
    tracing::info!(signal, "stopping");
    stop.trigger();
    let since = Instant::now();
    let mut signal = shutdown::signal().await;
    while since.elapsed() < SECOND_AFTER {
        signal = shutdown::signal().await;
    }
    tracing::warn!(signal, "stopping at once");
    std::process::exit(INTERRUPTED);
}
