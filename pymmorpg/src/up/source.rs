//! Which world a cluster serves, and its publication at start.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use store::{Store, content::World};
use world::report::Report;

use super::bundled;
use crate::world::{Outcome, Progress, publish};

/// The example world, from the repository's folder.
const EXAMPLE: &str = "examples/meadow";

/// Where the world comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// A folder that somebody named: published now and at each change.
    Named(PathBuf),
    /// The example world, because there is no other: published once.
    Example(PathBuf),
    /// What was published last.
    Stored,
}

impl Source {
    /// A world that is named; without one, what the store has; if it has nothing, the example.
    pub(super) async fn choose(named: Option<&Path>, store: &Store) -> anyhow::Result<Self> {
        if let Some(folder) = named {
            return Ok(Self::Named(folder.to_owned()));
        }
        if store.content().current().await?.is_some() {
            return Ok(Self::Stored);
        }
        match bundled::find(EXAMPLE) {
            Some(folder) => Ok(Self::Example(folder)),
            None => {
                let looked: Vec<String> = bundled::candidates(EXAMPLE)
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                bail!(
                    "there is no world to serve: nothing was ever published here, and the example world is in none of {}; name a world with --world DIR",
                    looked.join(", ")
                )
            }
        }
    }

    /// The folder whose changes are to be published.
    pub(super) fn watched(&self) -> Option<&Path> {
        match self {
            Self::Named(folder) => Some(folder),
            Self::Example(_) | Self::Stored => None,
        }
    }

    /// Publishes it if need be, and reads what is to be served.
    pub(super) async fn publish(&self, store: &Store) -> anyhow::Result<Arc<World>> {
        if let Self::Named(folder) | Self::Example(folder) = self {
            match publish(store, folder, Progress::shown()).await? {
                Outcome::Published {
                    published, report, ..
                } => tracing::info!(
                    folder = %folder.display(),
                    version = published.version,
                    is_new = published.is_new,
                    warning_count = report.problems.len(),
                    "world published"
                ),
                Outcome::Refused(report) => return refuse(folder, &report),
            }
        }
        store
            .content()
            .world()
            .await?
            .context("what was just published is not there")
    }
}

fn refuse<T>(folder: &Path, report: &Report) -> anyhow::Result<T> {
    for problem in &report.problems {
        eprintln!("{problem}");
    }
    let folder = folder.display();
    bail!(
        "the world {folder} cannot be served: mend the errors above (`pymmorpg world check {folder}` shows them again), or choose another with --world"
    )
}
