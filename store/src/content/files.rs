//! Files by their hash: packed, in chunks, and whole again.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sqlx::{AnyConnection, Row};
use world::content::Files;

use crate::{entities::signed, error::Error};

/// The most bytes of a file in one row.
const CHUNK_BYTES: usize = 1 << 20;
/// zstd's level: maps and tilesets shrink to a tenth with it, at 100 MB/s.
const COMPRESSION: i32 = 3;
/// The largest file that is unpacked: anything larger was not written by us.
const FILE_BYTES_MAX: usize = 1 << 30;

/// Files, ready to be stored.
#[derive(Debug)]
pub(super) struct Packed {
    /// Path to hash.
    pub(super) hashes: BTreeMap<String, String>,
    /// Hash to compressed data.
    data: BTreeMap<String, Vec<u8>>,
}

impl Packed {
    pub(super) fn new(files: &Files) -> Self {
        let mut hashes = BTreeMap::new();
        let mut data = BTreeMap::new();
        for (path, bytes) in files {
            let hash = blake3::hash(bytes).to_hex().to_string();
            if !data.contains_key(&hash) {
                let packed = zstd::bulk::compress(bytes, COMPRESSION)
                    .expect("compressing memory into memory cannot fail");
                data.insert(hash.clone(), packed);
            }
            hashes.insert(path.clone(), hash);
        }
        Self { hashes, data }
    }

    /// Stores what is not stored.
    pub(super) async fn store(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        let rows = sqlx::query("SELECT hash FROM content_chunks WHERE part = 0")
            .fetch_all(&mut *connection)
            .await?;
        let stored: BTreeSet<String> = rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        for (hash, packed) in &self.data {
            if !stored.contains(hash) {
                store(connection, hash, packed).await?;
            }
        }
        Ok(())
    }
}

async fn store(
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

/// Every file of a version.
pub(super) async fn load(connection: &mut AnyConnection, version: u64) -> Result<Files, Error> {
    let rows = sqlx::query("SELECT path, hash FROM content_files WHERE version = $1")
        .bind(signed(version))
        .fetch_all(&mut *connection)
        .await?;
    let mut files = Files::new();
    let mut by_hash: BTreeMap<String, Bytes> = BTreeMap::new();
    for row in rows {
        let (path, hash): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let data = match by_hash.get(&hash) {
            Some(data) => data.clone(),
            None => file(connection, &path, &hash).await?,
        };
        by_hash.insert(hash, data.clone());
        files.insert(path, data);
    }
    Ok(files)
}

async fn file(connection: &mut AnyConnection, path: &str, hash: &str) -> Result<Bytes, Error> {
    let parts = sqlx::query("SELECT data FROM content_chunks WHERE hash = $1 ORDER BY part")
        .bind(hash.to_owned())
        .fetch_all(connection)
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
