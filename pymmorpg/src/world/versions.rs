//! `world versions` and `world rollback`: what was published before, and the way back to it.

use std::process::ExitCode;

use anyhow::{Context, bail};
use indicatif::HumanBytes;
use serde_json::json;
use store::{Store, announce::Topic, content::Published};
use world::{
    content,
    report::{Problem, Severity},
};

use super::table;
use crate::{data::Data, utc};

pub(super) const ROLLBACK_LONG_ABOUT: &str = "Make an earlier content version the current one again.\n\n\
    It becomes a new version with the files of the old one, so this too can be undone; a running cluster serves it within a second.";

/// The command `world versions`.
pub(super) async fn list(data: &Data, as_json: bool) -> anyhow::Result<ExitCode> {
    let store = data.open().await?;
    let versions = store.content().versions().await;
    store.close().await;
    let versions = versions?;
    if as_json {
        let versions: Vec<_> = versions
            .iter()
            .enumerate()
            .map(|(index, version)| {
                json!({
                    "version": version.version,
                    "current": index == 0,
                    "published_ms": version.at_ms,
                    "world": version.world,
                    "client_version": version.client_version,
                    "files": version.file_count,
                    "bytes": version.byte_count,
                })
            })
            .collect();
        println!("{}", json!(versions));
        return Ok(ExitCode::SUCCESS);
    }
    if versions.is_empty() {
        println!("nothing was ever published");
        return Ok(ExitCode::SUCCESS);
    }
    let header = [
        "version",
        "published",
        "world",
        "client",
        "files",
        "size",
        "",
    ];
    let rows = versions.iter().enumerate().map(|(index, version)| {
        vec![
            version.version.to_string(),
            utc::text(version.at_ms),
            version.world.clone(),
            version.client_version.clone(),
            version.file_count.to_string(),
            HumanBytes(version.byte_count).to_string(),
            if index == 0 { "current" } else { "" }.to_owned(),
        ]
    });
    println!("{}", table::table(&header, &[0, 4, 5], rows));
    Ok(ExitCode::SUCCESS)
}

/// The command `world rollback`.
pub(super) async fn rollback(to: u64, data: &Data, as_json: bool) -> anyhow::Result<ExitCode> {
    let store = data.open().await?;
    let outcome = roll_back(&store, to).await;
    store.close().await;
    let published = outcome?;
    data.announce(Topic::Flags).await?;
    if as_json {
        let document = json!({
            "version": published.version,
            "map_changed": published.map_changed,
            "client_changed": published.client_changed,
        });
        println!("{document}");
    } else {
        println!(
            "content version {to} is current again, as version {}",
            published.version
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn roll_back(store: &Store, to: u64) -> anyhow::Result<Published> {
    let not_kept = || {
        format!(
            "there is no content version {to}; `pymmorpg world versions` lists those that are kept"
        )
    };
    let files = store.content().load(to).await?;
    if files.is_empty() {
        bail!(not_kept());
    }
    let known = store.content().placements().await?;
    let loaded = tokio::task::spawn_blocking(move || content::load(&files, &known))
        .await
        .context("the version cannot be read: a fault in this program")?;
    if loaded.content.is_none() {
        let is_error = |problem: &&Problem| problem.severity == Severity::Error;
        let reason = loaded.report.problems.iter().find(is_error);
        bail!(
            "content version {to} cannot be served by this program, so what is current stays ({})",
            reason.map(ToString::to_string).unwrap_or_default()
        );
    }
    store.content().rollback(to).await?.with_context(not_kept)
}
