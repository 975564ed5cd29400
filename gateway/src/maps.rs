//! Maps as entities: what `get` says of `map:NAME` (PROTOCOL, "Reading the map"). Every answer is of a version that was read after the question
//! came, so whoever has just edited a map reads the edit; what that version says is kept until there is another.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use store::Store;
use tokio::sync::{Mutex, OnceCell};
use wire::{Dialect, Value, pickle};
use world::{
    terrain::{Map, TileEdit},
    tmx,
};

use crate::throttle::Throttle;

/// What names of maps begin with.
pub(crate) const PREFIX: &str = "map:";

/// How long after the database did not answer it is asked again. The session that waits has a deadline of its own.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database did not answer, or a world cannot be read.
    #[error("the map cannot be read")]
    Store(#[from] store::Error),
    /// The map's file cannot be written with its edits.
    #[error("the map's file cannot be written with its edits")]
    File(#[from] tmx::Error),
}

/// Copies of the maps.
#[derive(Debug)]
pub(crate) struct Maps {
    store: Store,
    /// How many times it was begun to read the versions.
    begun_count: AtomicU64,
    versions: Mutex<Versions>,
    copies: Mutex<HashMap<String, Arc<Copy>>>,
    warnings: Throttle,
}

/// The versions as they were read last.
#[derive(Debug, Default)]
struct Versions {
    /// The count of the reading that this came from.
    reading: u64,
    by_map: Arc<BTreeMap<String, u64>>,
}

/// A map as it stands.
#[derive(Debug)]
struct Copy {
    version: u64,
    bounds: Value,
    file: Bytes,
    edits: Vec<TileEdit>,
    /// The pickled file with its edits, for those dialects in which somebody has asked.
    tmx: [OnceCell<Bytes>; 4],
}

impl Maps {
    /// Copies that are made when somebody asks.
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            begun_count: AtomicU64::new(0),
            versions: Mutex::default(),
            copies: Mutex::default(),
            warnings: Throttle::default(),
        }
    }

    /// An attribute of a map, as a [`pickle::fragment`] that all who ask share. `name` is without its [`PREFIX`].
    pub(crate) async fn get(&self, name: &str, attribute: &str, dialect: Dialect) -> Bytes {
        loop {
            match self.try_get(name, attribute, dialect).await {
                Ok(answer) => return answer,
                Err(error) if self.warnings.is_due() => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    map = name,
                    "trying again"
                ),
                Err(_) => {}
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    async fn try_get(&self, name: &str, attribute: &str, dialect: Dialect) -> Result<Bytes, Error> {
        let value = match self.versions().await?.get(name) {
            None => Value::None,
            Some(version) => match attribute {
                "version" => Value::Int(i64::try_from(*version).unwrap_or(i64::MAX)),
                "bounds" | "edits" | "tmx" => match self.copy(name, *version).await? {
                    None => Value::None,
                    Some(copy) => match attribute {
                        "bounds" => copy.bounds.clone(),
                        "edits" => edits_value(&copy.edits),
                        _ => return copy.tmx(dialect).await,
                    },
                },
                _ => Value::None,
            },
        };
        Ok(pickled(&value, dialect))
    }

    /// The versions, read after this was called. Those who come while it is read share the next reading.
    async fn versions(&self) -> Result<Arc<BTreeMap<String, u64>>, store::Error> {
        let before = self.begun_count.load(Ordering::SeqCst);
        let mut versions = self.versions.lock().await;
        if versions.reading <= before {
            let reading = self.begun_count.fetch_add(1, Ordering::SeqCst) + 1;
            let by_map = Arc::new(self.store.edits().map_versions().await?);
            *versions = Versions { reading, by_map };
        }
        Ok(Arc::clone(&versions.by_map))
    }

    /// A map that is at least of this version; None: the world does not have it.
    async fn copy(&self, name: &str, version: u64) -> Result<Option<Arc<Copy>>, store::Error> {
        let mut copies = self.copies.lock().await;
        if let Some(copy) = copies.get(name)
            && copy.version >= version
        {
            return Ok(Some(Arc::clone(copy)));
        }
        // Both are read after the version, so they are of it or of a later one.
        let world = self.store.content().world().await?;
        let edits = self.store.edits().tiles().await?;
        let found = world
            .as_ref()
            .and_then(|world| Some((world, world.content.terrain.map(name)?)));
        let Some((world, map)) = found else {
            copies.remove(name);
            return Ok(None);
        };
        let copy = Arc::new(Copy {
            version,
            bounds: bounds_value(map),
            file: world.files.get(&map.file).cloned().unwrap_or_default(),
            edits: edits.into_iter().filter(|edit| edit.map == name).collect(),
            tmx: Default::default(),
        });
        copies.insert(name.to_owned(), Arc::clone(&copy));
        Ok(Some(copy))
    }
}

impl Copy {
    async fn tmx(self: Arc<Self>, dialect: Dialect) -> Result<Bytes, Error> {
        let copy = Arc::clone(&self);
        let write = move || -> Result<Bytes, tmx::Error> {
            let file = tmx::with_edits(&copy.file, &copy.edits)?;
            Ok(pickled(&Value::Bytes(file), dialect))
        };
        let cell = &self.tmx[dialect.index()];
        let written = cell.get_or_try_init(|| async {
            match tokio::task::spawn_blocking(write).await {
                Ok(written) => written.map_err(Error::File),
                Err(_) => Err(Error::Store(store::Error::Closing)),
            }
        });
        written.await.cloned()
    }
}

/// `(x, y, z, width, height)`
fn bounds_value(map: &Map) -> Value {
    let (west, north, ..) = map.area();
    let numbers = [
        i64::from(west),
        i64::from(north),
        i64::from(map.level),
        i64::from(map.width),
        i64::from(map.height),
    ];
    Value::Tuple(numbers.into_iter().map(Value::Int).collect())
}

/// `[(layer, x, y, gid)…]`
fn edits_value(edits: &[TileEdit]) -> Value {
    let edits = edits.iter().map(|edit| {
        Value::Tuple(vec![
            Value::Str(edit.layer.clone()),
            Value::Int(i64::from(edit.x)),
            Value::Int(i64::from(edit.y)),
            Value::Int(i64::from(edit.gid)),
        ])
    });
    Value::List(edits.collect())
}

fn pickled(value: &Value, dialect: Dialect) -> Bytes {
    let mut out = Vec::new();
    pickle::fragment(value, dialect, &mut out);
    out.into()
}
