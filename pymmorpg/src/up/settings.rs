//! Everything that can be set about a cluster in one process. The sections of services are the services' own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::bail;
use runtime::telemetry;
use serde::{Deserialize, Serialize};

use super::Arguments;
use crate::data;

/// The settings of `up`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// The world to publish and to watch; None: what was published last, or the example world.
    pub(super) world: Option<PathBuf>,
    /// The data folder.
    pub(super) data: PathBuf,
    /// Where clients connect.
    pub(super) listen: SocketAddr,
    /// Where operators look.
    pub(super) admin_listen: SocketAddr,
    /// Logs.
    pub(super) telemetry: Telemetry,
    /// The gateway.
    pub(super) gateway: gateway::Config,
    /// The zone server.
    pub(super) zone_server: zone_server::Config,
    /// Accounts and sessions.
    pub(super) auth: auth::Config,
}

/// How the process is watched.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Telemetry {
    /// Which log lines are wanted, in the language of `RUST_LOG`.
    filter: Option<String>,
    /// `pretty` or `json`; None: pretty on a terminal.
    format: Option<telemetry::Format>,
}

/// The client protocol's port.
const CLIENT_PORT: u16 = 7777;
/// The port for operators.
const ADMIN_PORT: u16 = 7780;

impl Default for Settings {
    fn default() -> Self {
        Self {
            world: None,
            data: data::DEFAULT.into(),
            listen: (Ipv4Addr::LOCALHOST, CLIENT_PORT).into(),
            admin_listen: (Ipv4Addr::LOCALHOST, ADMIN_PORT).into(),
            telemetry: Telemetry::default(),
            gateway: gateway::Config::default(),
            zone_server: zone_server::Config::default(),
            auth: auth::Config::default(),
        }
    }
}

impl Settings {
    /// The defaults, then the file, then the environment, then what the command line says.
    pub(super) fn load(arguments: &Arguments) -> anyhow::Result<Self> {
        let file = arguments.config.as_deref();
        let settings = runtime::settings::load(file, Settings::default(), arguments)?;
        if let Some(file) = file {
            refuse_unknown(file)?;
        }
        Ok(settings)
    }

    /// What `telemetry::init` wants to know.
    pub(super) fn telemetry(&self) -> telemetry::Config {
        telemetry::Config {
            filter: self.telemetry.filter.clone(),
            format: self.telemetry.format,
            service: "pymmorpg",
        }
    }
}

/// Refuses keys that mean nothing, at the file's top level: the sections do so by themselves. Variables of the environment that begin as ours do are
/// let be, since others name theirs so too (Kubernetes makes `PYMMORPG_PORT` of a service's name).
fn refuse_unknown(file: &Path) -> anyhow::Result<()> {
    let table: toml::Table = std::fs::read_to_string(file)?.parse()?;
    let known = serde_json::to_value(Settings::default())?;
    let known: Vec<&String> = known
        .as_object()
        .into_iter()
        .flat_map(|known| known.keys())
        .collect();
    if let Some(key) = table.keys().find(|key| !known.contains(key)) {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        bail!(
            "{key}: there is no such setting (from the file {}); there are {}",
            file.display(),
            known.join(", ")
        );
    }
    Ok(())
}
