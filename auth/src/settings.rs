//! Everything that can be set about the process `auth`, checked before anything begins.

use std::net::{Ipv4Addr, SocketAddr};

use runtime::{process, settings};
use serde::{Deserialize, Serialize};

use crate::{Config, cli::Cli};

/// What is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// The database that all processes share.
    sql: Option<String>,
    /// Where sessions are noted.
    redis: Option<String>,
    /// Where gateways connect.
    pub(crate) listen: SocketAddr,
    /// Where operators look.
    pub(crate) admin_listen: SocketAddr,
    /// Logs.
    pub(crate) telemetry: process::Telemetry,
    /// The service's own.
    pub(crate) auth: Config,
}

/// The port for gateways.
const PORT: u16 = 7790;
/// The port for operators.
const ADMIN_PORT: u16 = 7782;

impl Default for Settings {
    fn default() -> Self {
        Self {
            sql: None,
            redis: None,
            listen: (Ipv4Addr::LOCALHOST, PORT).into(),
            admin_listen: (Ipv4Addr::LOCALHOST, ADMIN_PORT).into(),
            telemetry: process::Telemetry::default(),
            auth: Config::default(),
        }
    }
}

impl Settings {
    /// The defaults, then the file, then the environment, then what the command line says; and the store that they name.
    pub(crate) fn load(cli: &Cli) -> Result<(Self, store::settings::Settings), settings::Error> {
        let file = cli.flags.config.as_deref();
        let settings::Loaded {
            mut settings,
            sources,
        } = settings::load_with_files::<Self>(file, Self::default(), cli, &process::SECRETS)?;
        if let Some(file) = file {
            settings::refuse_unknown(file, &process::KEYS)?;
        }
        settings.listen = settings.auth.listen.take().unwrap_or(settings.listen);
        let (sql, redis) = (settings.sql.clone(), settings.redis.clone());
        let store = store::settings::Settings::shared(sql, redis)
            .map_err(|wrong| sources.refuse(wrong.key, wrong.problem))?;
        Ok((settings, store))
    }
}
