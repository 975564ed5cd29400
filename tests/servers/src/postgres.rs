//! A PostgreSQL server with as many empty databases as are wanted. It keeps its defaults: what it has answered is on the disk.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{certificate::Certificate, keeper::Keeper, port};

/// Its superuser, and the user of the system that runs it if the tests are root's: PostgreSQL refuses to be.
const USER: &str = "postgres";
/// A user who needs a [`PASSWORD`].
pub const GUARDED_USER: &str = "guarded";
/// The password of [`GUARDED_USER`]. Everybody else is let in by any: checking takes a fifth of a second in a debug build, for each connection.
pub const PASSWORD: &str = "secret";
const WHO_IS_LET_IN: &str = "\
host all guarded 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
";

/// It ends with the value.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    programs: PathBuf,
    count: AtomicU32,
    keeper: Mutex<Keeper>,
}

impl Postgres {
    /// The one of this process, started when it is first asked for.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts one that speaks TLS too.
    #[must_use]
    pub fn start_with_tls(certificate: &Certificate) -> Self {
        Self::start_with(Some(certificate))
    }

    fn start_with(certificate: Option<&Certificate>) -> Self {
        let programs = programs();
        let folder = tempfile::tempdir()
            .expect("there is a place for temporary files")
            .keep();
        let data = folder.join("data");
        make(&folder, &data, &programs, certificate);
        let port = port::free();
        let mut command = as_user();
        command.push(programs.join("postgres").display().to_string());
        command.extend(["-D".to_owned(), data.display().to_string()]);
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=300".to_owned(),
            format!("ssl={}", if certificate.is_some() { "on" } else { "off" }),
        ];
        command.extend(
            settings
                .into_iter()
                .flat_map(|setting| ["-c".to_owned(), setting]),
        );
        let postgres = Self {
            port,
            programs,
            count: AtomicU32::new(0),
            keeper: Mutex::new(Keeper::new(folder, "QUIT", &command)),
        };
        postgres.start_again();
        postgres.execute(
            USER,
            &format!("CREATE ROLE {GUARDED_USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}'"),
        );
        postgres
    }

    /// A new, empty database; its URL.
    #[must_use]
    pub fn create_database(&self) -> String {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.execute(USER, &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// A new, empty schema, which does for whoever does not care about the rest of the database, and costs much less; the URL of it.
    #[must_use]
    pub fn create_schema(&self) -> String {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.execute(USER, &format!("CREATE SCHEMA {name}"));
        format!("{}?options=-csearch_path%3D{name}", self.url(USER))
    }

    /// The URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@localhost:{}/{database}", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements in a database, which is given by its name or its URL; what they print.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-d", database, "-c", sql])
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", USER)
            .output()
            .expect("psql comes with PostgreSQL");
        assert!(
            output.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// Stops it at once, as if the machine had lost its power: what it had answered is on the disk, and what was under way is undone.
    pub fn kill(&self) {
        self.keeper().stop("QUIT");
    }

    /// Starts it after it was stopped, at the same port.
    pub fn start_again(&self) {
        let mut keeper = self.keeper();
        keeper.start();
        let is_ready = || {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status();
            ready.is_ok_and(|status| status.success())
        };
        port::wait_until("PostgreSQL", is_ready, || keeper.log());
    }

    /// What it has said.
    #[must_use]
    pub fn log(&self) -> String {
        self.keeper().log()
    }

    fn keeper(&self) -> std::sync::MutexGuard<'_, Keeper> {
        self.keeper.lock().expect("no test panics with the keeper")
    }
}

/// Makes an empty cluster of databases.
fn make(folder: &Path, data: &Path, programs: &Path, certificate: Option<&Certificate>) {
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).expect("the folder is ours");
    own(folder);
    run(&[
        &programs.join("initdb").display().to_string(),
        "-D",
        &data.display().to_string(),
        "-U",
        USER,
        "--auth=trust",
        "--encoding=UTF8",
        // A language that sorts otherwise than bytes do.
        "--locale=C.UTF-8",
        "--locale-provider=icu",
        "--icu-locale=en",
        "--no-sync",
    ]);
    std::fs::write(data.join("pg_hba.conf"), WHO_IS_LET_IN).expect("the folder is ours");
    if let Some(certificate) = certificate {
        certificate.copy_to(data);
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(data.join("server.key"), private).expect("it was just made");
        own(data);
    }
}

/// Runs a command as whoever runs the server.
fn run(command: &[&str]) {
    let command: Vec<String> = as_user()
        .into_iter()
        .chain(command.iter().map(|word| (*word).to_owned()))
        .collect();
    let output = Command::new(&command[0])
        .args(&command[1..])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", command[0]));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Makes whoever runs the server the owner of a folder.
fn own(folder: &Path) {
    if is_root() {
        let done = Command::new("chown")
            .args(["-R", USER])
            .arg(folder)
            .status();
        assert!(done.is_ok_and(|status| status.success()), "chown failed");
    }
}

/// What goes before a command so that it does not run as root. It becomes the command: signals reach it.
fn as_user() -> Vec<String> {
    if !is_root() {
        return Vec::new();
    }
    [
        "setpriv",
        "--reuid",
        USER,
        "--regid",
        USER,
        "--clear-groups",
    ]
    .map(str::to_owned)
    .into()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Debian keeps the server's programs out of the PATH, by version; the newest are taken.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let mut folders: Vec<(u32, PathBuf)> = versions
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").exists())
        .collect();
    folders.sort();
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    });
    folders
        .pop()
        .map(|(_, folder)| folder)
        .or(on_path)
        .expect("PostgreSQL is missing: apt-get install --no-install-recommends postgresql")
}
