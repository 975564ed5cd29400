//! What game masters do. Each edit is one transaction with its row in the audit log, whose id (author, generation, counter) is unique:
//! an edit that comes again finds its row there and has no second effect.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;
use sqlx::{
    Any, AnyConnection, AssertSqlSafe, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};
use world::{applied::CommandId, terrain::TileEdit};

use crate::{
    Store,
    entities::{EntityRow, Incarnation, Save, insert, save_batch, signed, storable, unsigned},
    error::Error,
    versions::raise,
    writer::Verdict,
};

/// Who does what: the row in the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The [`world::name::key`] of the game master.
    pub author: String,
    /// The command's name for ever.
    pub id: CommandId,
    /// What is done, for people. Never [`REFUSED`], which says that nothing is.
    pub command: String,
}

/// The line of an edit that was refused for good.
pub const REFUSED: &str = "refused, though it was sent before";

/// What became of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It has taken effect now.
    Done(T),
    /// It took effect before.
    Repeated,
    /// It cannot be done: the name is taken, there is no such map, or the row is no longer the caller's. Nothing was written.
    Refused,
    /// It was refused for good before ([`Edits::refuse`]). Nothing was written.
    Denied,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who.
    pub author: String,
    /// What.
    pub command: String,
}

/// Operations of game masters.
#[derive(Debug, Clone, Copy)]
pub struct Edits<'s>(pub(crate) &'s Store);

impl Edits<'_> {
    /// Changes a tile; the version of the map after it.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn tile(&self, edit: TileEdit, audit: Audit) -> Result<Outcome<u64>, Error> {
        self.audited(audit, move |connection, audit_id| {
            let edit = edit.clone();
            Box::pin(async move {
                let version = raise_map(connection, &edit.map).await?;
                if version.is_some() {
                    put_tile(connection, &edit, audit_id).await?;
                }
                Ok(version)
            })
        })
        .await
    }

    /// Adds a lasting entity, owned by the zone server that asks.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn spawn(&self, row: EntityRow, audit: Audit) -> Result<Outcome<()>, Error> {
        let now_ms = self.0.engine().now_ms();
        self.audited(audit, move |connection, _| {
            let row = row.clone();
            Box::pin(async move { Ok(insert(connection, now_ms, &row).await?.then_some(())) })
        })
        .await
    }

    /// Takes an entity that is no player out of the world for good, leaving a tombstone.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn despawn(
        &self,
        key: String,
        owner: Incarnation,
        own: u64,
        audit: Audit,
    ) -> Result<Outcome<()>, Error> {
        let now_ms = self.0.engine().now_ms();
        self.audited(audit, move |connection, _| {
            let key = key.clone();
            Box::pin(async move {
                let sql = format!(
                    "UPDATE entities SET gone_ms = {now_ms}, present = 0, owner = NULL, own = own + 1 \
                     WHERE key = $1 AND owner = $2 AND own = $3 AND player = 0 AND gone_ms IS NULL"
                );
                let done = sqlx::query(AssertSqlSafe(sql))
                .bind(key)
                .bind(owner.0)
                .bind(signed(own))
                .execute(connection)
                .await?;
                Ok((done.rows_affected() == 1).then_some(()))
            })
        })
        .await
    }

    /// Saves an entity that an edit has changed: put it somewhere else, or closed its connection.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn save(&self, save: Save, audit: Audit) -> Result<Outcome<()>, Error> {
        self.audited(audit, move |connection, _| {
            let save = save.clone();
            Box::pin(async move {
                let saved = save_batch(connection, vec![&save]).await?;
                Ok((!saved.is_empty()).then_some(()))
            })
        })
        .await
    }

    /// Notes an edit of something that has no row: a creature of the content.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn note(&self, audit: Audit) -> Result<Outcome<()>, Error> {
        self.audited(audit, |_, _| Box::pin(async { Ok(Some(())) }))
            .await
    }

    /// Whether an edit has taken effect: what it was about may be gone because of it.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn is_done(&self, author: &str, id: CommandId) -> Result<bool, Error> {
        let line = self.0.reads().optional(line_of(author, id)).await?;
        Ok(line.as_ref().map(is_done).transpose()? == Some(true))
    }

    /// Refuses an edit for good, unless it has taken effect: an earlier attempt that is still on its way has none any more. Whether it has.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn refuse(&self, author: String, id: CommandId) -> Result<bool, Error> {
        let now_ms = self.0.engine().now_ms();
        let audit = Audit {
            author,
            id,
            command: REFUSED.to_owned(),
        };
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| {
                let audit = audit.clone();
                Box::pin(async move {
                    let author = audit.author.clone();
                    if note(connection, now_ms, audit).await?.is_some() {
                        return Ok(Verdict::Keep(false));
                    }
                    let line = line_of(&author, id).fetch_one(connection).await?;
                    Ok(Verdict::Undo(is_done(&line)?))
                })
            })
            .await
    }

    /// Takes those of a map's edits away that are named and still as they are named, and raises the count of its reloads; other edits, also such as were
    /// made in the meantime, stay. The version of the map after it.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn reload(
        &self,
        map: String,
        unfit: Vec<TileEdit>,
        audit: Audit,
    ) -> Result<Outcome<u64>, Error> {
        self.audited(audit, move |connection, _| {
            let (map, unfit) = (map.clone(), unfit.clone());
            Box::pin(async move {
                let version = raise_map(connection, &map).await?;
                for edit in &unfit {
                    take_tile(connection, edit).await?;
                }
                sqlx::query("UPDATE maps SET reloads = reloads + 1 WHERE name = $1")
                    .bind(map)
                    .execute(&mut *connection)
                    .await?;
                Ok(version)
            })
        })
        .await
    }

    /// Takes all of a map's edits away and raises the count of its resets; the version of the map after it.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn reset(&self, map: String, audit: Audit) -> Result<Outcome<u64>, Error> {
        self.audited(audit, move |connection, _| {
            let map = map.clone();
            Box::pin(async move {
                let version = raise_map(connection, &map).await?;
                for sql in [
                    "DELETE FROM map_edits WHERE map = $1",
                    "UPDATE maps SET resets = resets + 1 WHERE name = $1",
                ] {
                    sqlx::query(sql)
                        .bind(map.clone())
                        .execute(&mut *connection)
                        .await?;
                }
                Ok(version)
            })
        })
        .await
    }

    /// How often each map that is in the current content was reset.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn resets(&self) -> Result<BTreeMap<String, u64>, Error> {
        self.counts("SELECT name, resets FROM maps WHERE fingerprint IS NOT NULL")
            .await
    }

    /// How often each map that is in the current content was reloaded.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn reloads(&self) -> Result<BTreeMap<String, u64>, Error> {
        self.counts("SELECT name, reloads FROM maps WHERE fingerprint IS NOT NULL")
            .await
    }

    /// Every tile edit in force, in the order in which they were made.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn tiles(&self) -> Result<Vec<TileEdit>, Error> {
        let query =
            sqlx::query("SELECT map, layer, x, y, gid FROM map_edits ORDER BY audit, layer, y, x");
        let rows = self.0.reads().all(query).await?;
        rows.iter()
            .map(|row| {
                let map: String = row.try_get(0)?;
                let corrupt = || Error::Corrupt {
                    what: "tile edit",
                    name: map.clone(),
                };
                let coordinate =
                    |column| i32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| corrupt());
                Ok(TileEdit {
                    layer: row.try_get(1)?,
                    x: coordinate(2)?,
                    y: coordinate(3)?,
                    gid: u32::try_from(row.try_get::<i64, _>(4)?).map_err(|_| corrupt())?,
                    map: map.clone(),
                })
            })
            .collect()
    }

    /// The version of each map that is in the current content.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn map_versions(&self) -> Result<BTreeMap<String, u64>, Error> {
        self.counts("SELECT name, version FROM maps WHERE fingerprint IS NOT NULL")
            .await
    }

    async fn counts(&self, sql: &'static str) -> Result<BTreeMap<String, u64>, Error> {
        let rows = self.0.reads().all(sqlx::query(sql)).await?;
        Ok(rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, unsigned(row.try_get(1)?))))
            .collect::<Result<_, sqlx::Error>>()?)
    }

    /// The newest lines of the audit log, newest first.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn audit_log(&self, line_count_max: u32) -> Result<Vec<AuditLine>, Error> {
        let query =
            sqlx::query("SELECT at_ms, author, command FROM audit ORDER BY id DESC LIMIT $1")
                .bind(i64::from(line_count_max));
        let rows = self.0.reads().all(query).await?;
        Ok(rows
            .iter()
            .map(|row| {
                Ok(AuditLine {
                    at_ms: unsigned(row.try_get(0)?),
                    author: row.try_get(1)?,
                    command: row.try_get(2)?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()?)
    }

    /// Writes the audit row, and then the effect, unless the audit row is there already. An effect of None is undone with its audit row.
    async fn audited<T: Send + 'static>(
        &self,
        audit: Audit,
        effect: impl for<'c> Fn(
            &'c mut AnyConnection,
            i64,
        ) -> BoxFuture<'c, Result<Option<T>, sqlx::Error>>
        + Send
        + Sync
        + 'static,
    ) -> Result<Outcome<T>, Error> {
        let now_ms = self.0.engine().now_ms();
        let effect = Arc::new(effect);
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| {
                let (audit, effect) = (audit.clone(), Arc::clone(&effect));
                Box::pin(async move {
                    let (author, id) = (audit.author.clone(), audit.id);
                    let Some(id) = note(connection, now_ms, audit).await? else {
                        let line = line_of(&author, id).fetch_one(connection).await?;
                        return Ok(Verdict::Undo(match is_done(&line)? {
                            true => Outcome::Repeated,
                            false => Outcome::Denied,
                        }));
                    };
                    Ok(match effect(connection, id).await? {
                        Some(value) => Verdict::Keep(Outcome::Done(value)),
                        None => Verdict::Undo(Outcome::Refused),
                    })
                })
            })
            .await
    }
}

/// Adds a row to the log; its id, unless it is there already.
async fn note(
    connection: &mut AnyConnection,
    now_ms: &'static str,
    audit: Audit,
) -> Result<Option<i64>, sqlx::Error> {
    let sql = format!(
        "INSERT INTO audit (at_ms, author, generation, counter, command) VALUES ({now_ms}, $1, $2, $3, $4) \
         ON CONFLICT (author, generation, counter) DO NOTHING RETURNING id"
    );
    sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(audit.author)
        .bind(signed(audit.id.generation))
        .bind(signed(audit.id.counter))
        .bind(storable(audit.command))
        .fetch_optional(connection)
        .await
}

/// The line of an edit.
fn line_of(author: &str, id: CommandId) -> Query<'static, Any, AnyArguments> {
    sqlx::query("SELECT command FROM audit WHERE author = $1 AND generation = $2 AND counter = $3")
        .bind(author.to_owned())
        .bind(signed(id.generation))
        .bind(signed(id.counter))
}

/// Whether a line is of an edit that has taken effect.
fn is_done(line: &AnyRow) -> Result<bool, sqlx::Error> {
    let command: String = line.try_get(0)?;
    Ok(command != REFUSED)
}

async fn put_tile(
    connection: &mut AnyConnection,
    edit: &TileEdit,
    audit: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO map_edits (map, layer, x, y, gid, audit) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (map, layer, x, y) DO UPDATE SET gid = excluded.gid, audit = excluded.audit",
    )
    .bind(edit.map.clone())
    .bind(edit.layer.clone())
    .bind(i64::from(edit.x))
    .bind(i64::from(edit.y))
    .bind(i64::from(edit.gid))
    .bind(audit)
    .execute(connection)
    .await?;
    Ok(())
}

async fn take_tile(connection: &mut AnyConnection, edit: &TileEdit) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM map_edits WHERE map = $1 AND layer = $2 AND x = $3 AND y = $4 AND gid = $5",
    )
    .bind(edit.map.clone())
    .bind(edit.layer.clone())
    .bind(i64::from(edit.x))
    .bind(i64::from(edit.y))
    .bind(i64::from(edit.gid))
    .execute(connection)
    .await?;
    Ok(())
}

/// Raises the version of a map, and that of all; None: there is no such map. Every edit of a map does this first, and publishing does the like:
/// whoever locks the same rows locks them in the same order.
async fn raise_map(connection: &mut AnyConnection, map: &str) -> Result<Option<u64>, sqlx::Error> {
    raise(connection, "map").await?;
    let version: Option<i64> = sqlx::query_scalar(
        "UPDATE maps SET version = version + 1 WHERE name = $1 RETURNING version",
    )
    .bind(map.to_owned())
    .fetch_optional(connection)
    .await?;
    Ok(version.map(unsigned))
}
