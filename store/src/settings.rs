//! Which database and which Redis a process works with, from what an operator has set to what is open. It does not know where settings come from.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use crate::{
    Database, Lock, Store,
    announce::{Announcements, InProcess, Topic},
    database::masked,
    redis,
    sessions::{InMemory, Sessions},
};

/// How long a command waits for Redis to pass an announcement on. Without it, everybody notices within a second all the same.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a process waits at its start for a database server that is not there: one that starts at the same moment, or is started again, takes
/// seconds. One that is not there for longer is taken for a wrong URL.
const DATABASE_PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two attempts.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// What is set about the database and Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    database: Database,
    redis: Option<String>,
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Wrong {
    /// `sql` or `redis`.
    pub key: &'static str,
    /// Why.
    pub problem: &'static str,
}

/// Why there is nothing to work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database or Redis cannot be used.
    #[error(transparent)]
    Store(#[from] crate::Error),
    /// There is no world in the database.
    #[error(
        "no world has been published in {database}; publish one with `pymmorpg world publish DIR {flag} {database}`"
    )]
    NothingPublished {
        /// The database, without its password.
        database: Database,
        /// The flag that names it.
        flag: &'static str,
    },
}

/// What a process works with.
#[derive(Debug)]
pub struct Opened {
    /// The database.
    pub store: Store,
    /// Who is logged in where.
    pub sessions: Arc<dyn Sessions>,
    /// "Look now".
    pub announcements: Arc<dyn Announcements>,
    /// Held for as long as the process runs a cluster on an embedded database; PostgreSQL needs none.
    pub lock: Option<Lock>,
}

impl Settings {
    /// A database of PostgreSQL if its URL is set, or else the one in the data folder.
    ///
    /// # Errors
    /// A URL is none.
    pub fn new(sql: Option<String>, redis: Option<String>, data: PathBuf) -> Result<Self, Wrong> {
        let is_redis = |url: &String| url.starts_with("redis://") || url.starts_with("rediss://");
        if !redis.as_ref().is_none_or(is_redis) {
            return Err(Wrong {
                key: "redis",
                problem: "expected redis://host:port, or rediss://host:port for TLS",
            });
        }
        let database = match sql {
            None => Database::Embedded(data),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Database::Postgres(url)
            }
            Some(_) => {
                return Err(Wrong {
                    key: "sql",
                    problem: "expected postgres://user:password@host/database",
                });
            }
        };
        Ok(Self { database, redis })
    }

    /// For one process of several, which cannot share a data folder.
    ///
    /// # Errors
    /// A URL is none, or there is none of PostgreSQL.
    pub fn shared(sql: Option<String>, redis: Option<String>) -> Result<Self, Wrong> {
        if sql.is_none() {
            return Err(Wrong {
                key: "sql",
                problem: "is not set: the processes of a cluster share one PostgreSQL, --sql postgres://user:password@host/database \
                          (`pymmorpg up` is all of them in one process and needs none)",
            });
        }
        Self::new(sql, redis, PathBuf::new())
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The flag that names the database.
    #[must_use]
    pub fn flag(&self) -> &'static str {
        match self.database {
            Database::Embedded(_) => "--data",
            Database::Postgres(_) => "--sql",
        }
    }

    /// Opens all of it. An embedded database is locked: no other process can run a cluster on it. A database server that is not there yet is waited
    /// for, and not for long.
    ///
    /// # Errors
    /// What cannot be used, and why.
    pub async fn open(&self) -> Result<Opened, crate::Error> {
        let end = Instant::now() + DATABASE_PATIENCE;
        let mut is_said = false;
        loop {
            match self.open_now().await {
                Err(error) if is_away(&error) && Instant::now() + DATABASE_PAUSE < end => {
                    if !std::mem::replace(&mut is_said, true) {
                        let reason = &error as &dyn std::error::Error;
                        tracing::info!(reason, "waiting for the database");
                    }
                }
                outcome => return outcome,
            }
            sleep(DATABASE_PAUSE).await;
        }
    }

    /// Opens all of it, for a service that cannot be without a world.
    ///
    /// # Errors
    /// What cannot be used, and why; or there is no world.
    pub async fn open_published(&self) -> Result<Opened, Error> {
        let opened = self.open().await?;
        let current = opened.store.content().current().await;
        if !matches!(current, Ok(Some(_))) {
            opened.store.close().await;
            current?;
            return Err(Error::NothingPublished {
                database: self.database.clone(),
                flag: self.flag(),
            });
        }
        Ok(opened)
    }

    async fn open_now(&self) -> Result<Opened, crate::Error> {
        let lock = match &self.database {
            Database::Embedded(folder) => Some(Store::lock(folder)?),
            Database::Postgres(_) => None,
        };
        let store = Store::open(&self.database).await?;
        let (sessions, announcements): (Arc<dyn Sessions>, Arc<dyn Announcements>) =
            match &self.redis {
                Some(url) => {
                    let hints = redis::connect(url).await?;
                    (hints.sessions, hints.announcements)
                }
                None => (
                    Arc::new(InMemory::default()),
                    Arc::new(InProcess::default()),
                ),
            };
        Ok(Opened {
            store,
            sessions,
            announcements,
            lock,
        })
    }

    /// Whether Redis answers: its URL without its password, and how long the answer took if one came. None: none is set. It waits no longer than any process
    /// would.
    ///
    /// # Errors
    /// The URL is none.
    pub async fn try_redis(&self) -> Result<Option<(String, Option<Duration>)>, crate::Error> {
        let Some(url) = &self.redis else {
            return Ok(None);
        };
        let hints = redis::connect(url).await?;
        let asked = Instant::now();
        let answer = hints.sessions.get("").await;
        let took = answer.is_ok().then(|| asked.elapsed());
        Ok(Some((masked(url), took)))
    }

    /// Announces for a process that is about to end, if there is a Redis: once this has returned, others have been told. That they were not is no
    /// error, for they look every second.
    ///
    /// # Errors
    /// The URL is none.
    pub async fn announce(&self, topic: Topic) -> Result<(), crate::Error> {
        let Some(url) = &self.redis else {
            return Ok(());
        };
        // What the one hears has left the other.
        let (speaker, listener) = (redis::connect(url).await?, redis::connect(url).await?);
        let mut heard = listener.announcements.listen(topic);
        heard.mark_unchanged();
        speaker.announcements.announce(topic);
        if timeout(ANNOUNCE_TIMEOUT, heard.changed()).await.is_err() {
            tracing::debug!(?topic, "redis did not pass the announcement on");
        }
        Ok(())
    }
}

/// Whether the database server is not there, or not yet: nothing that it says will be wrong for good.
fn is_away(error: &crate::Error) -> bool {
    use sqlx::migrate::MigrateError;
    use std::io::ErrorKind;
    let source = match error {
        crate::Error::Open { source, .. } => source,
        crate::Error::Migrate {
            source: MigrateError::Execute(source),
            ..
        } => source,
        _ => return false,
    };
    match source {
        sqlx::Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
                | ErrorKind::TimedOut
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
        ),
        // The server starts, or stops.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| ["57P01", "57P02", "57P03"].contains(&code.as_ref())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn which_database_it_is() {
        let folder = || PathBuf::from("data");
        let embedded = Settings::new(None, None, folder()).unwrap();
        assert_eq!(embedded.database(), &Database::Embedded(folder()));
        assert_eq!(embedded.flag(), "--data");
        for url in ["postgres://db/x", "postgresql://a:b@db:5432/x"] {
            let postgres = Settings::new(some(url), some("redis://r"), folder()).unwrap();
            assert_eq!(postgres.database(), &Database::Postgres(url.to_owned()));
            assert_eq!(postgres.flag(), "--sql");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        let key = |sql, redis| {
            Settings::new(sql, redis, PathBuf::new())
                .map_err(|wrong| wrong.key)
                .unwrap_err()
        };
        assert_eq!(key(some("mysql://db/x"), None), "sql");
        assert_eq!(key(some("db"), None), "sql");
        assert_eq!(key(some(""), None), "sql");
        assert_eq!(key(None, some("http://r")), "redis");
        assert_eq!(Settings::shared(None, None).unwrap_err().key, "sql");
        assert!(Settings::shared(some("postgres://db/x"), None).is_ok());
    }

    #[tokio::test]
    async fn a_folder_with_no_world_is_said_to_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::new(None, None, folder.path().to_owned()).unwrap();
        let error = settings.open_published().await.unwrap_err().to_string();
        let path = folder.path().display();
        assert_eq!(
            error,
            format!(
                "no world has been published in {path}; publish one with `pymmorpg world publish DIR --data {path}`"
            )
        );
        // What was opened in vain is free again.
        let opened = settings.open().await.unwrap();
        assert!(opened.lock.is_some());
        assert!(matches!(
            settings.open().await,
            Err(crate::Error::Locked { .. })
        ));
        opened.store.close().await;
    }

    #[tokio::test]
    async fn whether_redis_answers() {
        let server = servers::Redis::start();
        let url = server.url();
        let settings = |url| Settings::new(None, url, PathBuf::new()).unwrap();
        assert_eq!(settings(None).try_redis().await.unwrap(), None);
        let command = settings(some(&url));
        let answer = command.try_redis().await.unwrap();
        let (shown, took) = answer.unwrap();
        assert!(shown == url && took.is_some());
        drop(server);
        assert_eq!(command.try_redis().await.unwrap(), Some((url, None)));
    }

    #[tokio::test]
    async fn what_a_command_announces_has_been_passed_on_when_it_ends() {
        let server = servers::Redis::start();
        let listener = redis::connect(&server.url()).await.unwrap();
        let mut heard = listener.announcements.listen(Topic::Flags);
        heard.mark_unchanged();
        let settings = |url| Settings::new(None, url, PathBuf::new()).unwrap();
        let command = settings(some(&server.url()));
        command.announce(Topic::Directory).await.unwrap();
        assert!(!heard.has_changed().unwrap());
        command.announce(Topic::Flags).await.unwrap();
        let heard = timeout(Duration::from_secs(10), heard.changed()).await;
        assert!(heard.is_ok());

        let begun = Instant::now();
        settings(None).announce(Topic::Flags).await.unwrap();
        assert!(
            begun.elapsed() < ANNOUNCE_TIMEOUT,
            "there is nobody to tell"
        );
        drop(server);
        command.announce(Topic::Flags).await.unwrap();
    }
}
