//! All that lasts, in one file, and back again: of SQLite a copy of its file, of PostgreSQL an archive that its own programs write and read. Nothing is
//! touched before it is known that it can be done, and what is written has another name until it is whole and on the disk.
//!
//! Who ran is not in it: [`crate::directory`] and [`crate::processes`] begin empty, and whoever starts on what was restored takes every region and every
//! row from holders that do not live.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Database, folder::FILE_NAME, migrate, schema};

mod draft;
mod postgres;
mod sqlite;
mod tools;

/// How long it may take. Whoever has more than that can be read, or written, needs what his database has for it.
const DURATION_MAX: Duration = Duration::from_secs(12 * 3_600);
/// How often it is told how far it has come.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// Every table of ours. A test compares them with those that there are.
const TABLES: [&str; 15] = [
    "_sqlx_migrations",
    "schema_versions",
    "entities",
    "accounts",
    "audit",
    "map_edits",
    "maps",
    "versions",
    "content_versions",
    "content_maps",
    "content_files",
    "content_chunks",
    "regions",
    "zone_servers",
    "processes",
];
/// Those whose rows are of runs that nobody can bring back.
const OF_RUNS: [&str; 2] = ["zone_servers", "processes"];

/// Is told how many bytes are done, and of how many if that is known.
pub type Report<'r> = &'r (dyn Fn(u64, Option<u64>) + Send + Sync);

/// What was written, or brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The size of the backup.
    pub byte_count: u64,
    /// The schema of what is in it.
    pub schema: i64,
}

/// Why there is no backup, or nothing was brought back. Unless it says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would overwrite something.
    #[error("{} is there already; name another file, or say --replace", .0.display())]
    Exists(PathBuf),
    /// It is the database, or a file that belongs to it.
    #[error("{} belongs to the database itself; name another file", .0.display())]
    Itself(PathBuf),
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] crate::Error),
    /// The database does not do what it is asked for.
    #[error("the database {database} refuses")]
    Sql {
        /// Which.
        database: Database,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// There is nothing of ours in the database.
    #[error("there is no pymmorpg in {0}: nothing to back up")]
    Nothing(Database),
    /// It is no backup.
    #[error("{} is no backup of pymmorpg: {problem}", path.display())]
    NoBackup {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It is a backup of another kind of database.
    #[error("{} is a backup of {kind}; name the database with {flag}", path.display())]
    OtherKind {
        /// Which file.
        path: PathBuf,
        /// Of what.
        kind: &'static str,
        /// How such a database is named.
        flag: &'static str,
    },
    /// What is in a database, or in a backup, is of a later schema.
    #[error(
        "{what} has schema {version}, and this program ({}) knows {known}; use a later one",
        env!("CARGO_PKG_VERSION")
    )]
    Later {
        /// What.
        what: String,
        /// Its schema.
        version: i64,
        /// The latest that this program knows.
        known: i64,
    },
    /// There is something where it would be restored.
    #[error("{0} is not empty; restore into another one, or say --replace to lose what is there")]
    NotEmpty(String),
    /// Somebody works with it.
    #[error(
        "{database} is in use: {user}; stop it first (who has just died counts as running for a few seconds more)"
    )]
    InUse {
        /// The database.
        database: Database,
        /// By whom.
        user: String,
    },
    /// A program of PostgreSQL's is missing, or is too old.
    #[error(
        "{program}: {problem}; it comes with PostgreSQL's client programs (on Debian, postgresql-client)"
    )]
    Tool {
        /// Which.
        program: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A program of PostgreSQL's has failed.
    #[error("{program} has failed: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// It was not done in time.
    #[error("it took longer than {} h", DURATION_MAX.as_secs() / 3_600)]
    Late,
}

/// Writes a backup while others work with the database. A file that is there is replaced only if `replace` says so, and only by one that is whole.
///
/// # Errors
/// Why there is none.
pub async fn back_up(
    database: &Database,
    file: &Path,
    replace: bool,
    report: Report<'_>,
) -> Result<Done, Error> {
    check_apart(database, file)?;
    if file.exists() && !replace {
        return Err(Error::Exists(file.to_owned()));
    }
    let write = async {
        match database {
            Database::Embedded(folder) => sqlite::back_up(database, folder, file, report).await,
            Database::Postgres(url) => postgres::back_up(database, url, file, report).await,
        }
    };
    in_time(write).await
}

/// Brings back what is in a backup, into a folder or a database that is empty; or in place of what is there, if `replace` says so.
///
/// # Errors
/// Why it was not. What was there before is there then.
pub async fn restore(
    database: &Database,
    file: &Path,
    replace: bool,
    report: Report<'_>,
) -> Result<Done, Error> {
    check_apart(database, file)?;
    let (is_of, other) = match database {
        Database::Embedded(_) => (Kind::Sqlite, ("PostgreSQL", "--sql URL")),
        Database::Postgres(_) => (Kind::Postgres, ("SQLite", "--data DIR")),
    };
    if kind(file)? != is_of {
        let (kind, flag) = other;
        return Err(Error::OtherKind {
            path: file.to_owned(),
            kind,
            flag,
        });
    }
    let read = async {
        match database {
            Database::Embedded(folder) => {
                sqlite::restore(database, folder, file, replace, report).await
            }
            Database::Postgres(url) => {
                postgres::restore(database, url, file, replace, report).await
            }
        }
    };
    in_time(read).await
}

async fn in_time(work: impl Future<Output = Result<Done, Error>>) -> Result<Done, Error> {
    tokio::time::timeout(DURATION_MAX, work)
        .await
        .unwrap_or(Err(Error::Late))
}

/// Refuses a backup that would take the place of the database while others write to it, or whose restore would forget what is in the log beside it.
fn check_apart(database: &Database, file: &Path) -> Result<(), Error> {
    let Database::Embedded(folder) = database else {
        return Ok(());
    };
    let parent = file.parent().filter(|it| !it.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let is_here = match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent == folder,
        _ => false,
    };
    let is_named = file
        .file_name()
        .is_some_and(|name| sqlite::OF_DATABASE.iter().any(|one| name == *one));
    // By a link as well.
    let is_same = match (file.canonicalize(), folder.join(FILE_NAME).canonicalize()) {
        (Ok(file), Ok(database)) => file == database,
        _ => false,
    };
    match (is_here && is_named) || is_same {
        true => Err(Error::Itself(file.to_owned())),
        false => Ok(()),
    }
}

/// What a file is a backup of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// By the file's first bytes.
fn kind(path: &Path) -> Result<Kind, Error> {
    let mut first = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut first))
        .map_err(|source| file_error(path, source))?;
    if first.starts_with(b"SQLite format 3\0") {
        Ok(Kind::Sqlite)
    } else if first.starts_with(b"PGDMP") {
        Ok(Kind::Postgres)
    } else {
        Err(no_backup(
            path,
            "it is neither a database of SQLite nor an archive of PostgreSQL's pg_dump",
        ))
    }
}

/// Whether this program knows all that belongs to a schema.
fn check_schema(what: String, version: i64) -> Result<i64, Error> {
    let known = migrate::known();
    if version > known {
        return Err(Error::Later {
            what,
            version,
            known,
        });
    }
    Ok(version)
}

fn no_backup(path: &Path, problem: impl Into<String>) -> Error {
    Error::NoBackup {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}

/// Waits for something, and tells meanwhile how far it has come.
async fn reporting<T>(work: impl Future<Output = T>, mut report: impl FnMut()) -> T {
    let mut work = std::pin::pin!(work);
    let mut interval = tokio::time::interval(REPORT_INTERVAL);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = interval.tick() => report(),
        }
    }
}
