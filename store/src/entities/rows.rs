//! Writing rows: many at once, each behind its fence.

use std::collections::{HashMap, HashSet};

use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};
use world::state_pickle;

use crate::statement::Statement;

use super::{COLUMNS, Claim, EntityRow, Save, signed};

/// Saves rows in one statement; the keys of those that were still their owners'.
pub(crate) async fn save_batch(
    connection: &mut AnyConnection,
    mut saves: Vec<&Save>,
) -> Result<HashSet<String>, sqlx::Error> {
    if saves.is_empty() {
        return Ok(HashSet::new());
    }
    // PostgreSQL deadlocks when two statements take the same rows' locks in different orders.
    saves.sort_by(|one, other| one.key.cmp(&other.key));
    let mut statement = Statement::new(
        "WITH v (key, owner, own, next_owner, step, region, present, generation, moved_generation, moved_counter, applied, state) AS (",
    );
    statement.values(saves, |row, save| {
        row.bind(save.key.clone())
            .bind(save.owner.0)
            .bind(signed(save.own))
            .bind((!save.release).then_some(save.owner.0))
            .bind(i64::from(save.release))
            .bind(save.region.to_string())
            .bind(i64::from(save.present))
            .bind(signed(save.generation))
            .bind(signed(save.moved.generation))
            .bind(signed(save.moved.counter))
            .bind(save.applied.encode())
            .bind(state_pickle::encode(&save.state));
    });
    statement.push(
        ") UPDATE entities SET owner = v.next_owner, own = entities.own + v.step, seq = entities.seq + 1, region = v.region, \
         present = v.present, generation = v.generation, moved_generation = v.moved_generation, moved_counter = v.moved_counter, \
         applied = v.applied, state = v.state FROM v \
         WHERE entities.key = v.key AND entities.owner = v.owner AND entities.own = v.own AND entities.gone_ms IS NULL \
         RETURNING entities.key",
    );
    let rows = statement.query().fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Claims rows in one statement; by their keys, those that still were as they had been seen.
pub(crate) async fn claim_batch(
    connection: &mut AnyConnection,
    mut claims: Vec<&Claim>,
) -> Result<HashMap<String, AnyRow>, sqlx::Error> {
    if claims.is_empty() {
        return Ok(HashMap::new());
    }
    claims.sort_by(|one, other| one.key.cmp(&other.key));
    let mut statement = Statement::new("WITH v (claimed, seen, me, entered) AS (");
    statement.values(claims, |row, claim| {
        row.bind(claim.key.clone())
            .bind(signed(claim.seen))
            .bind(claim.me.0)
            .bind(claim.enter.map(signed));
    });
    statement
        .push(
            ") UPDATE entities SET owner = v.me, own = entities.own + 1, \
             present = CASE WHEN v.entered IS NULL THEN entities.present ELSE 1 END, \
             generation = COALESCE(v.entered, entities.generation) FROM v \
             WHERE entities.key = v.claimed AND entities.own = v.seen AND entities.gone_ms IS NULL \
             AND (v.entered IS NULL OR entities.generation <= v.entered) RETURNING ",
        )
        .push(COLUMNS);
    let rows = statement.query().fetch_all(connection).await?;
    rows.into_iter()
        .map(|row| Ok((row.try_get("key")?, row)))
        .collect()
}

/// How long a despawned entity's name stays taken, in milliseconds: longer than any repeat of the command (world::applied).
const TOMBSTONE_MS: i64 = 120_000;

/// Adds a row, present and owned, or absent and nobody's; false: the name is taken, or was until lately.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    now_ms: &'static str,
    row: &EntityRow,
) -> Result<bool, sqlx::Error> {
    // A name is free again once the tombstone has outlived every repeat of the edit that made it.
    let sql = format!("DELETE FROM entities WHERE key = $1 AND gone_ms < {now_ms} - $2");
    sqlx::query(AssertSqlSafe(sql))
        .bind(&row.key)
        .bind(TOMBSTONE_MS)
        .execute(&mut *connection)
        .await?;
    let done = sqlx::query(
        "INSERT INTO entities (key, name, player, region, present, owner, own, seq, generation, moved_generation, moved_counter, applied, state) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $12) ON CONFLICT (key) DO NOTHING",
    )
    .bind(&row.key)
    .bind(&row.name)
    .bind(i64::from(row.player))
    .bind(row.region.to_string())
    .bind(i64::from(row.present))
    .bind(row.owner.map(|owner| owner.0))
    .bind(signed(row.own))
    .bind(signed(row.generation))
    .bind(signed(row.moved.generation))
    .bind(signed(row.moved.counter))
    .bind(row.applied.encode())
    .bind(state_pickle::encode(&row.state))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
