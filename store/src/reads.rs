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
