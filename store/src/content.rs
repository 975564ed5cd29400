//! Published worlds: every file of a world folder by its hash, compressed, in chunks. What the files mean is for [`world::content`] to say.

use std::{collections::BTreeMap, sync::Arc};

use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};
use world::{
    content::{Content, Files, Placement, Placements},
    entity::EntityState,
    region_id::RegionId,
    report::Severity,
    state_pickle,
};

use crate::{
    Store,
    entities::{region_of, unsigned},
    error::Error,
};

mod files;
mod publish;

pub use publish::VERSIONS_KEPT;

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

const COLUMNS: &str =
    "version, at_ms, world, client_version, file_count, byte_count, start_region, start_state";

impl ContentStore<'_> {
    /// Makes a world the current one. Files that are stored already are not stored again; if all is as it was, nothing is written.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn publish(&self, publication: Publication) -> Result<Published, Error> {
        let published = publish::publish(self.0, publication, None).await?;
        Ok(published.expect("nothing was seen that could have changed"))
    }

    /// The same for a world whose maps have their places by those that were seen, unless these have changed meanwhile: then None, and the places are to
    /// be found again. Of several who publish new maps at once, none takes another's place.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn publish_beside(
        &self,
        seen: Placements,
        publication: Publication,
    ) -> Result<Option<Published>, Error> {
        publish::publish(self.0, publication, Some(seen)).await
    }

    /// Makes an earlier version current again, as a new version with the same files. None: it is not kept any more.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn rollback(&self, to: u64) -> Result<Option<Published>, Error> {
        publish::rollback(self.0, to).await
    }

    /// The current version; None: nothing was ever published.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn current(&self) -> Result<Option<ContentVersion>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM content_versions ORDER BY version DESC LIMIT 1");
        let row = self
            .0
            .reads()
            .optional(sqlx::query(AssertSqlSafe(sql)))
            .await?;
        row.as_ref().map(read).transpose()
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
        let stored = self
            .0
            .reads()
            .snapshot(|connection| Box::pin(Stored::read(connection)))
            .await?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let world = tokio::task::spawn_blocking(|| stored.understand())
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
        let sql = format!("SELECT {COLUMNS} FROM content_versions ORDER BY version DESC");
        let rows = self.0.reads().all(sqlx::query(AssertSqlSafe(sql))).await?;
        rows.iter().map(read).collect()
    }

    /// Every file of a version. No files: it is not kept any more.
    ///
    /// # Errors
    /// The database did not answer, or holds something else than what was published.
    pub async fn load(&self, version: u64) -> Result<Files, Error> {
        self.0
            .reads()
            .snapshot(move |connection| Box::pin(files::load(connection, version)))
            .await
    }

    /// The place of every map that was ever published.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn placements(&self) -> Result<Placements, Error> {
        let rows = self.0.reads().all(sqlx::query(PLACEMENTS)).await?;
        rows.iter().map(placement).collect()
    }
}

/// A content version with all that belongs to it, as it was at one moment.
struct Stored {
    version: ContentVersion,
    files: Files,
    placements: Placements,
}

impl Stored {
    async fn read(connection: &mut AnyConnection) -> Result<Option<Self>, Error> {
        let Some(version) = newest(connection).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            files: files::load(connection, version.version).await?,
            placements: placements(connection).await?,
            version,
        }))
    }

    fn understand(self) -> Result<World, Error> {
        let Self {
            version,
            files,
            placements,
        } = self;
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
    }
}

async fn newest(connection: &mut AnyConnection) -> Result<Option<ContentVersion>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM content_versions ORDER BY version DESC LIMIT 1");
    let row = sqlx::query(AssertSqlSafe(sql))
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

const PLACEMENTS: &str = "SELECT name, level, x, y, CAST(CASE WHEN fingerprint IS NULL THEN 0 ELSE 1 END AS BIGINT) FROM maps";

async fn placements(connection: &mut AnyConnection) -> Result<Placements, Error> {
    let rows = sqlx::query(PLACEMENTS).fetch_all(connection).await?;
    rows.iter().map(placement).collect()
}

fn placement(row: &AnyRow) -> Result<(String, Placement), Error> {
    let name: String = row.try_get(0)?;
    let number = |column| {
        i32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| Error::Corrupt {
            what: "placement",
            name: name.clone(),
        })
    };
    let placement = Placement {
        level: number(1)?,
        x: number(2)?,
        y: number(3)?,
        is_current: number(4)? != 0,
    };
    Ok((name, placement))
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
