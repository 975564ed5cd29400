//! A Redis server that keeps nothing on disk.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
    process::Command,
    sync::Mutex,
};

use crate::{certificate::Certificate, keeper::Keeper, port};

/// It ends with the value.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    is_tls: bool,
    keeper: Mutex<Keeper>,
}

impl Redis {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts one that speaks TLS only.
    #[must_use]
    pub fn start_with_tls(certificate: &Certificate) -> Self {
        Self::start_with(Some(certificate))
    }

    fn start_with(certificate: Option<&Certificate>) -> Self {
        let is_there = Command::new("redis-server").arg("--version").output();
        assert!(
            is_there.is_ok(),
            "redis-server is missing: apt-get install --no-install-recommends redis-server"
        );
        let folder = tempfile::tempdir()
            .expect("there is a place for temporary files")
            .keep();
        let port = port::free();
        let mut command: Vec<String> = ["redis-server", "--bind", "127.0.0.1", "--save", ""]
            .map(str::to_owned)
            .into();
        let mut set = |name: &str, value: String| command.extend([format!("--{name}"), value]);
        set("dir", folder.display().to_string());
        match certificate {
            None => set("port", port.to_string()),
            Some(certificate) => {
                certificate.copy_to(&folder);
                let file = |name: &str| folder.join(name).display().to_string();
                set("port", "0".to_owned());
                set("tls-port", port.to_string());
                set("tls-cert-file", file("server.crt"));
                set("tls-key-file", file("server.key"));
                set(
                    "tls-ca-cert-file",
                    certificate.authority().display().to_string(),
                );
                set("tls-auth-clients", "no".to_owned());
            }
        }
        let redis = Self {
            port,
            is_tls: certificate.is_some(),
            keeper: Mutex::new(Keeper::new(folder, "KILL", &command)),
        };
        redis.start_again();
        redis
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        format!("{scheme}://localhost:{}", self.port)
    }

    /// Kills it. What it had is gone.
    pub fn kill(&self) {
        self.keeper().stop("KILL");
    }

    /// Starts it after it was killed, at the same port.
    pub fn start_again(&self) {
        let mut keeper = self.keeper();
        keeper.start();
        let is_ready = || {
            if self.is_tls {
                TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
            } else {
                self.try_ask("PING").is_some_and(|answer| answer == "+PONG")
            }
        };
        port::wait_until("Redis", is_ready, || keeper.log());
    }

    /// Runs a command, of one that speaks no TLS; the first line of the answer, as Redis writes it.
    #[must_use]
    pub fn ask(&self, command: &str) -> String {
        self.try_ask(command)
            .unwrap_or_else(|| panic!("Redis does not answer {command}"))
    }

    fn try_ask(&self, command: &str) -> Option<String> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        connection
            .write_all(format!("{command}\r\n").as_bytes())
            .ok()?;
        let mut answer = String::new();
        BufReader::new(connection).read_line(&mut answer).ok()?;
        Some(answer.trim_end().to_owned())
    }

    fn keeper(&self) -> std::sync::MutexGuard<'_, Keeper> {
        self.keeper.lock().expect("no test panics with the keeper")
    }
}
