//! The data folder of a command that works beside a running cluster. It never makes one: a folder that is not there is a slip of the pen.

use std::path::PathBuf;

use anyhow::{Context, bail};
use store::Store;

/// `--data`, for every command that needs it.
#[derive(Debug, clap::Args)]
pub(crate) struct Data {
    /// The folder where accounts and everything else that must last are kept.
    #[arg(id = "data", long = "data", value_name = "DIR", env = "PYMMORPG_DATA", default_value = DEFAULT)]
    pub(crate) folder: PathBuf,
}

/// Where data are kept if nothing else is said.
pub(crate) const DEFAULT: &str = "./data";

impl Data {
    /// Opens the database that is there.
    pub(crate) async fn open(&self) -> anyhow::Result<Store> {
        if !Store::exists(&self.folder) {
            bail!(
                "there is no data in {}: `pymmorpg up` and `pymmorpg world publish` make a data folder, --data DIR names another",
                self.folder.display()
            );
        }
        self.open_or_make().await
    }

    /// Opens the database, or makes it.
    pub(crate) async fn open_or_make(&self) -> anyhow::Result<Store> {
        Store::embedded(&self.folder)
            .await
            .with_context(|| format!("--data {}", self.folder.display()))
    }
}
