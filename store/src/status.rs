//! What is there, at one moment, for operators: who runs, who holds what, and what nobody has. It decides nothing.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::{
    Store,
    directory::{COLUMNS, HEARTBEAT_TTL_MS, ZoneServer},
    entities::{Incarnation, unsigned},
    error::Error,
    migrate,
    processes::{self, Process},
    regions::{ALL, Holding},
    schema,
    versions::{Versions, versions},
};

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// When, in milliseconds since 1970 by the database's clock.
    pub at_ms: u64,
    /// What the database's tables are like.
    pub schema: Schema,
    /// The announced numbers.
    pub versions: Versions,
    /// Zone servers, those that have died lately as well.
    pub zone_servers: Vec<Listed>,
    /// Services that say of themselves that they run, zone servers as well.
    pub processes: Vec<Process>,
    /// Every region that was held once.
    pub regions: Vec<Holding>,
    /// How many rows of those who are in the world each zone server owns; None: nobody.
    pub rows: BTreeMap<Option<Incarnation>, u64>,
}

/// The schema of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The latest migration that was applied.
    pub version: i64,
    /// The earliest one that a program must know to work with it.
    pub compatible_from: i64,
    /// The latest one that this program knows.
    pub known: i64,
}

/// A zone server as it is in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it says of itself.
    pub server: ZoneServer,
    /// How long ago it was heard of.
    pub silent_ms: u64,
    /// Whether an operator has asked it to hand its regions over and stop.
    pub is_drain_requested: bool,
}

impl Listed {
    /// Whether it counts as alive.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.silent_ms < HEARTBEAT_TTL_MS.unsigned_abs()
    }
}

impl Status {
    /// Whether somebody who lives holds a region.
    #[must_use]
    pub fn is_held(&self, holding: &Holding) -> bool {
        let mut live = self.zone_servers.iter().filter(|one| one.is_live());
        live.any(|one| Some(one.server.incarnation) == holding.holder)
    }
}

impl Store {
    /// Looks at all of it.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn status(&self) -> Result<Status, Error> {
        let now_ms = self.engine().now_ms();
        self.reads()
            .snapshot(move |connection| Box::pin(read(connection, now_ms)))
            .await
    }
}

async fn read(connection: &mut AnyConnection, now_ms: &'static str) -> Result<Status, Error> {
    let found = schema::of_ours(connection).await?;
    let at_ms: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT {now_ms}")))
        .fetch_one(&mut *connection)
        .await?;
    let sql = format!(
        "SELECT {COLUMNS}, {now_ms} - heartbeat_ms, drain_requested_ms FROM zone_servers ORDER BY address, heartbeat_ms"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(&mut *connection)
        .await?;
    let zone_servers = rows
        .iter()
        .map(|row| {
            Ok(Listed {
                server: ZoneServer::read(row)?,
                silent_ms: unsigned(row.try_get::<i64, _>(4)?.max(0)),
                is_drain_requested: row.try_get::<Option<i64>, _>(5)?.is_some(),
            })
        })
        .collect::<Result<_, sqlx::Error>>()?;
    let rows = sqlx::query(AssertSqlSafe(processes::listed(now_ms)))
        .fetch_all(&mut *connection)
        .await?;
    let processes = processes::read_all(&rows)?;
    let sql = format!("{ALL} ORDER BY region");
    let rows = sqlx::query(AssertSqlSafe(sql))
        .fetch_all(&mut *connection)
        .await?;
    let regions = rows
        .iter()
        .map(Holding::read)
        .collect::<Result<_, Error>>()?;
    let sql =
        "SELECT owner, count(*) FROM entities WHERE present = 1 AND gone_ms IS NULL GROUP BY owner";
    let counted = sqlx::query(sql).fetch_all(&mut *connection).await?;
    let rows = counted
        .iter()
        .map(|row| {
            let owner = row.try_get::<Option<i64>, _>(0)?.map(Incarnation);
            Ok((owner, unsigned(row.try_get(1)?)))
        })
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(Status {
        at_ms: unsigned(at_ms),
        schema: Schema {
            version: found.version(),
            compatible_from: found.compatible_from(),
            known: migrate::known(),
        },
        versions: versions(connection).await?,
        zone_servers,
        processes,
        regions,
        rows,
    })
}
