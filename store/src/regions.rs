//! Who holds which region. It decides who tries, and orders what is published; who may write an entity is decided in the entity's own row.
//!
//! Whoever takes or gives a region raises its epoch, and names the epoch that he has seen: of several who try, one succeeds.

use sqlx::{AnyConnection, Row, any::AnyRow};
use world::region_id::RegionId;

use crate::{
    Store,
    directory::HEARTBEAT_TTL_MS,
    entities::{Incarnation, region_of, signed, unsigned},
    error::Error,
    statement::Statement,
    writer::Verdict,
};

/// The most regions that one statement takes or gives, which bounds what it binds; more of them are several statements of one transaction.
const STATEMENT_REGIONS_MAX: usize = 4_096;

/// A region that was held once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Which one.
    pub region: RegionId,
    /// Who holds it.
    pub holder: Option<Incarnation>,
    /// How often it changed hands.
    pub epoch: u64,
}

/// How to ask for every region that was held once.
pub(crate) const ALL: &str = "SELECT region, holder, epoch FROM regions";

impl Holding {
    /// Of a row of [`ALL`].
    pub(crate) fn read(row: &AnyRow) -> Result<Self, Error> {
        Ok(Self {
            region: region_of(row.try_get(0)?, "regions")?,
            holder: row.try_get::<Option<i64>, _>(1)?.map(Incarnation),
            epoch: unsigned(row.try_get(2)?),
        })
    }
}

/// Operations on the list of regions.
#[derive(Debug, Clone, Copy)]
pub struct Regions<'s>(pub(crate) &'s Store);

impl Regions<'_> {
    /// Every region that was held once. One that is not there was never held.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn all(&self) -> Result<Vec<Holding>, Error> {
        let rows = self.0.control_reads().all(sqlx::query(ALL)).await?;
        rows.iter().map(Holding::read).collect()
    }

    /// Takes regions, each with the epoch that was seen, 0 for one that was not there: those that nobody holds, or that their holder has no use for since
    /// he is not alive. Which ones were taken, with their epochs from now on.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn take(
        &self,
        me: Incarnation,
        mut regions: Vec<(RegionId, u64)>,
    ) -> Result<Vec<(RegionId, u64)>, Error> {
        let now_ms = self.0.engine().now_ms();
        // Whoever locks the same rows locks them in the same order.
        regions.sort_unstable();
        regions.dedup_by_key(|(region, _)| *region);
        self.0
            .control
            .run(move |connection: &mut AnyConnection| {
                let regions = regions.clone();
                Box::pin(async move {
                    let mut taken = Vec::new();
                    for some in regions.chunks(STATEMENT_REGIONS_MAX) {
                        taken.extend(take(connection, now_ms, me, some).await?);
                    }
                    Ok(Verdict::Keep(taken))
                })
            })
            .await?
            .into_iter()
            .map(|(region, epoch)| Ok((region_of(region, "regions")?, unsigned(epoch))))
            .collect()
    }

    /// Gives regions, each with its epoch, to another zone server or to whoever wants them. Which ones were given: those that were still the caller's.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn give(
        &self,
        me: Incarnation,
        to: Option<Incarnation>,
        mut regions: Vec<(RegionId, u64)>,
    ) -> Result<Vec<RegionId>, Error> {
        regions.sort_unstable();
        regions.dedup_by_key(|(region, _)| *region);
        self.0
            .control
            .run(move |connection: &mut AnyConnection| {
                let regions = regions.clone();
                Box::pin(async move {
                    let mut given = Vec::new();
                    for some in regions.chunks(STATEMENT_REGIONS_MAX) {
                        given.extend(give(connection, me, to, some).await?);
                    }
                    Ok(Verdict::Keep(given))
                })
            })
            .await?
            .into_iter()
            .map(|region| region_of(region, "regions"))
            .collect()
    }
}

async fn take(
    connection: &mut AnyConnection,
    now_ms: &'static str,
    me: Incarnation,
    regions: &[(RegionId, u64)],
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let mut statement = Statement::new("INSERT INTO regions (region, holder, epoch) ");
    statement.values(regions, |row, (region, seen)| {
        row.bind(region.to_string())
            .bind(me.0)
            .bind(signed(seen + 1));
    });
    statement.push(
        " ON CONFLICT (region) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch \
         WHERE regions.epoch = excluded.epoch - 1 AND (regions.holder IS NULL OR regions.holder = excluded.holder \
         OR NOT EXISTS (SELECT 1 FROM zone_servers WHERE incarnation = regions.holder AND heartbeat_ms > ",
    );
    statement
        .push(now_ms)
        .push(" - ")
        .bind(HEARTBEAT_TTL_MS)
        .push(")) RETURNING region, epoch");
    let rows = statement.query().fetch_all(connection).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

async fn give(
    connection: &mut AnyConnection,
    me: Incarnation,
    to: Option<Incarnation>,
    regions: &[(RegionId, u64)],
) -> Result<Vec<String>, sqlx::Error> {
    let mut statement = Statement::new("WITH v (region, epoch) AS (");
    statement.values(regions, |row, (region, epoch)| {
        row.bind(region.to_string()).bind(signed(*epoch));
    });
    statement
        .push(") UPDATE regions SET holder = ")
        .bind(to.map(|to| to.0))
        .push(", epoch = regions.epoch + 1 FROM v WHERE regions.region = v.region AND regions.holder = ")
        .bind(me.0)
        .push(" AND regions.epoch = v.epoch RETURNING regions.region");
    let rows = statement.query().fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
