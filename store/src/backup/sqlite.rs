//! SQLite: the backup is a database too, compact, as it was at one moment.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use super::{
    Done, Error, OF_RUNS, Report, check_schema, draft::Draft, file_error, no_backup, reporting,
    schema, size,
};
use crate::{Database, Store, folder::FILE_NAME, open::BUSY_TIMEOUT};

/// What may lie in a data folder that is empty.
const LOCKS: [&str; 2] = ["lock", "migrate.lock"];
/// What belongs to a database.
pub(super) const OF_DATABASE: [&str; 5] = [
    FILE_NAME,
    "pymmorpg.sqlite-wal",
    "pymmorpg.sqlite-shm",
    "lock",
    "migrate.lock",
];
/// How much is copied at a time.
const COPY_BYTES: usize = 1 << 20;
/// How many problems of a file are told.
const PROBLEMS_MAX: u32 = 3;

pub(super) async fn back_up(
    database: &Database,
    folder: &Path,
    file: &Path,
    report: Report<'_>,
) -> Result<Done, Error> {
    let sql = |source| Error::Sql {
        database: database.clone(),
        source,
    };
    if !Store::exists(folder) {
        return Err(Error::Nothing(database.clone()));
    }
    let source = folder.join(FILE_NAME);
    let mut connection = open(&source).connect().await.map_err(sql)?;
    let found = schema::of_sqlite(&mut connection).await.map_err(sql)?;
    if found.version() == 0 {
        return Err(Error::Nothing(database.clone()));
    }
    let version = check_schema(database.to_string(), found.version())?;
    let draft = Draft::begin(file)?;
    let written = draft.path().to_owned();
    let total = size(&source);
    // One read transaction: those who write meanwhile are not kept waiting, and what they write is not in it.
    let path = written.display().to_string();
    let copy = sqlx::query("VACUUM INTO $1")
        .bind(&path)
        .execute(&mut connection);
    reporting(copy, || report(size(&written), Some(total)))
        .await
        .map_err(sql)?;
    let closed = connection.close().await;
    closed.map_err(sql)?;
    forget_runs(&written).await.map_err(sql)?;
    draft.finish()?;
    Ok(Done {
        byte_count: size(file),
        schema: version,
    })
}

/// Takes out of a backup who ran, and leaves it as one file.
async fn forget_runs(path: &Path) -> Result<(), sqlx::Error> {
    let one_file = open(path).journal_mode(SqliteJournalMode::Delete);
    let mut connection = one_file.connect().await?;
    for table in OF_RUNS {
        let has = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1";
        let count: i64 = sqlx::query_scalar(has)
            .bind(table)
            .fetch_one(&mut connection)
            .await?;
        if count > 0 {
            let sql = AssertSqlSafe(format!("DELETE FROM {table}"));
            sqlx::query(sql).execute(&mut connection).await?;
        }
    }
    connection.close().await
}

pub(super) async fn restore(
    database: &Database,
    folder: &Path,
    file: &Path,
    replace: bool,
    report: Report<'_>,
) -> Result<Done, Error> {
    let schema = verify(file).await?;
    if !replace && !is_empty(folder)? {
        return Err(Error::NotEmpty(database.to_string()));
    }
    // Held to the end: nobody runs a cluster on it.
    let _lock = Store::lock(folder)?;
    let target = folder.join(FILE_NAME);
    let draft = Draft::begin(&target)?;
    let done = Arc::new(AtomicU64::new(0));
    let (from, to, counted) = (file.to_owned(), draft.path().to_owned(), Arc::clone(&done));
    let copying = tokio::task::spawn_blocking(move || copy(&from, &to, &counted));
    let total = size(file);
    reporting(copying, || {
        report(done.load(Ordering::Relaxed), Some(total));
    })
    .await
    .unwrap_or_else(|error| Err(io::Error::other(error)))
    .map_err(|source| file_error(draft.path(), source))?;
    give_to_owner(draft.path(), folder)?;
    let aside = set_aside_log(&target).await?;
    if let Err(error) = draft.finish() {
        // The database is the old one, and what is only in its log belongs to it.
        for (log, other) in aside {
            fs::rename(&other, &log).map_err(|source| file_error(&other, source))?;
        }
        return Err(error);
    }
    for (_, other) in aside {
        fs::remove_file(&other).map_err(|source| file_error(&other, source))?;
    }
    Ok(Done {
        byte_count: total,
        schema,
    })
}

/// Whether a file is whole, and of which schema.
async fn verify(file: &Path) -> Result<i64, Error> {
    let wrong = |source: sqlx::Error| no_backup(file, source.to_string());
    // It is read as it is, without whatever lies beside it.
    let options = open(file).read_only(true).immutable(true);
    let mut connection = options.connect().await.map_err(wrong)?;
    let check = format!("PRAGMA integrity_check({PROBLEMS_MAX})");
    let problems: Vec<String> = sqlx::query_scalar(AssertSqlSafe(check))
        .fetch_all(&mut connection)
        .await
        .map_err(wrong)?;
    if problems != ["ok"] {
        return Err(no_backup(file, problems.join("; ")));
    }
    let found = schema::of_sqlite(&mut connection).await.map_err(wrong)?;
    connection.close().await.map_err(wrong)?;
    if found.version() == 0 {
        return Err(no_backup(file, "none of its tables are there"));
    }
    check_schema(file.display().to_string(), found.version())
}

fn is_empty(folder: &Path) -> Result<bool, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(source) => return Err(file_error(folder, source)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| file_error(folder, source))?;
        if !LOCKS.iter().any(|lock| entry.file_name() == *lock) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn copy(from: &Path, to: &Path, done: &AtomicU64) -> io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::options().write(true).open(to)?);
    let mut some = vec![0; COPY_BYTES];
    loop {
        let count = from.read(&mut some)?;
        if count == 0 {
            return to.sync_all();
        }
        to.write_all(some.get(..count).unwrap_or_default())?;
        done.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Whoever restores as root does so for whom the folder belongs to, who could not read the file otherwise.
#[cfg(unix)]
fn give_to_owner(path: &Path, folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::{MetadataExt, chown};
    let give = || -> io::Result<()> {
        let (folder, file) = (fs::metadata(folder)?, fs::metadata(path)?);
        if folder.uid() == file.uid() {
            return Ok(());
        }
        chown(path, Some(folder.uid()), Some(folder.gid()))
    };
    match give() {
        // Who is not root keeps it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        given => given.map_err(|source| file_error(path, source)),
    }
}

#[cfg(not(unix))]
fn give_to_owner(_path: &Path, _folder: &Path) -> Result<(), Error> {
    Ok(())
}

/// The log of a database belongs to it: beside another one it would be taken for its own, and spoil it. It is written into its database; if that cannot be
/// done, because the database is broken, it is put aside. What is to be removed once the other is in its place.
async fn set_aside_log(target: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    if target.exists()
        && let Ok(mut connection) = open(target).connect().await
    {
        // Whether it could be done is seen by what is left.
        let truncate = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
        let _done = truncate.execute(&mut connection).await;
        let _closed = SqliteConnection::close(connection).await;
    }
    let mut aside = Vec::new();
    for suffix in ["-wal", "-shm"] {
        let with = |more: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(suffix);
            name.push(more);
            PathBuf::from(name)
        };
        let (log, other) = (with(""), with(".replaced"));
        if log.exists() {
            fs::rename(&log, &other).map_err(|source| file_error(&log, source))?;
            aside.push((log, other));
        }
    }
    Ok(aside)
}

fn open(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}
