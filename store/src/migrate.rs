//! Brings a schema up to date. Of several processes that open a database at once, each waits until the one before is done. A schema that is later
//! than this program is left as it is: whether the program can work with it is for [`crate::schema`] to say.

use std::{fs::File, path::Path, time::Duration};

use sqlx::{
    ConnectOptions, Connection,
    migrate::{Migrate, MigrateError, Migrator},
    postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};
use tokio::time::timeout;

use crate::{
    connections::late,
    error::Error,
    schema::{self, Refused},
};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
/// How long it may take, waiting for others included.
const MIGRATE_DEADLINE: Duration = Duration::from_secs(60);

/// The latest schema that this program knows.
pub(crate) fn known() -> i64 {
    let versions = POSTGRES.iter().map(|migration| migration.version);
    versions.max().unwrap_or_default()
}

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
    let mut migrated = SQLITE.run(&mut connection).await;
    if let Err(MigrateError::VersionMissing(_)) = migrated {
        migrated = match schema::of_sqlite(&mut connection).await {
            Ok(found) => {
                found
                    .accept(known())
                    .map_err(|refused| newer(refused, path))?;
                lenient(&SQLITE).run(&mut connection).await
            }
            Err(error) => Err(MigrateError::Execute(error)),
        };
    }
    let closed = connection.close().await;
    migrated.map_err(|source| failed(source, path))?;
    closed.map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })
}

/// A database of a server, which itself keeps others waiting meanwhile (an advisory lock that ends with the connection).
pub(crate) async fn postgres(options: &PgConnectOptions, path: &str) -> Result<(), Error> {
    let migrate = async {
        let mut connection = options.connect().await.map_err(MigrateError::Execute)?;
        let mut migrated = POSTGRES.run(&mut connection).await;
        if let Err(MigrateError::VersionMissing(_)) = migrated {
            let found = schema::of_postgres(&mut connection)
                .await
                .map_err(MigrateError::Execute)?;
            if let Err(refused) = found.accept(known()) {
                return Ok(Err(refused));
            }
            // What was locked in vain is locked no more.
            Migrate::unlock(&mut connection).await?;
            migrated = lenient(&POSTGRES).run(&mut connection).await;
        }
        migrated?;
        // All is done; whether the server hears that we go is its own affair.
        let _closed = connection.close().await;
        Ok(Ok(()))
    };
    timeout(MIGRATE_DEADLINE, migrate)
        .await
        .unwrap_or_else(|_| Err(MigrateError::Execute(late("it took too long"))))
        .map_err(|source| failed(source, path))?
        .map_err(|refused| newer(refused, path))
}

/// The same migrations for a database that has later ones: ours are compared, and those are not ours to judge.
fn lenient(migrator: &Migrator) -> Migrator {
    let mut lenient = Migrator::with_migrations(migrator.iter().cloned().collect());
    lenient.set_ignore_missing(true);
    lenient
}

fn newer(refused: Refused, path: &str) -> Error {
    Error::Newer {
        path: path.to_owned(),
        refused,
    }
}

fn failed(source: MigrateError, path: &str) -> Error {
    Error::Migrate {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From this schema on each migration says with which programs it can live.
    const SAYS_FROM: i64 = 5;

    #[test]
    fn each_migration_says_which_programs_can_live_with_it() {
        for migrator in [&SQLITE, &POSTGRES] {
            for migration in migrator.iter().filter(|one| one.version >= SAYS_FROM) {
                let said = format!(
                    "INSERT INTO schema_versions (version, compatible_from) VALUES ({}, ",
                    migration.version
                );
                let text = migration.sql.as_str();
                let (_, rest) = text.split_once(&said).unwrap_or_else(|| {
                    panic!("migration {} does not say it: {text}", migration.version)
                });
                let (from, _) = rest.split_once(')').unwrap();
                let from: i64 = from.parse().unwrap();
                assert!(from <= migration.version, "{text}");
            }
        }
    }

    #[test]
    fn both_databases_have_the_same_schemas() {
        let versions = |migrator: &Migrator| -> Vec<(i64, String)> {
            let all = migrator.iter();
            all.map(|one| (one.version, one.description.to_string()))
                .collect()
        };
        assert_eq!(versions(&SQLITE), versions(&POSTGRES));
        assert_eq!(known(), versions(&SQLITE).last().unwrap().0);
    }
}
