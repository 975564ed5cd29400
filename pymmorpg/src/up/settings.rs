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
    /// The data folder, if no database is named.
    pub(super) data: PathBuf,
    /// A database of PostgreSQL.
    pub(super) sql: Option<String>,
    /// The Redis that carries announcements to other processes.
    pub(super) redis: Option<String>,
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
            sql: None,
            redis: None,
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
    /// The defaults, then the file, then the environment, then what the command line says; and the store that they name.
    pub(super) fn load(
        arguments: &Arguments,
    ) -> Result<(Self, store::settings::Settings), settings::Error> {
        let file = arguments.config.as_deref();
        let settings::Loaded {
            mut settings,
            sources,
        } = settings::load_with_files::<Self>(file, Self::default(), arguments, &process::SECRETS)?;
        if let Some(file) = file {
            settings::refuse_unknown(file, &process::KEYS)?;
        }
        settings.listen = settings.gateway.listen.take().unwrap_or(settings.listen);
        if settings.sql.is_some() && sources.is_set("data") {
            return Err(sources.refuse("data", data::TWO_PLACES));
        }
        if settings.gateway.auth.is_some() {
            let problem = "`pymmorpg up` has an account service of its own; the program `gateway` takes another";
            return Err(sources.refuse("gateway.auth", problem));
        }
        if let Some(listen) = settings.zone_server.listen {
            zone_server::settle_advertised(&mut settings.zone_server, listen)
                .map_err(|problem| sources.refuse("zone_server.advertise", problem))?;
        }
        let (sql, redis) = (settings.sql.clone(), settings.redis.clone());
        let store = store::settings::Settings::new(sql, redis, settings.data.clone())
            .map_err(|wrong| sources.refuse(wrong.key, wrong.problem))?;
        Ok((settings, store))
    }
}
