//! The programs of PostgreSQL that write and read its archives. What they need to know of the database goes to them in their environment, the password
//! above all: everybody can read what stands on a command line.

use std::{
    io::Read,
    process::{Child, Command, ExitStatus, Stdio},
    thread::JoinHandle,
    time::Duration,
};

use sqlx::{ConnectOptions, postgres::PgConnectOptions};

use super::Error;

/// How often one that runs is asked whether it still does.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The most that is kept of what one says.
const SAID_BYTES_MAX: u64 = 16 << 10;

/// A program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tool(pub(super) &'static str);

pub(super) const PG_DUMP: Tool = Tool("pg_dump");
pub(super) const PG_RESTORE: Tool = Tool("pg_restore");
pub(super) const PSQL: Tool = Tool("psql");

impl Tool {
    /// Whether it is there, and not of an earlier version than the server.
    pub(super) async fn check(self, server: u32) -> Result<(), Error> {
        let problem = |problem| Error::Tool {
            program: self.0,
            problem,
        };
        let mut command = Command::new(self.0);
        command.arg("--version");
        let said = self.output(command).await?;
        let version = major(&said)
            .ok_or_else(|| problem(format!("its version cannot be told from {said:?}")))?;
        if version < server {
            return Err(problem(format!(
                "it is of version {version}, and the server of {server}: it must not be older"
            )));
        }
        Ok(())
    }

    /// Runs it to its end, and returns what it printed.
    pub(super) async fn output(self, mut command: Command) -> Result<String, Error> {
        let run = move || command.stdin(Stdio::null()).output();
        let done = tokio::task::spawn_blocking(run)
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(|error| self.unstarted(&error))?;
        if !done.status.success() {
            return Err(self.failed(&String::from_utf8_lossy(&done.stderr)));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// Starts it.
    pub(super) fn start(self, mut command: Command) -> Result<Running, Error> {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.unstarted(&error))?;
        let errors = child.stderr.take();
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            if let Some(mut errors) = errors {
                // The rest is read and thrown away, so that it is not kept from going on.
                let _read = errors.by_ref().take(SAID_BYTES_MAX).read_to_end(&mut said);
                let _read = std::io::copy(&mut errors, &mut std::io::sink());
            }
            String::from_utf8_lossy(&said).into_owned()
        });
        Ok(Running {
            tool: self,
            child,
            said: Some(said),
        })
    }

    fn unstarted(self, error: &std::io::Error) -> Error {
        let problem = match error.kind() {
            std::io::ErrorKind::NotFound => "it is not in the PATH".to_owned(),
            _ => error.to_string(),
        };
        Error::Tool {
            program: self.0,
            problem,
        }
    }

    fn failed(self, said: &str) -> Error {
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        Error::Failed {
            program: self.0,
            said: lines.collect::<Vec<_>>().join("; "),
        }
    }
}

/// One that runs. It does not outlive this.
#[derive(Debug)]
pub(super) struct Running {
    tool: Tool,
    pub(super) child: Child,
    said: Option<JoinHandle<String>>,
}

impl Running {
    /// Waits for its end.
    pub(super) async fn finish(&mut self) -> Result<(), Error> {
        let status: ExitStatus = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => tokio::time::sleep(POLL_INTERVAL).await,
                Err(error) => return Err(self.tool.unstarted(&error)),
            }
        };
        if status.success() {
            return Ok(());
        }
        let said = self.said.take().and_then(|said| said.join().ok());
        let said = said.unwrap_or_default();
        Err(match said.trim() {
            "" => self.tool.failed(&status.to_string()),
            said => self.tool.failed(said),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A program that will find the database.
pub(super) fn command(tool: Tool, options: &PgConnectOptions) -> Command {
    let mut command = Command::new(tool.0);
    let url = options.to_url_lossy();
    // These count for more than the host that is named, and we do not go by them: another database would be written than the one that was looked at.
    for variable in ["PGSERVICE", "PGHOSTADDR"] {
        command.env_remove(variable);
    }
    command
        .env("PGUSER", options.get_username())
        .env("PGPORT", options.get_port().to_string())
        .env("PGAPPNAME", "pymmorpg")
        .env("PGCONNECT_TIMEOUT", "10");
    match options.get_socket() {
        Some(socket) => command.env("PGHOST", socket),
        None => command.env("PGHOST", options.get_host()),
    };
    let database = options.get_database().unwrap_or(options.get_username());
    command.env("PGDATABASE", database);
    if let Some(options) = options.get_options() {
        command.env("PGOPTIONS", options);
    }
    for (key, value) in url.query_pairs() {
        let variable = match &*key {
            "sslmode" => "PGSSLMODE",
            "sslrootcert" => "PGSSLROOTCERT",
            "sslcert" => "PGSSLCERT",
            "sslkey" => "PGSSLKEY",
            _ => continue,
        };
        // So it is put by whoever makes the URL of what another URL has said.
        command.env(variable, value.strip_prefix("file: ").unwrap_or(&value));
    }
    if let Some(password) = url.password() {
        let password = percent_encoding::percent_decode_str(password);
        command.env("PGPASSWORD", &*password.decode_utf8_lossy());
    }
    command
}

/// The version in `pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major(said: &str) -> Option<u32> {
    let (_, version) = said.split_once("(PostgreSQL) ")?;
    let digits = version.find(|c: char| !c.is_ascii_digit());
    version.get(..digits.unwrap_or(version.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn versions() {
        for (said, expected) in [
            (
                "pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n",
                Some(15),
            ),
            ("psql (PostgreSQL) 18devel", Some(18)),
            ("pg_restore (PostgreSQL) 9.6.24", Some(9)),
            ("pg_dump 15", None),
            ("", None),
        ] {
            assert_eq!(major(said), expected, "{said:?}");
        }
    }

    #[test]
    fn a_password_is_in_the_environment_and_nowhere_else() {
        let url = "postgres://anna:s%25e%20c+r%2Ft@db:5433/world?sslmode=verify-full&sslrootcert=/ca.pem&options[search_path]=game";
        let options = PgConnectOptions::from_str(url).unwrap();
        let command = command(PG_DUMP, &options);
        assert_eq!(command.get_args().count(), 0);
        let of = |name: &str| {
            let mut variables = command.get_envs();
            let (_, value) = variables.find(|(key, _)| *key == name)?;
            value?.to_str()
        };
        for (name, expected) in [
            ("PGPASSWORD", "s%e c+r/t"),
            ("PGHOST", "db"),
            ("PGPORT", "5433"),
            ("PGUSER", "anna"),
            ("PGDATABASE", "world"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/ca.pem"),
            ("PGOPTIONS", "-c search_path=game"),
        ] {
            assert_eq!(of(name), Some(expected), "{name}");
        }
        for name in ["PGSERVICE", "PGHOSTADDR"] {
            let mut variables = command.get_envs();
            assert!(
                variables.any(|(key, value)| key == name && value.is_none()),
                "{name}"
            );
        }
    }
}
