//! Everything that can be set about the process `zone-server`, checked before anything begins.

use std::net::{Ipv4Addr, SocketAddr};

use runtime::{process, settings};
use serde::{Deserialize, Serialize};

use super::{Cli, advertised::settle_advertised};
use crate::Config;

/// What is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// The database that all processes share.
    sql: Option<String>,
    /// What carries announcements between processes.
    redis: Option<String>,
    /// Where gateways and other zone servers connect.
    pub(super) listen: SocketAddr,
    /// Where operators look.
    pub(super) admin_listen: SocketAddr,
    /// Logs.
    pub(super) telemetry: process::Telemetry,
    /// The service's own.
    pub(super) zone_server: Config,
}

/// The port for gateways and other zone servers.
const PORT: u16 = 7800;
/// The port for operators.
const ADMIN_PORT: u16 = 7781;

impl Default for Settings {
    fn default() -> Self {
        Self {
            sql: None,
            redis: None,
            listen: (Ipv4Addr::LOCALHOST, PORT).into(),
            admin_listen: (Ipv4Addr::LOCALHOST, ADMIN_PORT).into(),
            telemetry: process::Telemetry::default(),
            zone_server: Config::default(),
        }
    }
}

impl Settings {
    /// The defaults, then the file, then the environment, then what the command line says; and the store that they name.
    pub(super) fn load(cli: &Cli) -> Result<(Self, store::settings::Settings), settings::Error> {
        let file = cli.flags.config.as_deref();
        let settings::Loaded {
            mut settings,
            sources,
        } = settings::load_with_files::<Self>(file, Self::default(), cli, &process::SECRETS)?;
        if let Some(file) = file {
            settings::refuse_unknown(file, &process::KEYS)?;
        }
        settings.listen = settings
            .zone_server
            .listen
            .take()
            .unwrap_or(settings.listen);
        settle_advertised(&mut settings.zone_server, settings.listen)
            .map_err(|problem| sources.refuse("zone_server.advertise", problem))?;
        let (sql, redis) = (settings.sql.clone(), settings.redis.clone());
        let store = store::settings::Settings::shared(sql, redis)
            .map_err(|wrong| sources.refuse(wrong.key, wrong.problem))?;
        Ok((settings, store))
    }
}
