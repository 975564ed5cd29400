//! Rows of entities, and the fence in each of them: whoever has not claimed a row cannot write it.
//!
//! The protocol is DESIGN's "Truth, and who may write it": `claim` and `release` raise `own`; `save` and `release` name the
//! owner and the `own` that their claim returned, and find no row if either has changed since.

use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};
use world::{
    applied::{Applied, CommandId},
    entity::EntityState,
    name,
    region_id::RegionId,
    state_pickle,
};

use crate::{Store, error::Error, statement::Statement, writer::Verdict};

/// One run of a zone server: drawn at random at each start, so that nothing from an earlier run is taken for its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub i64);

impl Incarnation {
    /// A new one.
    #[must_use]
    pub fn draw() -> Self {
        Self(rand::random_range(1..=i64::MAX))
    }
}

impl std::fmt::Display for Incarnation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityRow {
    /// The [`name::key`] of its name.
    pub key: String,
    /// As it is shown.
    pub name: String,
    /// Whether it is a player's character.
    pub player: bool,
    /// Where it belongs.
    pub region: RegionId,
    /// Whether it is to be in the world.
    pub present: bool,
    /// Who may write it.
    pub owner: Option<Incarnation>,
    /// The count of its changes of hands.
    pub own: u64,
    /// The generation of the session that speaks for it.
    pub generation: u64,
    /// The last move that `state` has in it.
    pub moved: CommandId,
    /// Durable commands that it has undergone.
    pub applied: Applied,
    /// The rest.
    pub state: EntityState,
}

/// A claim: to be the one who may write a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose row.
    pub key: String,
    /// The row's `own` as it was read; if it has changed since, nothing is claimed.
    pub seen: u64,
    /// Who claims.
    pub me: Incarnation,
    /// The session that enters with it: its generation is stored, unless the row has a higher one, and the row becomes present.
    pub enter: Option<u64>,
}

/// A save, or a release, by the row's owner.
#[derive(Debug, Clone, PartialEq)]
pub struct Save {
    /// Whose row.
    pub key: String,
    /// Who saves.
    pub owner: Incarnation,
    /// What the claim returned.
    pub own: u64,
    /// Where it belongs from now on.
    pub region: RegionId,
    /// Whether it is to be in the world.
    pub present: bool,
    /// The generation of its session.
    pub generation: u64,
    /// The last move that `state` has in it.
    pub moved: CommandId,
    /// All durable commands that it has undergone.
    pub applied: Applied,
    /// The rest.
    pub state: EntityState,
    /// Whether ownership ends with this.
    pub release: bool,
}

/// What became of a [`Save`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is durable.
    Committed,
    /// The row is no longer the caller's; nothing was written.
    Fenced,
}

/// A row that should be in the world and whose owner is not alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Whose row.
    pub key: String,
    /// Where it belongs.
    pub region: RegionId,
    /// Its `own`, for the claim.
    pub own: u64,
}

/// The most orphans that one look returns; the next look finds the rest.
pub const ORPHANS_MAX: i64 = 10_000;

mod rows;

pub(crate) use rows::{claim_batch, insert, save_batch};

const COLUMNS: &str = "key, name, player, region, present, owner, own, generation, moved_generation, moved_counter, applied, state";

/// Operations on rows of entities.
#[derive(Debug, Clone, Copy)]
pub struct Entities<'s>(pub(crate) &'s Store);

impl Entities<'_> {
    /// Reads a row without claiming it. What it says may be old by the time that it is looked at.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn peek(&self, name: &str) -> Result<Option<EntityRow>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM entities WHERE key = $1 AND gone_ms IS NULL");
        let Some(key) = key_of(name) else {
            return Ok(None);
        };
        let query = sqlx::query(AssertSqlSafe(sql)).bind(key);
        let row = self.0.reads().optional(query).await?;
        row.as_ref().map(read).transpose()
    }

    /// Makes a row the caller's own, if it still is as it was seen. None: it is not.
    ///
    /// # Errors
    /// The outcome is unknown: read the row again.
    pub async fn claim(&self, claim: Claim) -> Result<Option<EntityRow>, Error> {
        self.0.writer.claim(claim).await
    }

    /// Writes a row that is the caller's own; `release` gives it up in the same statement. Many callers' saves are one statement.
    ///
    /// # Errors
    /// The outcome is unknown: drop the entity from memory and claim it again.
    pub async fn save(&self, save: Save) -> Result<Saved, Error> {
        self.0.writer.save(save).await
    }

    /// Notes what somebody who is not in the world has undergone, if the row is nobody's and still as it was seen. It is claimed and released with it: claims
    /// of the row as it was seen before find nothing. False: it has changed since.
    ///
    /// # Errors
    /// The outcome is unknown: read the row again.
    pub async fn note_absent(
        &self,
        key: String,
        seen: u64,
        applied: Applied,
    ) -> Result<bool, Error> {
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| {
                let (key, applied) = (key.clone(), applied.encode());
                Box::pin(async move {
                    let done = sqlx::query(
                        "UPDATE entities SET applied = $1, own = own + 2, seq = seq + 1 \
                         WHERE key = $2 AND own = $3 AND owner IS NULL AND present = 0 AND gone_ms IS NULL",
                    )
                    .bind(applied)
                    .bind(key)
                    .bind(signed(seen))
                    .execute(connection)
                    .await?;
                    Ok(Verdict::Keep(done.rows_affected() == 1))
                })
            })
            .await
    }

    /// What somebody had undergone who was despawned a while ago. None: nobody of that name was.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn undergone_by_gone(&self, name: &str) -> Result<Option<Applied>, Error> {
        let Some(key) = key_of(name) else {
            return Ok(None);
        };
        let query =
            sqlx::query("SELECT applied FROM entities WHERE key = $1 AND gone_ms IS NOT NULL")
                .bind(&key);
        let Some(row) = self.0.reads().optional(query).await? else {
            return Ok(None);
        };
        decode_applied(row.try_get(0)?, &key).map(Some)
    }

    /// Rows that should be in the world and belong to none of the living.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn orphans(&self, live: &[Incarnation]) -> Result<Vec<Orphan>, Error> {
        self.orphans_after(live, "").await
    }

    /// The same, of those whose keys come after one: for whoever wants more than [`ORPHANS_MAX`], which are the first ones by their keys.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn orphans_after(
        &self,
        live: &[Incarnation],
        after: &str,
    ) -> Result<Vec<Orphan>, Error> {
        self.find_orphans(live, None, after).await
    }

    /// The same, of those in some regions only.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn orphans_in(
        &self,
        live: &[Incarnation],
        regions: &[RegionId],
        after: &str,
    ) -> Result<Vec<Orphan>, Error> {
        self.find_orphans(live, Some(regions), after).await
    }

    /// Rows that should be in the world and belong to one zone server, of those whose keys come after one; at most [`ORPHANS_MAX`].
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn orphans_of(&self, owner: Incarnation, after: &str) -> Result<Vec<Orphan>, Error> {
        let sql = format!(
            "SELECT key, region, own FROM entities WHERE present = 1 AND gone_ms IS NULL AND owner = $1 AND key > $2 ORDER BY key LIMIT {ORPHANS_MAX}"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(owner.0).bind(after);
        let rows = self.0.reads().all(query).await?;
        rows.iter().map(orphan).collect()
    }

    async fn find_orphans(
        &self,
        live: &[Incarnation],
        regions: Option<&[RegionId]>,
        after: &str,
    ) -> Result<Vec<Orphan>, Error> {
        let mut statement = Statement::new(
            "SELECT key, region, own FROM entities WHERE present = 1 AND gone_ms IS NULL AND key > ",
        );
        statement.bind(after.to_owned());
        if let Some(regions) = regions {
            let regions: Vec<String> = regions.iter().map(ToString::to_string).collect();
            statement.push(" AND ");
            self.0
                .engine()
                .push_is_among(&mut statement, "region", regions.join(" "));
        }
        if !live.is_empty() {
            statement
                .push(" AND (owner IS NULL OR owner NOT IN (")
                .bind_all(live.iter().map(|incarnation| incarnation.0))
                .push("))");
        }
        statement.push(" ORDER BY key LIMIT ").bind(ORPHANS_MAX);
        let rows = self.0.reads().all(statement.query()).await?;
        rows.iter().map(orphan).collect()
    }
}

fn orphan(row: &AnyRow) -> Result<Orphan, Error> {
    let key: String = row.try_get(0)?;
    Ok(Orphan {
        region: region_of(row.try_get(1)?, &key)?,
        own: unsigned(row.try_get(2)?),
        key,
    })
}

/// Reads a row of [`COLUMNS`].
pub(crate) fn read(row: &AnyRow) -> Result<EntityRow, Error> {
    let key: String = row.try_get("key")?;
    let corrupt = |what| Error::Corrupt {
        what,
        name: key.clone(),
    };
    let applied: Vec<u8> = row.try_get("applied")?;
    let state: Vec<u8> = row.try_get("state")?;
    Ok(EntityRow {
        name: row.try_get("name")?,
        player: row.try_get::<i64, _>("player")? != 0,
        region: region_of(row.try_get("region")?, &key)?,
        present: row.try_get::<i64, _>("present")? != 0,
        owner: row.try_get::<Option<i64>, _>("owner")?.map(Incarnation),
        own: unsigned(row.try_get("own")?),
        generation: unsigned(row.try_get("generation")?),
        moved: CommandId {
            generation: unsigned(row.try_get("moved_generation")?),
            counter: unsigned(row.try_get("moved_counter")?),
        },
        applied: decode_applied(applied, &key)?,
        state: state_pickle::decode(&state).map_err(|_| corrupt("state"))?,
        key,
    })
}

fn decode_applied(stored: Vec<u8>, name: &str) -> Result<Applied, Error> {
    Applied::decode(&stored).map_err(|_| Error::Corrupt {
        what: "list of applied commands",
        name: name.to_owned(),
    })
}

pub(crate) fn region_of(text: String, name: &str) -> Result<RegionId, Error> {
    text.parse().map_err(|_| Error::Corrupt {
        what: "region",
        name: name.to_owned(),
    })
}

/// The form in which a name is looked up. None: nothing can have it, since PostgreSQL has no text with a NUL in it.
pub(crate) fn key_of(name: &str) -> Option<String> {
    (!name.contains('\0')).then(|| name::key(name))
}

/// A text for people, as every database takes it.
pub(crate) fn storable(text: String) -> String {
    text.replace('\0', "\u{fffd}")
}

/// SQL has no unsigned numbers; our counters never come near the end of the signed ones.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
