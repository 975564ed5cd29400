//! The database of a command that works beside a running cluster. It never makes a data folder: one that is not there is a slip of the pen.

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use runtime::settings::masked;
use store::{Database, Store, announce::Topic, settings::Settings};

/// `--data`, `--sql` and `--redis`, for every command that needs them.
#[derive(Debug, clap::Args)]
pub(crate) struct Data {
    /// The folder where accounts and everything else that must last are kept, if that is not in PostgreSQL.
    #[arg(id = "data", long = "data", value_name = "DIR", env = "PYMMORPG_DATA", default_value = DEFAULT, conflicts_with = "sql")]
    folder: PathBuf,
    /// The PostgreSQL database of a cluster: postgres://USER:PASSWORD@HOST/DATABASE.
    #[arg(long, value_name = "URL", env = "PYMMORPG_SQL", hide_env_values = true)]
    sql: Option<String>,
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

impl Data {
    /// Opens the database that is there.
    pub(crate) async fn open(&self) -> anyhow::Result<Store> {
        if let Database::Embedded(folder) = self.settings()?.database()
            && !Store::exists(folder)
        {
            bail!(
                "there is no data in {}: `pymmorpg up` and `pymmorpg world publish` make a data folder, --data DIR names another, \
                 --sql URL a database of PostgreSQL",
                folder.display()
            );
        }
        self.open_or_make().await
    }

    /// Opens the database, or makes it.
    pub(crate) async fn open_or_make(&self) -> anyhow::Result<Store> {
        let settings = self.settings()?;
        let store = Store::open(settings.database()).await;
        match settings.database() {
            Database::Embedded(folder) => {
                store.with_context(|| format!("--data {}", folder.display()))
            }
            // The error names the URL itself.
            Database::Postgres(_) => Ok(store?),
        }
    }

    /// Tells a running cluster that there may be something new.
    pub(crate) async fn announce(&self, topic: Topic) -> anyhow::Result<()> {
        Ok(self.settings()?.announce(topic).await?)
    }

    /// The database, as people may see it.
    pub(crate) fn shown(&self) -> anyhow::Result<String> {
        Ok(self.settings()?.database().to_string())
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let (sql, redis) = (self.sql.clone(), self.redis.clone());
        Settings::new(sql, redis, self.folder.clone()).map_err(|wrong| {
            let (url, variable) = match wrong.key {
                "sql" => (&self.sql, "PYMMORPG_SQL"),
                _ => (&self.redis, "PYMMORPG_REDIS"),
            };
            let url = masked(url.as_deref().unwrap_or_default());
            anyhow!("--{} {url:?} (or {variable}): {}", wrong.key, wrong.problem)
        })
    }
}
