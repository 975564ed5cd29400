//! The database of a command that works beside a running cluster. It never makes a data folder: one that is not there is a slip of the pen.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, anyhow, bail};
use runtime::settings::masked;
use store::{Database, Store, announce::Topic, settings::Settings};

/// `--data` and `--sql`, for every command that needs a database.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The folder where accounts and everything else that must last are kept, if that is not in PostgreSQL.
    #[arg(id = "data", long = "data", value_name = "DIR", env = "PYMMORPG_DATA", default_value = DEFAULT, conflicts_with = "sql")]
    folder: PathBuf,
    /// The PostgreSQL database of a cluster: postgres://USER:PASSWORD@HOST/DATABASE.
    #[arg(long, value_name = "URL", env = "PYMMORPG_SQL", hide_env_values = true)]
    sql: Option<String>,
}

/// `--redis` as well, for those that speak with a cluster.
#[derive(Debug, clap::Args)]
pub(crate) struct Data {
    #[command(flatten)]
    place: Place,
    /// The Redis of a cluster, through which it is told of a change at once instead of noticing within a second.
    #[arg(
        long,
        value_name = "URL",
        env = "PYMMORPG_REDIS",
        hide_env_values = true
    )]
    redis: Option<String>,
}

/// Where data are kept if nothing else is said.
pub(crate) const DEFAULT: &str = "./data";

impl Place {
    /// Opens the database that is there.
    pub(crate) async fn open(&self) -> anyhow::Result<Store> {
        open(&self.settings(None)?).await
    }

    /// The database.
    pub(crate) fn database(&self) -> anyhow::Result<Database> {
        Ok(self.settings(None)?.database().clone())
    }

    fn settings(&self, redis: Option<&String>) -> anyhow::Result<Settings> {
        Settings::new(self.sql.clone(), redis.cloned(), self.folder.clone()).map_err(|wrong| {
            let (url, variable) = match wrong.key {
                "sql" => (self.sql.as_ref(), "PYMMORPG_SQL"),
                _ => (redis, "PYMMORPG_REDIS"),
            };
            let url = masked(url.map(String::as_str).unwrap_or_default());
            anyhow!("--{} {url:?} (or {variable}): {}", wrong.key, wrong.problem)
        })
    }
}

impl Data {
    /// Opens the database that is there.
    pub(crate) async fn open(&self) -> anyhow::Result<Store> {
        open(&self.settings()?).await
    }

    /// Opens the database, or makes it.
    pub(crate) async fn open_or_make(&self) -> anyhow::Result<Store> {
        open_or_make(&self.settings()?).await
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

    fn settings(&self) -> anyhow::Result<Settings> {
        self.place.settings(self.redis.as_ref())
    }
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
