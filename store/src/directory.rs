//! Which zone servers there are, and which of them are alive by the database's clock.

use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};

use crate::{
    Store,
    entities::{Incarnation, signed, unsigned},
    error::Error,
    writer::Verdict,
};

/// A zone server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneServer {
    /// Its run.
    pub incarnation: Incarnation,
    /// Where its gRPC service listens, as `http://host:port`.
    pub address: String,
    /// Whether it is giving its regions away, and is to be given none.
    pub is_leaving: bool,
    /// The version of the maps that is in force there ([`crate::versions::Versions::map`]).
    pub map: u64,
}

/// What [`ZoneServer::read`] reads.
pub(crate) const COLUMNS: &str = "incarnation, address, leaving, map";

impl ZoneServer {
    /// Of a row that begins with [`COLUMNS`].
    pub(crate) fn read(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            incarnation: Incarnation(row.try_get(0)?),
            address: row.try_get(1)?,
            is_leaving: row.try_get::<i64, _>(2)? != 0,
            map: unsigned(row.try_get(3)?),
        })
    }
}

/// How often a zone server says that it is alive.
pub const HEARTBEAT_INTERVAL: std::time::Duration = std::time::Duration::from_millis(500);
/// How long a zone server counts as alive after it last said so, in milliseconds (DESIGN, "Regions").
pub const HEARTBEAT_TTL_MS: i64 = 2_000;

/// What becomes of the wish that a zone server hands its regions over and stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It will see it, or has seen it before.
    Done,
    /// Nobody else who stays is alive: its regions would have no holder.
    Last,
    /// It is not alive.
    Gone,
}

/// Operations on the list of zone servers.
#[derive(Debug, Clone, Copy)]
pub struct Directory<'s>(pub(crate) &'s Store);

impl Directory<'_> {
    /// Adds a zone server, or says that it is still alive. Whether an operator has asked it to hand its regions over and stop.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn heartbeat(&self, server: ZoneServer) -> Result<bool, Error> {
        let now_ms = self.0.engine().now_ms();
        let sql = format!(
            "INSERT INTO zone_servers (incarnation, address, leaving, map, heartbeat_ms) VALUES ($1, $2, $3, $4, {now_ms}) \
             ON CONFLICT (incarnation) DO UPDATE SET address = excluded.address, leaving = excluded.leaving, map = excluded.map, \
             heartbeat_ms = excluded.heartbeat_ms \
             RETURNING CAST(CASE WHEN zone_servers.drain_requested_ms IS NULL THEN 0 ELSE 1 END AS BIGINT)"
        );
        self.0
            .control
            .run(move |connection: &mut AnyConnection| {
                let (sql, server) = (sql.clone(), server.clone());
                Box::pin(async move {
                    let is_drain_requested: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                        .bind(server.incarnation.0)
                        .bind(server.address)
                        .bind(i64::from(server.is_leaving))
                        .bind(signed(server.map))
                        .fetch_one(connection)
                        .await?;
                    Ok(Verdict::Keep(is_drain_requested != 0))
                })
            })
            .await
    }

    /// The zone servers that are alive.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn live(&self) -> Result<Vec<ZoneServer>, Error> {
        let now_ms = self.0.engine().now_ms();
        let sql = format!(
            "SELECT {COLUMNS} FROM zone_servers WHERE heartbeat_ms > {now_ms} - $1 ORDER BY incarnation"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(HEARTBEAT_TTL_MS);
        let rows = self.0.control_reads().all(query).await?;
        Ok(rows
            .iter()
            .map(ZoneServer::read)
            .collect::<Result<_, sqlx::Error>>()?)
    }

    /// Asks a zone server to hand its regions over and stop; it sees that at its next heartbeat. Unless `force` says so, not the last one that is alive
    /// and stays: of several who ask at once, each sees what those before it have asked for.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn ask_to_drain(&self, server: Incarnation, force: bool) -> Result<Asked, Error> {
        let now_ms = self.0.engine().now_ms();
        let look = format!(
            "SELECT incarnation, leaving, CAST(CASE WHEN drain_requested_ms IS NULL THEN 0 ELSE 1 END AS BIGINT) FROM zone_servers \
             WHERE heartbeat_ms > {now_ms} - $1"
        );
        let one_at_a_time = self.0.engine().one_at_a_time();
        let ask = format!(
            "UPDATE zone_servers SET drain_requested_ms = {now_ms} WHERE incarnation = $1 AND drain_requested_ms IS NULL"
        );
        self.0
            .control
            .run(move |connection: &mut AnyConnection| {
                let (look, ask) = (look.clone(), ask.clone());
                Box::pin(async move {
                    // Whoever asks at the same time waits here, and no heartbeat does.
                    if let Some(sql) = one_at_a_time {
                        sqlx::query(sql).execute(&mut *connection).await?;
                    }
                    let rows = sqlx::query(AssertSqlSafe(look))
                        .bind(HEARTBEAT_TTL_MS)
                        .fetch_all(&mut *connection)
                        .await?;
                    let (mut is_alive, mut staying_count) = (false, 0);
                    for row in &rows {
                        let stays =
                            row.try_get::<i64, _>(1)? == 0 && row.try_get::<i64, _>(2)? == 0;
                        match row.try_get::<i64, _>(0)? == server.0 {
                            true => is_alive = true,
                            false => staying_count += usize::from(stays),
                        }
                    }
                    if !is_alive {
                        return Ok(Verdict::Undo(Asked::Gone));
                    }
                    if staying_count == 0 && !force {
                        return Ok(Verdict::Undo(Asked::Last));
                    }
                    sqlx::query(AssertSqlSafe(ask))
                        .bind(server.0)
                        .execute(connection)
                        .await?;
                    Ok(Verdict::Keep(Asked::Done))
                })
            })
            .await
    }

    /// Takes a zone server off the list: it has released everything.
    ///
    /// # Errors
    /// The outcome is unknown; its time to live ends it all the same.
    pub async fn remove(&self, incarnation: Incarnation) -> Result<(), Error> {
        self.0
            .control
            .run(move |connection: &mut AnyConnection| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM zone_servers WHERE incarnation = $1")
                        .bind(incarnation.0)
                        .execute(connection)
                        .await?;
                    Ok(Verdict::Keep(()))
                })
            })
            .await
    }

    /// Takes everything off the list, and every region from whoever held it: for whoever holds the lock on an embedded data folder, and therefore
    /// knows that nobody else lives.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn clear(&self) -> Result<(), Error> {
        self.0
            .control
            .run(move |connection: &mut AnyConnection| {
                Box::pin(async move {
                    for sql in [
                        "DELETE FROM zone_servers",
                        "DELETE FROM processes",
                        "UPDATE regions SET holder = NULL, epoch = epoch + 1 WHERE holder IS NOT NULL",
                    ] {
                        sqlx::query(sql).execute(&mut *connection).await?;
                    }
                    Ok(Verdict::Keep(()))
                })
            })
            .await
    }
}
