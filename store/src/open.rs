//! Opening the database. SQLite in a data folder, in write-ahead mode: many readers, one writer, every commit on the disk before it is answered.
//! Or PostgreSQL, somewhere else.

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{AnyPool, Executor, any::AnyPoolOptions};
use tokio::task::JoinHandle;

use crate::{
    accounts::Accounts,
    content::{ContentStore, World},
    directory::Directory,
    edits::Edits,
    engine::Engine,
    entities::Entities,
    error::Error,
    regions::Regions,
    writer::Writer,
};

/// How many reads run at once; more wait.
const READERS_MAX: u32 = 4;
/// How long to wait for another process that is writing.
const BUSY_TIMEOUT_MS: u32 = 10_000;
/// The database's name within the data folder.
const FILE_NAME: &str = "pymmorpg.sqlite";
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = ";

/// Which database to open.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// SQLite, in a data folder.
    Embedded(PathBuf),
    /// PostgreSQL, by its URL.
    Postgres(String),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(folder) => write!(f, "{}", folder.display()),
            Self::Postgres(url) => f.write_str(&masked(url)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(folder) => f.debug_tuple("Embedded").field(folder).finish(),
            Self::Postgres(url) => f.debug_tuple("Postgres").field(&masked(url)).finish(),
        }
    }
}

/// The database. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) writer: Writer,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    readers: AnyPool,
    writers: AnyPool,
    writing: Mutex<Option<JoinHandle<()>>>,
    world: tokio::sync::Mutex<Option<Arc<World>>>,
}

/// While this lives, no other process can run a cluster on the data folder.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Store {
    /// Opens the database of a data folder, making both if they are not there. Several processes may have it open.
    ///
    /// # Errors
    /// Names the file that cannot be opened, and why.
    pub async fn embedded(folder: &Path) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        std::fs::create_dir_all(folder).map_err(|source| Error::Folder {
            path: folder.display().to_string(),
            source,
        })?;
        let file = folder.join(FILE_NAME);
        let path = file.display().to_string();
        let url = format!("sqlite://{}?mode=rwc", escaped(&path));
        let open = |source| Error::Open {
            path: path.clone(),
            source,
        };
        let writers = pool(1).connect(&url).await.map_err(open)?;
        migrate(folder, &path, &writers).await?;
        let readers = pool(READERS_MAX).connect(&url).await.map_err(open)?;
        Ok(Self::start(Engine::Sqlite, readers, writers))
    }

    /// Opens a database of PostgreSQL, whose URL begins with `postgres://` or `postgresql://`. Many processes have it open.
    ///
    /// # Errors
    /// Names the URL without its password, and why it cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let path = masked(url);
        let open = |source| Error::Open {
            path: path.clone(),
            source,
        };
        let writers = AnyPoolOptions::new()
            .max_connections(1)
            .connect(url)
            .await
            .map_err(open)?;
        sqlx::migrate!("migrations/postgres")
            .run(&writers)
            .await
            .map_err(|source| Error::Migrate {
                path: path.clone(),
                source,
            })?;
        let readers = AnyPoolOptions::new()
            .max_connections(READERS_MAX)
            .connect(url)
            .await
            .map_err(open)?;
        Ok(Self::start(Engine::Postgres, readers, writers))
    }

    /// Opens either.
    ///
    /// # Errors
    /// Names what cannot be opened, and why.
    pub async fn open(database: &Database) -> Result<Self, Error> {
        match database {
            Database::Embedded(folder) => Self::embedded(folder).await,
            Database::Postgres(url) => Self::connect(url).await,
        }
    }

    fn start(engine: Engine, readers: AnyPool, writers: AnyPool) -> Self {
        let (writer, task) = Writer::new(engine, writers.clone());
        let writing = Mutex::new(Some(tokio::spawn(task)));
        Self {
            writer,
            inner: Arc::new(Inner {
                engine,
                readers,
                writers,
                writing,
                world: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// Whether a folder holds a database of ours. For those who would rather say that it does not than make one.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE_NAME).is_file()
    }

    /// Takes a data folder for one cluster.
    ///
    /// # Errors
    /// Another process has it, or the folder cannot be used.
    pub fn lock(folder: &Path) -> Result<Lock, Error> {
        let path = folder.display().to_string();
        let io = |source| Error::Folder {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(io)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Locked { path: path.clone() }),
            Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Accounts.
    #[must_use]
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts(self)
    }

    /// Rows of entities.
    #[must_use]
    pub fn entities(&self) -> Entities<'_> {
        Entities(self)
    }

    /// What game masters do.
    #[must_use]
    pub fn edits(&self) -> Edits<'_> {
        Edits(self)
    }

    /// Published worlds.
    #[must_use]
    pub fn content(&self) -> ContentStore<'_> {
        ContentStore(self)
    }

    /// Who holds which region.
    #[must_use]
    pub fn regions(&self) -> Regions<'_> {
        Regions(self)
    }

    /// Zone servers.
    #[must_use]
    pub fn directory(&self) -> Directory<'_> {
        Directory(self)
    }

    /// Lets what is queued be written, and closes the database. Other clones' operations fail from then on.
    pub async fn close(self) {
        let Self { writer, inner } = self;
        drop(writer);
        let task = inner
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The writer ends when the last handle to its queue is gone; a clone that somebody forgot must not keep us.
        if let Some(mut task) = task
            && tokio::time::timeout(CLOSE_TIMEOUT, &mut task)
                .await
                .is_err()
        {
            task.abort();
        }
        inner.readers.close().await;
        inner.writers.close().await;
    }

    pub(crate) fn engine(&self) -> Engine {
        self.inner.engine
    }

    pub(crate) fn reader(&self) -> &AnyPool {
        &self.inner.readers
    }

    /// The content version that was read last.
    pub(crate) fn world(&self) -> &tokio::sync::Mutex<Option<Arc<World>>> {
        &self.inner.world
    }
}

/// Brings the schema up to date. Of several processes that open a database at once, each waits until the one before is done.
async fn migrate(folder: &Path, path: &str, database: &AnyPool) -> Result<(), Error> {
    let file = folder.join("migrate.lock");
    let wait = move || {
        let file = File::create(file)?;
        file.lock()?;
        Ok(file)
    };
    let _lock = tokio::task::spawn_blocking(wait)
        .await
        .map_err(|_| Error::Closing)?
        .map_err(|source| Error::Folder {
            path: folder.display().to_string(),
            source,
        })?;
    sqlx::migrate!("migrations/sqlite")
        .run(database)
        .await
        .map_err(|source| Error::Migrate {
            path: path.to_owned(),
            source,
        })
}

/// How long [`Store::close`] waits for clones of the store to go.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

fn pool(connection_count_max: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connection_count_max)
        .after_connect(|connection, _| {
            Box::pin(async move {
                let sql = format!("{PRAGMAS}{BUSY_TIMEOUT_MS}");
                connection.execute(sqlx::AssertSqlSafe(sql)).await?;
                Ok(())
            })
        })
}

/// A path as a part of a URL.
fn escaped(path: &str) -> String {
    path.replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
}

/// A URL without its password.
pub(crate) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user, |(user, _)| user);
            format!("{scheme}://{user}@{host}{path}")
        }
        None => url.to_owned(),
    }
}
