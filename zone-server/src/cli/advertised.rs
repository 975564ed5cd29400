//! Where a zone server tells others that it is. One setting must do for all of them when they are copies of one container: then each puts its own
//! host's name into it.

use std::net::SocketAddr;

use runtime::process::Endpoint;
use store::processes;

use crate::Config;

/// Stands for the name of the host, in `zone_server.advertise`.
const HOSTNAME: &str = "{hostname}";

/// Makes certain that others can know where a zone server is, and puts the host's name into what they are told.
///
/// # Errors
/// What is wrong with `zone_server.advertise`.
pub fn settle_advertised(config: &mut Config, listen: SocketAddr) -> Result<(), String> {
    let Some(url) = &mut config.advertise else {
        return if listen.ip().is_unspecified() {
            Err(format!(
                "is not set, and nobody can connect to {listen}: say where gateways and other zone servers reach this one, --advertise http://HOST:{}, \
                 or http://{HOSTNAME}:{0} for the name of its host",
                listen.port()
            ))
        } else {
            Ok(())
        };
    };
    let is_template = url.contains(HOSTNAME);
    if is_template {
        *url = url.replace(HOSTNAME, &processes::host().unwrap_or_default());
    }
    match url.parse::<Endpoint>() {
        Ok(_) => Ok(()),
        // What it has become is not what was set, which the error names.
        Err(malformed) if is_template => Err(format!("{malformed}, not {url}")),
        Err(malformed) => Err(malformed.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(listen: &str, advertise: Option<&str>) -> Result<Option<String>, String> {
        let mut config = Config {
            advertise: advertise.map(str::to_owned),
            ..Config::default()
        };
        settle_advertised(&mut config, listen.parse().unwrap()).map(|()| config.advertise)
    }

    #[test]
    fn what_others_are_told() {
        let cases: [(&str, Option<&str>, Result<(), &str>); 7] = [
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
            (
                "0.0.0.0:7800",
                Some("http://{host}:7800"),
                Err("expected http://host:port"),
            ),
        ];
        for (listen, advertise, expected) in cases {
            match (settled(listen, advertise), expected) {
                (Ok(told), Ok(())) => assert_eq!(told.as_deref(), advertise),
                (Err(problem), Err(part)) => assert!(problem.contains(part), "{problem}"),
                (outcome, _) => panic!("{listen} {advertise:?}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn copies_of_one_container_tell_each_the_name_of_its_own() {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(
            settled("0.0.0.0:7800", Some("http://{hostname}:7800")),
            Ok(Some(format!("http://{}:7800", name.trim())))
        );
        assert_eq!(
            settled("0.0.0.0:7800", Some("http://{hostname}.zones:7800")),
            Ok(Some(format!("http://{}.zones:7800", name.trim())))
        );
    }
}
