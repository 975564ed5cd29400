//! Everything that can be set about the process `gateway`, checked before anything begins.

use std::net::{Ipv4Addr, SocketAddr};

use runtime::{
    process::{self, Endpoint},
    settings,
};
use serde::{Deserialize, Serialize};

use super::Cli;
use crate::Config;

/// What is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// The database that all processes share.
    sql: Option<String>,
    /// Where sessions are noted, and what carries announcements between processes.
    redis: Option<String>,
    /// Where clients connect.
    pub(super) listen: SocketAddr,
    /// Where operators look.
    pub(super) admin_listen: SocketAddr,
    /// Logs.
    pub(super) telemetry: process::Telemetry,
    /// The service's own.
    pub(super) gateway: Config,
}

/// The client protocol's port.
const PORT: u16 = 7777;
/// The port for operators.
const ADMIN_PORT: u16 = 7780;
/// Where the account service is if nothing else is said: on the same machine, at its own default.
const AUTH: &str = "http://127.0.0.1:7790";

impl Default for Settings {
    fn default() -> Self {
        Self {
            sql: None,
            redis: None,
            listen: (Ipv4Addr::LOCALHOST, PORT).into(),
            admin_listen: (Ipv4Addr::LOCALHOST, ADMIN_PORT).into(),
            telemetry: process::Telemetry::default(),
            gateway: Config {
                auth: Some(AUTH.to_owned()),
                ..Config::default()
            },
        }
    }
}

/// What they come to.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) settings: Settings,
    /// The store that they name.
    pub(super) store: store::settings::Settings,
    /// The account service.
    pub(super) auth: Endpoint,
}

impl Settings {
    /// The defaults, then the file, then the environment, then what the command line says.
    pub(super) fn load(cli: &Cli) -> Result<Loaded, settings::Error> {
        let file = cli.flags.config.as_deref();
        let settings::Loaded {
            mut settings,
            sources,
        } = settings::load_with_files::<Self>(file, Self::default(), cli, &process::SECRETS)?;
        if let Some(file) = file {
            settings::refuse_unknown(file, &process::KEYS)?;
        }
        settings.listen = settings.gateway.listen.take().unwrap_or(settings.listen);
        let auth = settings.gateway.auth.as_deref().unwrap_or(AUTH);
        let auth = auth.parse().map_err(|malformed: process::Malformed| {
            sources.refuse("gateway.auth", malformed.to_string())
        })?;
        let (sql, redis) = (settings.sql.clone(), settings.redis.clone());
        let store = store::settings::Settings::shared(sql, redis)
            .map_err(|wrong| sources.refuse(wrong.key, wrong.problem))?;
        Ok(Loaded {
            settings,
            store,
            auth,
        })
    }
}
