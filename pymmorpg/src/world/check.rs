//! `world check`: what is in a folder, and everything that is wrong with it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use serde_json::{Value, json};
use world::{
    content::{self, Content, Files, Placements},
    report::{MapSummary, Problem, Report, Severity},
};

use super::{
    Progress, Summary, folder,
    summary::{count, share},
    table,
};

pub(super) const LONG_ABOUT: &str = "Read a world and say what is in it and what is wrong with it; nothing is changed.\n\n\
    The table has a line for each map; after it comes every problem, with its file and line. Symbolic links are refused; hidden files and \
    editors' backups are skipped.\n\n\
    Exit code: 0 if the world can be served, with or without warnings; 1 if it cannot.";

/// A folder, read and understood.
pub(super) struct Checked {
    pub(super) files: Files,
    pub(super) report: Report,
    /// The world; None: the report says why it cannot be served.
    pub(super) content: Option<Content>,
}

/// Reads and checks a folder. `known` are the places that maps have had before.
pub(super) async fn read(
    path: &Path,
    known: Placements,
    progress: Progress,
) -> anyhow::Result<Checked> {
    let path = path.to_owned();
    let read = move || {
        let folder = folder::read(&path, &progress);
        progress.checking();
        let checked = folder.map(|folder| understand(folder, &known));
        progress.finish();
        checked
    };
    tokio::task::spawn_blocking(read)
        .await
        .context("the world cannot be read: a fault in this program")?
}

fn understand(folder: folder::Folder, known: &Placements) -> Checked {
    let loaded = content::load(&folder.files, known);
    let mut report = loaded.report;
    report.problems.splice(0..0, folder.problems);
    // What forbids serving comes last, where whoever reads a long list is when it ends.
    report.problems.sort_by_key(|problem| problem.severity);
    Checked {
        content: loaded.content.filter(|_| report.is_servable()),
        files: folder.files,
        report,
    }
}

/// The command.
pub(super) async fn run(path: PathBuf, as_json: bool) -> anyhow::Result<ExitCode> {
    let checked = read(&path, Placements::new(), Progress::shown()).await?;
    if as_json {
        println!("{}", document(&path, &checked));
    } else {
        print(&checked);
    }
    Ok(if checked.content.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(checked: &Checked) {
    let report = &checked.report;
    if !report.maps.is_empty() {
        println!("{}", table::maps(&report.maps));
    }
    for problem in &report.problems {
        println!("{problem}");
    }
    let trouble = trouble(&report.problems);
    match &checked.content {
        Some(content) => println!(
            "{:?} can be served: {}; {trouble}",
            content.settings.name,
            Summary::of(&content.terrain)
        ),
        None => println!(
            "This world cannot be served: {}; {trouble}",
            count(report.maps.len(), "map")
        ),
    }
}

/// "2 errors, 1 warning".
fn trouble(problems: &[Problem]) -> String {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    format!(
        "{}, {}",
        count(errors, "error"),
        count(problems.len() - errors, "warning")
    )
}

fn document(path: &Path, checked: &Checked) -> Value {
    let content = checked.content.as_ref();
    json!({
        "folder": path.display().to_string(),
        "name": content.map(|content| &content.settings.name),
        "servable": content.is_some(),
        "total": content.map(|content| Summary::of(&content.terrain)),
        "maps": checked.report.maps.iter().map(map).collect::<Vec<_>>(),
        "problems": checked.report.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn map(map: &MapSummary) -> Value {
    let tiles = u64::from(map.width) * u64::from(map.height);
    json!({
        "name": map.name,
        "width": map.width,
        "height": map.height,
        "level": map.level,
        "x": map.x,
        "y": map.y,
        "regions": map.region_count,
        "blocked": map.blocked_count,
        "blocked_share": share(map.blocked_count as u64, tiles),
        "warps": map.warp_count,
        "dead_warps": map.dead_warp_count,
        "spawns": map.spawn_count,
        "creatures": map.creature_count,
        "npcs": map.npc_count,
        "unknown_classes": map.unknown_classes,
    })
}

pub(super) fn problem(problem: &Problem) -> Value {
    let severity = match problem.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    json!({ "severity": severity, "file": problem.file, "line": problem.line, "text": problem.text })
}
