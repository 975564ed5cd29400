//! The database of a command that works beside a running cluster. It never makes a data folder: one that is not there is a slip of the pen.

use std::{path::PathBuf, sync::OnceLock, time::Duration};

use anyhow::{Context, bail};
use runtime::{process, settings};
use serde::{Deserialize, Serialize};
use store::{Database, Store, announce::Topic, settings::Settings};

/// `--data` and `--sql`, for every command that needs a database.
#[derive(Debug, clap::Args, Serialize)]
pub(crate) struct Place {
    /// The folder where accounts and everything else that must last are kept, if that is not in PostgreSQL [env: PYMMORPG_DATA] [default: ./data].
    #[arg(id = "data", long = "data", value_name = "DIR", conflicts_with = "sql")]
    #[serde(rename = "data")]
    folder: Option<PathBuf>,
    /// The PostgreSQL database of a cluster: postgres://USER:PASSWORD@HOST/DATABASE [env: PYMMORPG_SQL, or PYMMORPG_SQL_FILE for a file that holds it].
    #[arg(long, value_name = "URL")]
    sql: Option<String>,
    /// What all that comes to, once it has been looked at: a file is read once.
    #[arg(skip)]
    #[serde(skip)]
    settings: OnceLock<Settings>,
}

/// `--redis` as well, for those that speak with a cluster.
#[derive(Debug, clap::Args, Serialize)]
pub(crate) struct Data {
    #[command(flatten)]
    #[serde(flatten)]
    place: Place,
    /// The Redis of a cluster, through which it is told of a change at once instead of noticing within a second [env: PYMMORPG_REDIS, or
    /// PYMMORPG_REDIS_FILE for a file that holds it].
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

/// The settings that name a database.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
struct Named {
    data: PathBuf,
    sql: Option<String>,
    redis: Option<String>,
}

impl Default for Named {
    fn default() -> Self {
        Self {
            data: DEFAULT.into(),
            sql: None,
            redis: None,
        }
    }
}

/// What is wrong when a folder and a database are named.
pub(crate) const TWO_PLACES: &str = "sql is set too; choose one of them";

/// Where data are kept if nothing else is said.
pub(crate) const DEFAULT: &str = "./data";

impl Place {
    /// Opens the database that is there.
    pub(crate) async fn open(&self) -> anyhow::Result<Store> {
        open(self.settings(self)?).await
    }

    /// The database.
    pub(crate) fn database(&self) -> anyhow::Result<Database> {
        Ok(self.settings(self)?.database().clone())
    }

    /// What these flags come to, with the environment.
    fn settings(&self, flags: &impl Serialize) -> Result<&Settings, settings::Error> {
        if let Some(settings) = self.settings.get() {
            return Ok(settings);
        }
        let loaded = load(flags)?;
        Ok(self.settings.get_or_init(|| loaded))
    }
}

impl Data {
    /// Opens the database that is there.
    pub(crate) async fn open(&self) -> anyhow::Result<Store> {
        open(self.settings()?).await
    }

    /// Opens the database, or makes it.
    pub(crate) async fn open_or_make(&self) -> anyhow::Result<Store> {
        open_or_make(self.settings()?).await
    }

    /// Tells a running cluster that there may be something new.
    pub(crate) async fn announce(&self, topic: Topic) -> anyhow::Result<()> {
        Ok(self.settings()?.announce(topic).await?)
    }

    /// Whether Redis answers: its URL as people may see it, and how long it took. None: there is none.
    pub(crate) async fn try_redis(&self) -> anyhow::Result<Option<(String, Option<Duration>)>> {
        Ok(self.settings()?.try_redis().await?)
    }

    /// The database, as people may see it.
    pub(crate) fn shown(&self) -> anyhow::Result<String> {
        Ok(self.settings()?.database().to_string())
    }

    fn settings(&self) -> Result<&Settings, settings::Error> {
        self.place.settings(self)
    }
}

fn load(flags: &impl Serialize) -> Result<Settings, settings::Error> {
    let settings::Loaded { settings, sources } =
        settings::load_with_files::<Named>(None, Named::default(), flags, &process::SECRETS)?;
    if settings.sql.is_some() && sources.is_set("data") {
        return Err(sources.refuse("data", TWO_PLACES));
    }
    Settings::new(settings.sql, settings.redis, settings.data)
        .map_err(|wrong| sources.refuse(wrong.key, wrong.problem))
}

async fn open(settings: &Settings) -> anyhow::Result<Store> {
    if let Database::Embedded(folder) = settings.database()
        && !Store::exists(folder)
    {
        bail!(
            "there is no data in {}: `pymmorpg up` and `pymmorpg world publish` make a data folder, --data DIR names another, \
             --sql URL a database of PostgreSQL",
            folder.display()
        );
    }
    open_or_make(settings).await
}

async fn open_or_make(settings: &Settings) -> anyhow::Result<Store> {
    let store = Store::open(settings.database()).await;
    match settings.database() {
        Database::Embedded(folder) => store.with_context(|| format!("--data {}", folder.display())),
        // The error names the URL itself.
        Database::Postgres(_) => Ok(store?),
    }
}
