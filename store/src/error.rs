//! What can go wrong between us and the database. Refusals are not errors: each operation's outcome names its own.

use crate::schema::Refused;

/// A database operation that did not come to an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The outcome is not known: the operation may have happened. Whoever holds state that it would have changed must
    /// drop that state and read it again.
    #[error("the database did not answer; the outcome is unknown")]
    Unknown(#[source] sqlx::Error),
    /// Nothing happened: the queue of writes is closed because the process is stopping.
    #[error("the store is closing")]
    Closing,
    /// The database holds something that this program cannot read.
    #[error("the database holds an unreadable {what} of {name:?}")]
    Corrupt {
        /// The column or kind.
        what: &'static str,
        /// Whose.
        name: String,
    },
    /// What was published cannot be served by this program.
    #[error(
        "content version {version} cannot be served ({problem}); publish the world again, or `pymmorpg world rollback` to an earlier version"
    )]
    Unservable {
        /// The version.
        version: u64,
        /// The first thing that is wrong with it.
        problem: String,
    },
    /// The database cannot be opened.
    #[error("cannot open the database {path}")]
    Open {
        /// The file, or the URL without its password.
        path: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// It is no URL of PostgreSQL.
    #[error(
        "{url:?} is no URL of PostgreSQL: expected postgres://user:password@host:port/database"
    )]
    SqlUrl {
        /// The URL, without its password.
        url: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The database was made or changed by a later program, and this one cannot work with it.
    #[error(
        "the schema of {path} is newer than this program ({}): {refused}; use the program that made it, or a later one",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The file, or the URL without its password.
        path: String,
        /// Its schema.
        refused: Refused,
    },
    /// The database's schema cannot be brought up to date.
    #[error("cannot bring the schema of {path} up to date")]
    Migrate {
        /// The file, or the URL without its password.
        path: String,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// It is no URL of Redis.
    #[error("{url:?} is no URL of Redis: expected redis://host:port, or rediss:// for TLS")]
    RedisUrl {
        /// The URL, without its password.
        url: String,
        /// Why.
        #[source]
        source: redis::RedisError,
    },
    /// Redis did not do what it was asked for. What it is asked for can be done without.
    #[error("redis at {url} did not answer")]
    Redis {
        /// Its URL, without its password.
        url: String,
        /// Why.
        #[source]
        source: redis::RedisError,
    },
    /// The data folder cannot be used.
    #[error("cannot use the data folder {path}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process is using the data folder.
    #[error(
        "the data folder {path} is in use by another pymmorpg process; stop it, or choose another folder with --data"
    )]
    Locked {
        /// The folder.
        path: String,
    },
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Unknown(error)
    }
}
