//! Opening the database, and closing it. SQLite in a data folder, in write-ahead mode: many readers, one writer, every commit on the disk before it
//! is answered. Or PostgreSQL, somewhere else.

use std::{
    path::Path,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{ConnectOptions, any::AnyConnectOptions, sqlite::SqliteConnectOptions};
use tokio::task::JoinHandle;

use crate::{
    accounts::Accounts,
    connections::Connections,
    content::{ContentStore, World},
    database::{Database, masked},
    directory::Directory,
    edits::Edits,
    engine::Engine,
    entities::Entities,
    error::Error,
    folder::FILE_NAME,
    migrate, postgres,
    processes::Processes,
    reads::Reads,
    regions::Regions,
    writer::Writer,
};

/// How many reads run at once; more wait.
const READERS_MAX: u32 = 4;
/// How many reads of the directory run at once, beside the others.
const CONTROL_READERS_MAX: u32 = 2;
/// How long SQLite waits for another process that is writing.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = ";
/// How long a heartbeat may take: the next one is worth more than one that is late.
const CONTROL_DEADLINE: Duration = Duration::from_secs(2);
/// How long publishing may take, a slow line for all files of a world included.
const PUBLISH_DEADLINE: Duration = Duration::from_secs(300);
/// How long [`Store::close`] waits for clones of the store to go.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The database. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    /// What happens in the world.
    pub(crate) writer: Writer,
    /// Who is there and who holds what: a heartbeat must not wait behind a thousand saves. With SQLite, which has one writer, it is the same.
    pub(crate) control: Writer,
    /// What takes long. With SQLite it is the same.
    pub(crate) publisher: Writer,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    reads: Reads,
    control_reads: Reads,
    connections: Vec<Arc<Connections>>,
    writing: Mutex<Vec<JoinHandle<()>>>,
    world: tokio::sync::Mutex<Option<Arc<World>>>,
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
        let open = |source| Error::Open {
            path: path.clone(),
            source,
        };
        let make = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true);
        migrate::sqlite(folder, make, &path).await?;
        let url = format!("sqlite://{}?mode=rw", escaped(&path));
        let options = AnyConnectOptions::from_str(&url)
            .map_err(open)?
            .disable_statement_logging();
        let setup = format!("{PRAGMAS}{}", BUSY_TIMEOUT.as_millis());
        let lane = |count| Arc::new(Connections::new(options.clone(), setup.clone(), count));
        let (written, read) = (lane(1), lane(READERS_MAX));
        written.try_out().await.map_err(open)?;
        let engine = Engine::Sqlite;
        let (writer, writing) =
            Writer::new("game", engine, Arc::clone(&written), engine.deadline());
        let reads = Reads::new(engine, Arc::clone(&read), engine.deadline());
        Ok(Self {
            control: writer.clone(),
            publisher: writer.clone(),
            writer,
            inner: Arc::new(Inner {
                engine,
                control_reads: reads.clone(),
                reads,
                connections: vec![written, read],
                writing: Mutex::new(vec![tokio::spawn(writing)]),
                world: tokio::sync::Mutex::default(),
            }),
        })
    }

    /// Opens a database of PostgreSQL, whose URL begins with `postgres://` or `postgresql://`. Many processes have it open.
    ///
    /// # Errors
    /// Names the URL without its password, and why it cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let path = masked(url);
        let wrong = |source| Error::SqlUrl {
            url: path.clone(),
            source,
        };
        let direct = postgres::options(url).map_err(wrong)?;
        postgres::reach(&direct)
            .await
            .map_err(|source| Error::Open {
                path: path.clone(),
                source,
            })?;
        migrate::postgres(&direct, &path).await?;
        let options = AnyConnectOptions::from_str(url)
            .map_err(wrong)?
            .disable_statement_logging();
        let engine = Engine::Postgres;
        let lane = |count, deadline| {
            let setup = postgres::setup(deadline);
            Arc::new(Connections::new(options.clone(), setup, count))
        };
        let written = lane(1, engine.deadline());
        let beaten = lane(1, CONTROL_DEADLINE);
        let published = lane(1, PUBLISH_DEADLINE);
        let read = lane(READERS_MAX, engine.deadline());
        let looked = lane(CONTROL_READERS_MAX, CONTROL_DEADLINE);
        let (writer, writing) =
            Writer::new("game", engine, Arc::clone(&written), engine.deadline());
        let (control, beating) =
            Writer::new("directory", engine, Arc::clone(&beaten), CONTROL_DEADLINE);
        let (publisher, publishing) =
            Writer::new("content", engine, Arc::clone(&published), PUBLISH_DEADLINE);
        Ok(Self {
            writer,
            control,
            publisher,
            inner: Arc::new(Inner {
                engine,
                reads: Reads::new(engine, Arc::clone(&read), engine.deadline()),
                control_reads: Reads::new(engine, Arc::clone(&looked), CONTROL_DEADLINE),
                connections: vec![written, beaten, published, read, looked],
                writing: Mutex::new(vec![
                    tokio::spawn(writing),
                    tokio::spawn(beating),
                    tokio::spawn(publishing),
                ]),
                world: tokio::sync::Mutex::default(),
            }),
        })
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

    /// Services, for operators.
    #[must_use]
    pub fn processes(&self) -> Processes<'_> {
        Processes(self)
    }

    /// Lets what is queued be written, and closes the database. Other clones' operations fail from then on.
    pub async fn close(self) {
        let Self {
            writer,
            control,
            publisher,
            inner,
        } = self;
        drop((writer, control, publisher));
        let tasks =
            std::mem::take(&mut *inner.writing.lock().unwrap_or_else(PoisonError::into_inner));
        // A writer ends when the last handle to its queue is gone; a clone that somebody forgot must not keep us.
        let deadline = tokio::time::Instant::now() + CLOSE_TIMEOUT;
        for mut task in tasks {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
        for connections in &inner.connections {
            connections.close().await;
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.inner.engine
    }

    pub(crate) fn reads(&self) -> &Reads {
        &self.inner.reads
    }

    /// Reads that do not wait behind others: of who is there and who holds what.
    pub(crate) fn control_reads(&self) -> &Reads {
        &self.inner.control_reads
    }

    /// The content version that was read last.
    pub(crate) fn world(&self) -> &tokio::sync::Mutex<Option<Arc<World>>> {
        &self.inner.world
    }
}

/// A path as a part of a URL.
fn escaped(path: &str) -> String {
    path.replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
}
