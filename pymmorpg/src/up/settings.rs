//! Everything that can be set about a cluster in one process. The sections of services are the services' own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use runtime::{
    process::{self, Telemetry},
    settings,
};
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
        let loaded = settings::load(file, Settings::default(), arguments)?;
        if let Some(file) = file {
            settings::refuse_unknown(file, &process::KEYS)?;
        }
        Ok(loaded.settings)
    }
}
