//! Brings a schema up to date. Of several processes that open a database at once, each waits until the one before is done.

use std::{fs::File, path::Path, time::Duration};

use sqlx::{
    ConnectOptions, Connection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};
use tokio::time::timeout;

use crate::{connections::late, error::Error};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
/// How long it may take, waiting for others included.
const MIGRATE_DEADLINE: Duration = Duration::from_secs(60);

/// The database in a data folder, made if it is not there. `path` is how it is named to people.
pub(crate) async fn sqlite(
    folder: &Path,
    options: SqliteConnectOptions,
    path: &str,
) -> Result<(), Error> {
    let lock = folder.join("migrate.lock");
    let wait = move || {
        let file = File::create(lock)?;
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
    let mut connection = options.connect().await.map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })?;
    let migrated = SQLITE.run(&mut connection).await;
    let closed = connection.close().await;
    migrated.map_err(|error| refused(error, path))?;
    closed.map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })
}

/// A database of a server, which itself keeps others waiting meanwhile (an advisory lock that ends with the connection).
pub(crate) async fn postgres(options: &PgConnectOptions, path: &str) -> Result<(), Error> {
    let migrate = async {
        let mut connection = options.connect().await.map_err(MigrateError::Execute)?;
        POSTGRES.run(&mut connection).await?;
        // All is done; whether the server hears that we go is its own affair.
        let _closed = connection.close().await;
        Ok(())
    };
    timeout(MIGRATE_DEADLINE, migrate)
        .await
        .unwrap_or_else(|_| Err(MigrateError::Execute(late("it took too long"))))
        .map_err(|error| refused(error, path))
}

fn refused(error: MigrateError, path: &str) -> Error {
    match error {
        // It is in the database, and we do not know it.
        MigrateError::VersionMissing(_) => Error::Newer {
            path: path.to_owned(),
        },
        source => Error::Migrate {
            path: path.to_owned(),
            source,
        },
    }
}
