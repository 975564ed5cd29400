//! Which zone servers there are, and which of them are alive by the database's clock.

use sqlx::{AnyConnection, Row};

use crate::{Store, entities::Incarnation, error::Error, writer::Verdict};

/// A zone server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneServer {
    /// Its run.
    pub incarnation: Incarnation,
    /// Where its gRPC service listens, as `http://host:port`.
    pub address: String,
}

/// How often a zone server says that it is alive.
pub const HEARTBEAT_INTERVAL: std::time::Duration = std::time::Duration::from_millis(500);
/// How long a zone server counts as alive after it last said so, in milliseconds (DESIGN, "Regions").
pub const HEARTBEAT_TTL_MS: i64 = 2_000;

/// The database's own clock, in milliseconds since 1970.
const NOW_MS: &str = "CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)";

/// Operations on the list of zone servers.
#[derive(Debug, Clone, Copy)]
pub struct Directory<'s>(pub(crate) &'s Store);

impl Directory<'_> {
    /// Adds a zone server, or says that it is still alive.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn heartbeat(&self, server: ZoneServer) -> Result<(), Error> {
        let sql = format!(
            "INSERT INTO zone_servers (incarnation, address, heartbeat_ms) VALUES ($1, $2, {NOW_MS}) \
             ON CONFLICT (incarnation) DO UPDATE SET address = excluded.address, heartbeat_ms = excluded.heartbeat_ms"
        );
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| {
                Box::pin(async move {
                    sqlx::query(sqlx::AssertSqlSafe(sql))
                        .bind(server.incarnation.0)
                        .bind(server.address)
                        .execute(connection)
                        .await?;
                    Ok(Verdict::Keep(()))
                })
            })
            .await
    }

    /// The zone servers that are alive.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn live(&self) -> Result<Vec<ZoneServer>, Error> {
        let sql = format!(
            "SELECT incarnation, address FROM zone_servers WHERE heartbeat_ms > {NOW_MS} - $1 ORDER BY incarnation"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(HEARTBEAT_TTL_MS)
            .fetch_all(self.0.reader())
            .await?;
        Ok(rows
            .iter()
            .map(|row| {
                Ok(ZoneServer {
                    incarnation: Incarnation(row.try_get(0)?),
                    address: row.try_get(1)?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()?)
    }

    /// Takes a zone server off the list: it has released everything.
    ///
    /// # Errors
    /// The outcome is unknown; its time to live ends it all the same.
    pub async fn remove(&self, incarnation: Incarnation) -> Result<(), Error> {
        self.delete(
            "DELETE FROM zone_servers WHERE incarnation = $1",
            incarnation.0,
        )
        .await
    }

    /// Takes everything off the list: for whoever holds the lock on an embedded data folder, and therefore knows that nobody else lives.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn clear(&self) -> Result<(), Error> {
        self.delete("DELETE FROM zone_servers WHERE incarnation >= $1", 0)
            .await
    }

    async fn delete(&self, sql: &'static str, bound: i64) -> Result<(), Error> {
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| {
                Box::pin(async move {
                    sqlx::query(sql).bind(bound).execute(connection).await?;
                    Ok(Verdict::Keep(()))
                })
            })
            .await
    }
}
