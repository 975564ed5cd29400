//! `world publish`, and what `up` does with its world: a folder becomes the current content of a database, or is refused with its reasons.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;
use store::{
    Store,
    announce::Topic,
    content::{Publication, Published},
};
use world::{
    content::{Content, Files},
    entity::{Attribute, EntityState},
    region_id::RegionId,
    report::Report,
};

use super::{Progress, Summary, check, summary::count};
use crate::data::Data;

pub(super) const LONG_ABOUT: &str = "Make a world the current one, in a data folder or a database, and in the cluster that runs on it.\n\n\
    The folder is checked as `world check` does, and copied into the database as one new content version; a running cluster serves it \
    within a second. A world that could not be served is refused, and what was current stays. If nothing has changed, nothing happens.";

/// The template that new characters begin with.
const PLAYER: &str = "player";
/// How often a folder is read again because others have published meanwhile. Each time, one of them has come to its end.
const ATTEMPTS_MAX: usize = 16;

/// What became of a folder.
pub(crate) enum Outcome {
    /// It is the current content.
    Published {
        /// Its version, and what changed with it.
        published: Published,
        /// It in numbers.
        summary: Summary,
        /// What there is to warn of.
        report: Report,
    },
    /// It cannot be served; nothing has changed.
    Refused(Report),
}

/// Publishes a folder. Its new maps are put beside those that are there; if others have put theirs there meanwhile, it is done anew.
pub(crate) async fn publish(
    store: &Store,
    folder: &Path,
    progress: Progress,
) -> anyhow::Result<Outcome> {
    for _ in 0..ATTEMPTS_MAX {
        let known = store.content().placements().await?;
        let checked = check::read(folder, known.clone(), progress.clone()).await?;
        let Some(content) = checked.content else {
            return Ok(Outcome::Refused(checked.report));
        };
        let summary = Summary::of(&content.terrain);
        let publication = publication(&content, checked.files);
        let published = store.content().publish_beside(known, publication).await?;
        if let Some(published) = published {
            return Ok(Outcome::Published {
                published,
                summary,
                report: checked.report,
            });
        }
    }
    anyhow::bail!("others publish all the time; nothing was published")
}

fn publication(content: &Content, files: Files) -> Publication {
    let terrain = &content.terrain;
    let maps: BTreeMap<_, _> = content
        .fingerprints
        .iter()
        .filter_map(|(name, fingerprint)| {
            let place = *content.placements.get(name)?;
            Some((name.clone(), (place, fingerprint.clone())))
        })
        .collect();
    let attributes = content
        .settings
        .template(PLAYER)
        .map(|(name, value)| (name.clone(), Attribute::lasting(value.clone())))
        .collect();
    Publication {
        world: content.settings.name.clone(),
        files,
        maps,
        client_version: content.client_version.clone(),
        start_region: RegionId::of(terrain.start(), terrain.cell_tiles()),
        start_state: EntityState {
            attributes,
            ..EntityState::at(terrain.start())
        },
    }
}

/// The command.
pub(super) async fn run(folder: PathBuf, data: &Data, as_json: bool) -> anyhow::Result<ExitCode> {
    let store = data.open_or_make().await?;
    let outcome = publish(&store, &folder, Progress::shown()).await;
    store.close().await;
    let outcome = outcome?;
    if let Outcome::Published { published, .. } = &outcome
        && published.is_new
    {
        data.announce(Topic::Flags).await?;
    }
    Ok(match outcome {
        Outcome::Published {
            published,
            summary,
            report,
        } => {
            if as_json {
                println!("{}", document(published, &summary, &report));
            } else {
                print(published, &summary, &report);
            }
            ExitCode::SUCCESS
        }
        Outcome::Refused(report) => {
            if as_json {
                println!(
                    "{}",
                    json!({ "published": false, "problems": problems(&report) })
                );
            }
            for problem in &report.problems {
                eprintln!("{problem}");
            }
            eprintln!(
                "error: the world {} cannot be served; nothing was published",
                folder.display()
            );
            ExitCode::FAILURE
        }
    })
}

fn print(published: Published, summary: &Summary, report: &Report) {
    let version = published.version;
    if !published.is_new {
        println!("nothing has changed: content version {version} is current ({summary})");
        return;
    }
    println!("published as content version {version}: {summary}");
    if published.map_changed {
        println!("maps have changed: clients are told to read them again");
    }
    if published.client_changed {
        println!("client/VERSION has changed: clients are told to upgrade");
    }
    if !report.problems.is_empty() {
        println!(
            "{}; `pymmorpg world check` shows them",
            count(report.problems.len(), "warning")
        );
    }
}

fn document(published: Published, summary: &Summary, report: &Report) -> serde_json::Value {
    json!({
        "published": true,
        "version": published.version,
        "new": published.is_new,
        "map_changed": published.map_changed,
        "client_changed": published.client_changed,
        "total": summary,
        "problems": problems(report),
    })
}

fn problems(report: &Report) -> Vec<serde_json::Value> {
    report.problems.iter().map(check::problem).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A world of one map of that name.
    fn folder(map: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let tmx = r#"<?xml version="1.0" encoding="UTF-8"?>
<map version="1.10" orientation="orthogonal" renderorder="right-down" width="2" height="1" tilewidth="16" tileheight="16" infinite="0">
 <tileset firstgid="1" name="t" tilewidth="16" tileheight="16" tilecount="8" columns="8"><image source="t.png" width="128" height="16"/></tileset>
 <layer id="1" name="Ground" width="2" height="1"><data encoding="csv">0,0</data></layer>
 <objectgroup id="2" name="o"><object id="1" type="start" x="8" y="8"><point/></object></objectgroup>
</map>
"#;
        let files = [
            ("world.toml", "name = 'One'\n"),
            ("client/VERSION", "1.0.0"),
            (&format!("{map}.tmx"), tmx),
        ];
        std::fs::create_dir(folder.path().join("client")).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[tokio::test]
    async fn of_folders_that_are_published_at_once_none_takes_anothers_place() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::embedded(data.path()).await.unwrap();
        let folders = ["one", "two", "three", "four"].map(folder);
        let publishing = folders.each_ref().map(|folder| {
            let (store, path) = (store.clone(), folder.path().to_owned());
            tokio::spawn(async move { publish(&store, &path, Progress::hidden()).await })
        });
        for published in publishing {
            match published.await.unwrap().unwrap() {
                Outcome::Published { published, .. } => assert!(published.is_new),
                Outcome::Refused(report) => panic!("{report:?}"),
            }
        }
        let placements = store.content().placements().await.unwrap();
        let levels: BTreeSet<_> = placements.values().map(|place| place.level).collect();
        assert_eq!((placements.len(), levels.len()), (4, 4), "{placements:?}");
        store.close().await;
    }
}
