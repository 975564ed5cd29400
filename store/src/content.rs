//! Published worlds: every file of a world folder by its hash, compressed, in chunks. What the files mean is for [`world::content`] to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use sqlx::{AnyConnection, Row, any::AnyRow};
use world::{
    content::{Content, Files, Placement, Placements},
    entity::EntityState,
    region_id::RegionId,
    report::Severity,
    state_pickle,
};

use crate::{
    Store, clock,
    entities::{region_of, signed, unsigned},
    error::Error,
    versions::raise,
    writer::Verdict,
};

/// How many content versions are kept to go back to.
pub const VERSIONS_KEPT: i64 = 10;
/// The most bytes of a file in one row.
const CHUNK_BYTES: usize = 1 << 20;
/// zstd's level: maps and tilesets shrink to a tenth with it, at 100 MB/s.
const COMPRESSION: i32 = 3;
/// The largest file that is unpacked: anything larger was not written by us.
const FILE_BYTES_MAX: usize = 1 << 30;

/// A world to be published.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Its name.
    pub world: String,
    /// Every file.
    pub files: Files,
    /// Every map of it: its place, and a hash of all that it is made from.
    pub maps: BTreeMap<String, (Placement, String)>,
    /// The text of `client/VERSION`.
    pub client_version: String,
    /// Where new characters begin.
    pub start_region: RegionId,
    /// What new characters begin as.
    pub start_state: EntityState,
}

/// What became of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The content version that is now current.
    pub version: u64,
    /// Whether it is a new one; not if nothing has changed.
    pub is_new: bool,
    /// Whether a map has changed.
    pub map_changed: bool,
    /// Whether the client's version has changed.
    pub client_changed: bool,
}

/// One content version.
#[derive(Debug, Clone, PartialEq)]
pub struct ContentVersion {
    /// Its number.
    pub version: u64,
    /// When it was published, in milliseconds since 1970.
    pub at_ms: u64,
    /// The world's name.
    pub world: String,
    /// The text of `client/VERSION`.
    pub client_version: String,
    /// How many files it has.
    pub file_count: u64,
    /// How many bytes its files have.
    pub byte_count: u64,
    /// Where new characters begin.
    pub start_region: RegionId,
    /// What new characters begin as.
    pub start_state: EntityState,
}

/// A content version, read and understood.
#[derive(Debug, Clone)]
pub struct World {
    /// Which version it is.
    pub version: ContentVersion,
    /// Every file of it.
    pub files: Files,
    /// What the files say.
    pub content: Content,
}

/// Operations on published content.
#[derive(Debug, Clone, Copy)]
pub struct ContentStore<'s>(pub(crate) &'s Store);

impl ContentStore<'_> {
    /// Makes a world the current one. Files that are stored already are not stored again; if all is as it was, nothing is written.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn publish(&self, publication: Publication) -> Result<Published, Error> {
        let packed = tokio::task::spawn_blocking(move || Packed::new(publication))
            .await
            .map_err(|_| Error::Closing)?;
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| Box::pin(publish(connection, packed)))
            .await
    }

    /// Makes an earlier version current again, as a new version with the same files. None: it is not kept any more.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn rollback(&self, to: u64) -> Result<Option<Published>, Error> {
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| Box::pin(rollback(connection, to)))
            .await
    }

    /// The current version; None: nothing was ever published.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn current(&self) -> Result<Option<ContentVersion>, Error> {
        let sql = "SELECT version, at_ms, world, client_version, file_count, byte_count, start_region, start_state \
                   FROM content_versions ORDER BY version DESC LIMIT 1";
        sqlx::query(sql)
            .fetch_optional(self.0.reader())
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// The current version, ready to be served; None: nothing was ever published. All clones of a store share what was read.
    ///
    /// # Errors
    /// The database did not answer, or this program cannot serve what an earlier or later one has published.
    pub async fn world(&self) -> Result<Option<Arc<World>>, Error> {
        let mut known = self.0.world().lock().await;
        let Some(version) = self.current().await? else {
            return Ok(None);
        };
        if let Some(world) = known
            .as_ref()
            .filter(|world| world.version.version == version.version)
        {
            return Ok(Some(Arc::clone(world)));
        }
        let files = self.load(version.version).await?;
        let placements = self.placements().await?;
        let read = move || {
            let loaded = world::content::load(&files, &placements);
            match loaded.content {
                Some(content) => Ok(World {
                    version,
                    files,
                    content,
                }),
                None => Err(Error::Unservable {
                    version: version.version,
                    problem: loaded
                        .report
                        .problems
                        .iter()
                        .find(|problem| problem.severity == Severity::Error)
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                }),
            }
        };
        let world = tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| Error::Closing)??;
        let world = Arc::new(world);
        *known = Some(Arc::clone(&world));
        Ok(Some(world))
    }

    /// The versions that are kept, newest first.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn versions(&self) -> Result<Vec<ContentVersion>, Error> {
        let sql = "SELECT version, at_ms, world, client_version, file_count, byte_count, start_region, start_state \
                   FROM content_versions ORDER BY version DESC";
        sqlx::query(sql)
            .fetch_all(self.0.reader())
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Every file of a version. No files: it is not kept any more.
    ///
    /// # Errors
    /// The database did not answer, or holds something else than what was published.
    pub async fn load(&self, version: u64) -> Result<Files, Error> {
        let rows = sqlx::query("SELECT path, hash FROM content_files WHERE version = $1")
            .bind(signed(version))
            .fetch_all(self.0.reader())
            .await?;
        let mut files = Files::new();
        let mut by_hash: BTreeMap<String, Bytes> = BTreeMap::new();
        for row in rows {
            let (path, hash): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let data = match by_hash.get(&hash) {
                Some(data) => data.clone(),
                None => self.file(&path, &hash).await?,
            };
            by_hash.insert(hash, data.clone());
            files.insert(path, data);
        }
        Ok(files)
    }

    async fn file(&self, path: &str, hash: &str) -> Result<Bytes, Error> {
        let parts = sqlx::query("SELECT data FROM content_chunks WHERE hash = $1 ORDER BY part")
            .bind(hash.to_owned())
            .fetch_all(self.0.reader())
            .await?;
        let mut packed: Vec<u8> = Vec::new();
        for part in parts {
            packed.extend_from_slice(&part.try_get::<Vec<u8>, _>(0)?);
        }
        let corrupt = || Error::Corrupt {
            what: "content file",
            name: path.to_owned(),
        };
        let data = zstd::stream::decode_all(packed.as_slice()).map_err(|_| corrupt())?;
        if data.len() > FILE_BYTES_MAX || blake3::hash(&data).to_hex().as_str() != hash {
            return Err(corrupt());
        }
        Ok(Bytes::from(data))
    }

    /// The place of every map that was ever published.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn placements(&self) -> Result<Placements, Error> {
        let sql =
            "SELECT name, level, x, y, CASE WHEN fingerprint IS NULL THEN 0 ELSE 1 END FROM maps";
        let rows = sqlx::query(sql).fetch_all(self.0.reader()).await?;
        rows.iter()
            .map(|row| {
                let name: String = row.try_get(0)?;
                let number = |column| {
                    i32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| Error::Corrupt {
                        what: "placement",
                        name: name.clone(),
                    })
                };
                Ok((
                    name.clone(),
                    Placement {
                        level: number(1)?,
                        x: number(2)?,
                        y: number(3)?,
                        is_current: number(4)? != 0,
                    },
                ))
            })
            .collect()
    }
}

struct Packed {
    publication: Publication,
    /// Path to hash.
    hashes: BTreeMap<String, String>,
    /// Hash to compressed data.
    data: BTreeMap<String, Vec<u8>>,
}

impl Packed {
    fn new(publication: Publication) -> Self {
        let mut hashes = BTreeMap::new();
        let mut data = BTreeMap::new();
        for (path, bytes) in &publication.files {
            let hash = blake3::hash(bytes).to_hex().to_string();
            if !data.contains_key(&hash) {
                let packed = zstd::bulk::compress(bytes, COMPRESSION)
                    .expect("compressing memory into memory cannot fail");
                data.insert(hash.clone(), packed);
            }
            hashes.insert(path.clone(), hash);
        }
        Self {
            publication,
            hashes,
            data,
        }
    }
}

async fn publish(
    connection: &mut AnyConnection,
    packed: Packed,
) -> Result<Verdict<Published>, sqlx::Error> {
    let Packed {
        publication,
        hashes,
        data,
    } = packed;
    let current = newest(connection).await?;
    let same_files = match current {
        Some(version) => files_of(connection, version).await? == hashes,
        None => false,
    };
    let maps = publication
        .maps
        .iter()
        .map(|(name, (_, fingerprint))| (name.clone(), fingerprint.clone()))
        .collect();
    if same_files && maps_of(connection, current.unwrap_or(0)).await? == maps {
        let published = Published {
            version: unsigned(current.unwrap_or(0)),
            is_new: false,
            map_changed: false,
            client_changed: false,
        };
        return Ok(Verdict::Undo(published));
    }
    for (hash, packed) in data {
        store_file(connection, &hash, &packed).await?;
    }
    let byte_count = publication
        .files
        .values()
        .map(|data| data.len() as u64)
        .sum();
    let version = ContentVersion {
        version: 0,
        at_ms: 0,
        world: publication.world,
        client_version: publication.client_version,
        file_count: publication.files.len() as u64,
        byte_count,
        start_region: publication.start_region,
        start_state: publication.start_state,
    };
    for (name, (placement, _)) in &publication.maps {
        sqlx::query("INSERT INTO maps (name, level, x, y, version) VALUES ($1, $2, $3, $4, 0) \
                     ON CONFLICT (name) DO UPDATE SET level = excluded.level, x = excluded.x, y = excluded.y")
            .bind(name.clone())
            .bind(i64::from(placement.level))
            .bind(i64::from(placement.x))
            .bind(i64::from(placement.y))
            .execute(&mut *connection)
            .await?;
    }
    Ok(Verdict::Keep(
        make_current(connection, version, &hashes, &maps).await?,
    ))
}

async fn rollback(
    connection: &mut AnyConnection,
    to: u64,
) -> Result<Verdict<Option<Published>>, sqlx::Error> {
    let sql = "SELECT version, at_ms, world, client_version, file_count, byte_count, start_region, start_state \
               FROM content_versions WHERE version = $1";
    let Some(row) = sqlx::query(sql)
        .bind(signed(to))
        .fetch_optional(&mut *connection)
        .await?
    else {
        return Ok(Verdict::Undo(None));
    };
    let version = read(&row).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let hashes = files_of(connection, signed(to)).await?;
    let maps = maps_of(connection, signed(to)).await?;
    Ok(Verdict::Keep(Some(
        make_current(connection, version, &hashes, &maps).await?,
    )))
}

/// Adds a version, notes what has changed with it, and forgets those that are too old.
async fn make_current(
    connection: &mut AnyConnection,
    content: ContentVersion,
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
    sqlx::query(
        "INSERT INTO content_versions (version, at_ms, world, client_version, file_count, byte_count, start_region, start_state) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(signed(version))
    .bind(clock::now_ms())
    .bind(content.world)
    .bind(content.client_version)
    .bind(signed(content.file_count))
    .bind(signed(content.byte_count))
    .bind(content.start_region.to_string())
    .bind(state_pickle::encode(&content.start_state))
    .execute(&mut *connection)
    .await?;
    for (path, hash) in hashes {
        insert_pair(
            connection,
            "INSERT INTO content_files (version, path, hash) VALUES ($1, $2, $3)",
            version,
            path,
            hash,
        )
        .await?;
    }
    for (name, fingerprint) in maps {
        insert_pair(
            connection,
            "INSERT INTO content_maps (version, name, fingerprint) VALUES ($1, $2, $3)",
            version,
            name,
            fingerprint,
        )
        .await?;
    }
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

async fn insert_pair(
    connection: &mut AnyConnection,
    sql: &'static str,
    version: u64,
    name: &str,
    hash: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(sql)
        .bind(signed(version))
        .bind(name.to_owned())
        .bind(hash.to_owned())
        .execute(connection)
        .await?;
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

async fn store_file(
    connection: &mut AnyConnection,
    hash: &str,
    packed: &[u8],
) -> Result<(), sqlx::Error> {
    for (part, chunk) in packed.chunks(CHUNK_BYTES).enumerate() {
        sqlx::query("INSERT INTO content_chunks (hash, part, data) VALUES ($1, $2, $3) ON CONFLICT (hash, part) DO NOTHING")
            .bind(hash.to_owned())
            .bind(i64::try_from(part).unwrap_or(i64::MAX))
            .bind(chunk.to_vec())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<ContentVersion, Error> {
    let version: i64 = row.try_get("version")?;
    let corrupt = || Error::Corrupt {
        what: "start state",
        name: format!("content version {version}"),
    };
    let state: Vec<u8> = row.try_get("start_state")?;
    Ok(ContentVersion {
        version: unsigned(version),
        at_ms: unsigned(row.try_get("at_ms")?),
        world: row.try_get("world")?,
        client_version: row.try_get("client_version")?,
        file_count: unsigned(row.try_get("file_count")?),
        byte_count: unsigned(row.try_get("byte_count")?),
        start_region: region_of(row.try_get("start_region")?, "content")?,
        start_state: state_pickle::decode(&state).map_err(|_| corrupt())?,
    })
}
