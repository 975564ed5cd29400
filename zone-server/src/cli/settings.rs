//! Everything that can be set about the process `zone-server`, checked before anything begins.

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
        } = settings::load::<Self>(file, Self::default(), cli)?;
        if let Some(file) = file {
            settings::refuse_unknown(file, &process::KEYS)?;
        }
        settings.listen = settings
            .zone_server
            .listen
            .take()
            .unwrap_or(settings.listen);
        check_advertised(&settings.zone_server, settings.listen)
            .map_err(|problem| sources.refuse("zone_server.advertise", problem))?;
        let (sql, redis) = (settings.sql.clone(), settings.redis.clone());
        let store = store::settings::Settings::shared(sql, redis)
            .map_err(|wrong| sources.refuse(wrong.key, wrong.problem))?;
        Ok((settings, store))
    }
}

/// Whether others can know where a zone server is.
///
/// # Errors
/// What is wrong with `zone_server.advertise`.
pub fn check_advertised(config: &Config, listen: SocketAddr) -> Result<(), String> {
    match &config.advertise {
        Some(url) => match url.parse::<Endpoint>() {
            Ok(_) => Ok(()),
            Err(malformed) => Err(malformed.to_string()),
        },
        None if listen.ip().is_unspecified() => Err(format!(
            "is not set, and nobody can connect to {listen}: say where gateways and other zone servers reach this one, --advertise http://HOST:{}",
            listen.port()
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_are_told() {
        let cases: [(&str, Option<&str>, Result<(), &str>); 6] = [
            ("127.0.0.1:7800", None, Ok(())),
            ("10.0.0.7:0", None, Ok(())),
            ("0.0.0.0:7800", Some("http://zone-1:7800"), Ok(())),
            ("0.0.0.0:7800", None, Err("--advertise http://HOST:7800")),
            ("[::]:7800", None, Err("--advertise http://HOST:7800")),
            (
                "127.0.0.1:7800",
                Some("zone-1:7800"),
                Err("expected http://host:port"),
            ),
        ];
        for (listen, advertise, expected) in cases {
            let config = Config {
                advertise: advertise.map(str::to_owned),
                ..Config::default()
            };
            match (check_advertised(&config, listen.parse().unwrap()), expected) {
                (Ok(()), Ok(())) => {}
                (Err(problem), Err(part)) => assert!(problem.contains(part), "{problem}"),
                (outcome, _) => panic!("{listen} {advertise:?}: {outcome:?}"),
            }
        }
    }
}
