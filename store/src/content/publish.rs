//! Publishing: one transaction that makes a world the current one. Of several who publish at once, each waits for the one before, once his files are
//! stored; so do edits of maps, for a moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sqlx::{AnyConnection, AssertSqlSafe, Row};
use world::{content::Placements, state_pickle};

use crate::{
    Store,
    entities::{signed, unsigned},
    error::Error,
    statement::Statement,
    versions::{self, raise},
    writer::Verdict,
};

use super::{COLUMNS, ContentVersion, Publication, Published, files::Packed, placements, read};

/// How many content versions are kept to go back to.
pub const VERSIONS_KEPT: i64 = 10;
/// The most rows that one statement inserts, which bounds what it binds.
const STATEMENT_ROWS_MAX: usize = 4_096;

/// Publishes, unless the places of maps are others than those that were seen.
pub(super) async fn publish(
    store: &Store,
    publication: Publication,
    seen: Option<Placements>,
) -> Result<Option<Published>, Error> {
    let pack = move || {
        let packed = Packed::new(&publication.files);
        (publication, packed, seen)
    };
    let packed = tokio::task::spawn_blocking(pack)
        .await
        .map_err(|_| Error::Closing)?;
    let packed = Arc::new(packed);
    let now_ms = store.engine().now_ms();
    store
        .publisher
        .run(move |connection: &mut AnyConnection| {
            let packed = Arc::clone(&packed);
            Box::pin(async move {
                let (publication, packed, seen) = &*packed;
                publish_packed(connection, now_ms, publication, packed, seen.as_ref()).await
            })
        })
        .await
}

/// Makes an earlier version current again.
pub(super) async fn rollback(store: &Store, to: u64) -> Result<Option<Published>, Error> {
    let now_ms = store.engine().now_ms();
    store
        .publisher
        .run(move |connection: &mut AnyConnection| {
            Box::pin(async move {
                versions::lock(connection).await?;
                let sql = format!("SELECT {COLUMNS} FROM content_versions WHERE version = $1");
                let Some(row) = sqlx::query(AssertSqlSafe(sql))
                    .bind(signed(to))
                    .fetch_optional(&mut *connection)
                    .await?
                else {
                    return Ok(Verdict::Undo(None));
                };
                let version = read(&row).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
                let hashes = files_of(connection, signed(to)).await?;
                let maps = maps_of(connection, signed(to)).await?;
                let published = make_current(connection, now_ms, &version, &hashes, &maps).await?;
                Ok(Verdict::Keep(Some(published)))
            })
        })
        .await
}

async fn publish_packed(
    connection: &mut AnyConnection,
    now_ms: &'static str,
    publication: &Publication,
    packed: &Packed,
    seen: Option<&Placements>,
) -> Result<Verdict<Option<Published>>, sqlx::Error> {
    // What takes long, before anybody has to wait for us; and once more what another has swept away in the meantime.
    packed.store(connection).await?;
    versions::lock(connection).await?;
    packed.store(connection).await?;
    if let Some(seen) = seen {
        let places = placements(connection).await;
        let places = places.map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        if places != *seen {
            return Ok(Verdict::Undo(None));
        }
    }
    let current = newest(connection).await?;
    let maps = publication
        .maps
        .iter()
        .map(|(name, (_, fingerprint))| (name.clone(), fingerprint.clone()))
        .collect();
    if let Some(current) = current
        && files_of(connection, current).await? == packed.hashes
        && maps_of(connection, current).await? == maps
    {
        return Ok(Verdict::Undo(Some(Published {
            version: unsigned(current),
            is_new: false,
            map_changed: false,
            client_changed: false,
        })));
    }
    place(connection, publication).await?;
    let byte_count = publication.files.values().map(|data| data.len() as u64);
    let version = ContentVersion {
        version: 0,
        at_ms: 0,
        world: publication.world.clone(),
        client_version: publication.client_version.clone(),
        file_count: publication.files.len() as u64,
        byte_count: byte_count.sum(),
        start_region: publication.start_region,
        start_state: publication.start_state.clone(),
    };
    let published = make_current(connection, now_ms, &version, &packed.hashes, &maps).await?;
    Ok(Verdict::Keep(Some(published)))
}

async fn place(
    connection: &mut AnyConnection,
    publication: &Publication,
) -> Result<(), sqlx::Error> {
    for (name, (placement, _)) in &publication.maps {
        sqlx::query(
            "INSERT INTO maps (name, level, x, y, version) VALUES ($1, $2, $3, $4, 0) \
             ON CONFLICT (name) DO UPDATE SET level = excluded.level, x = excluded.x, y = excluded.y",
        )
        .bind(name.clone())
        .bind(i64::from(placement.level))
        .bind(i64::from(placement.x))
        .bind(i64::from(placement.y))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Adds a version, notes what has changed with it, and forgets those that are too old.
async fn make_current(
    connection: &mut AnyConnection,
    now_ms: &'static str,
    content: &ContentVersion,
    hashes: &BTreeMap<String, String>,
    maps: &BTreeMap<String, String>,
) -> Result<Published, sqlx::Error> {
    let earlier_client: Option<String> = match newest(connection).await? {
        Some(version) => {
            sqlx::query_scalar("SELECT client_version FROM content_versions WHERE version = $1")
                .bind(version)
                .fetch_optional(&mut *connection)
                .await?
        }
        None => None,
    };
    let client_changed = earlier_client.is_some_and(|earlier| earlier != content.client_version);
    let map_changed = note_maps(connection, maps).await?;
    let version = raise(connection, "content").await?;
    if client_changed {
        raise(connection, "client").await?;
    }
    if map_changed {
        raise(connection, "map").await?;
    }
    let sql = format!(
        "INSERT INTO content_versions ({COLUMNS}) VALUES ($1, {now_ms}, $2, $3, $4, $5, $6, $7)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(signed(version))
        .bind(content.world.clone())
        .bind(content.client_version.clone())
        .bind(signed(content.file_count))
        .bind(signed(content.byte_count))
        .bind(content.start_region.to_string())
        .bind(state_pickle::encode(&content.start_state))
        .execute(&mut *connection)
        .await?;
    let files = "INSERT INTO content_files (version, path, hash) ";
    insert_pairs(connection, files, version, hashes).await?;
    let fingerprints = "INSERT INTO content_maps (version, name, fingerprint) ";
    insert_pairs(connection, fingerprints, version, maps).await?;
    for sql in [
        "DELETE FROM content_versions WHERE version <= $1",
        "DELETE FROM content_files WHERE version <= $1",
        "DELETE FROM content_maps WHERE version <= $1",
    ] {
        sqlx::query(sql)
            .bind(signed(version) - VERSIONS_KEPT)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("DELETE FROM content_chunks WHERE hash NOT IN (SELECT hash FROM content_files)")
        .execute(&mut *connection)
        .await?;
    Ok(Published {
        version,
        is_new: true,
        map_changed,
        client_changed,
    })
}

async fn insert_pairs(
    connection: &mut AnyConnection,
    sql: &'static str,
    version: u64,
    pairs: &BTreeMap<String, String>,
) -> Result<(), sqlx::Error> {
    let pairs: Vec<_> = pairs.iter().collect();
    for some in pairs.chunks(STATEMENT_ROWS_MAX) {
        let mut statement = Statement::new(sql);
        statement.values(some, |row, (name, hash)| {
            row.bind(signed(version))
                .bind((*name).clone())
                .bind((*hash).clone());
        });
        statement.query().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Raises the version of each map that is made from something else now; whether there was one, before which others had been published.
async fn note_maps(
    connection: &mut AnyConnection,
    maps: &BTreeMap<String, String>,
) -> Result<bool, sqlx::Error> {
    let rows = sqlx::query("SELECT name, fingerprint FROM maps")
        .fetch_all(&mut *connection)
        .await?;
    let mut changed = BTreeSet::new();
    let mut is_first = true;
    for row in rows {
        let (name, before): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        is_first &= before.is_none();
        if before.as_ref() != maps.get(&name) {
            changed.insert(name);
        }
    }
    for name in &changed {
        sqlx::query("UPDATE maps SET version = version + 1, fingerprint = $2 WHERE name = $1")
            .bind(name.clone())
            .bind(maps.get(name).cloned())
            .execute(&mut *connection)
            .await?;
    }
    Ok(!changed.is_empty() && !is_first)
}

async fn newest(connection: &mut AnyConnection) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT version FROM content_versions ORDER BY version DESC LIMIT 1")
        .fetch_optional(connection)
        .await
}

async fn files_of(
    connection: &mut AnyConnection,
    version: i64,
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    pairs(
        connection,
        "SELECT path, hash FROM content_files WHERE version = $1",
        version,
    )
    .await
}

async fn maps_of(
    connection: &mut AnyConnection,
    version: i64,
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    pairs(
        connection,
        "SELECT name, fingerprint FROM content_maps WHERE version = $1",
        version,
    )
    .await
}

async fn pairs(
    connection: &mut AnyConnection,
    sql: &'static str,
    version: i64,
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let rows = sqlx::query(sql).bind(version).fetch_all(connection).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}
