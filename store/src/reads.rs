//! Reads: each has a deadline. It knows no table.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use sqlx::{
    Any, AnyConnection, Connection,
    any::{AnyArguments, AnyRow},
    query::Query,
};
use tokio::time::timeout;

use crate::{
    connections::{Connections, late},
    engine::Engine,
    error::Error,
};

/// How long the reading of a whole world may take.
const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(120);

/// Some connections to read by.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    engine: Engine,
    connections: Arc<Connections>,
    deadline: Duration,
}

type Rows<'q> = Query<'q, Any, AnyArguments>;

impl Reads {
    pub(crate) fn new(engine: Engine, connections: Arc<Connections>, deadline: Duration) -> Self {
        Self {
            engine,
            connections,
            deadline,
        }
    }

    /// Every row.
    pub(crate) async fn all(&self, query: Rows<'_>) -> Result<Vec<AnyRow>, Error> {
        let read = async {
            let mut connection = self.connections.lease_live().await?;
            let rows = query.fetch_all(&mut *connection).await?;
            connection.give_back();
            Ok(rows)
        };
        within(self.deadline, read).await
    }

    /// The row, if there is one.
    pub(crate) async fn optional(&self, query: Rows<'_>) -> Result<Option<AnyRow>, Error> {
        let read = async {
            let mut connection = self.connections.lease_live().await?;
            let row = query.fetch_optional(&mut *connection).await?;
            connection.give_back();
            Ok(row)
        };
        within(self.deadline, read).await
    }

    /// Several reads that see the database as it was at one moment.
    pub(crate) async fn snapshot<T>(
        &self,
        read: impl for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, Error>>,
    ) -> Result<T, Error> {
        let read = async {
            let mut connection = self.connections.lease_live().await?;
            let mut transaction = connection.begin_with(self.engine.begin_snapshot()).await?;
            let value = read(&mut transaction).await?;
            transaction.rollback().await?;
            connection.give_back();
            Ok(value)
        };
        within(SNAPSHOT_DEADLINE, read).await
    }
}

/// What comes too late is an error.
async fn within<T>(
    deadline: Duration,
    read: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(deadline, read)
        .await
        .unwrap_or_else(|_| Err(Error::Unknown(late("the database did not answer in time"))))
}

#[cfg(test)]
mod tests {
    use sqlx::Row;
    use world::{entity::EntityState, position::Position, region_id::RegionId};

    use super::*;
    use crate::{Store, accounts::NewAccount};

    async fn count(connection: &mut AnyConnection) -> Result<i64, Error> {
        let query = sqlx::query("SELECT count(*) FROM accounts");
        Ok(query.fetch_one(connection).await?.try_get(0)?)
    }

    /// Creates an account between two reads.
    async fn check(store: Store, other: Store) {
        let counts = store.reads().snapshot(|connection| {
            Box::pin(async move {
                let before = count(connection).await?;
                let start = Position {
                    x: 0.0,
                    y: 0.0,
                    z: 0,
                };
                let new = NewAccount {
                    name: "Anna".to_owned(),
                    password_hash: "hash".to_owned(),
                    region: RegionId::of(start, 64),
                    state: EntityState::at(start),
                };
                other.accounts().create(new).await?;
                assert!(other.accounts().find("anna").await?.is_some());
                other.close().await;
                Ok((before, count(connection).await?))
            })
        });
        assert_eq!(counts.await.unwrap(), (0, 0));
        assert!(store.accounts().find("anna").await.unwrap().is_some());
        store.close().await;
    }

    #[tokio::test]
    async fn a_snapshot_of_sqlite_sees_one_moment() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::embedded(folder.path());
        check(open().await.unwrap(), open().await.unwrap()).await;
    }

    #[tokio::test]
    async fn a_snapshot_of_postgres_sees_one_moment() {
        let url = servers::Postgres::shared().create_schema();
        let open = || Store::connect(&url);
        check(open().await.unwrap(), open().await.unwrap()).await;
    }
}
