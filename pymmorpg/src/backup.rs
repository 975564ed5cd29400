//! `pymmorpg backup` and `pymmorpg restore`: all that lasts, in one file, and back again. How that is done is `store::backup`'s.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::bail;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;
use store::{
    Database,
    backup::{self, Done, Error},
};

use crate::data::Place;

pub(crate) const BACKUP_LONG_ABOUT: &str = "Write all that lasts into one file: accounts, characters, edits, the audit log, and every published world that is kept.\n\n\
    The server, or the cluster, may run meanwhile: what is in the file is how it was at one moment. The file has another name until it is whole and on the disk. Of a \
    data folder it is a database of SQLite; of PostgreSQL it is an archive of our tables, written by pg_dump, which must be in the PATH and not older than the server. \
    The file has the hashes of passwords, and only its owner may read it.\n\n\
    With --json it prints one document: {file, bytes, schema}.";
pub(crate) const BACKUP_EXAMPLES: &str = "Examples:\n  \
    pymmorpg backup pymmorpg-$(date +%F).sqlite --data ./data\n  \
    pymmorpg backup pymmorpg-$(date +%F).dump --sql postgres://pymmorpg:secret@db/pymmorpg";
pub(crate) const RESTORE_LONG_ABOUT: &str = "Bring back what `pymmorpg backup` has written, into an empty data folder or database.\n\n\
    The file is verified before anything is touched. It is refused where something is already, unless --replace says so; where a server runs, in any case; and if it is of \
    a later schema than this program knows. It is all or nothing: if it fails, what was there is there. For PostgreSQL, pg_restore and psql must be in the PATH and not \
    older than the server.\n\n\
    What starts afterwards takes every region and every character from those who held them at the time of the backup. What players did since is lost.\n\n\
    With --json it prints one document: {file, bytes, schema}.";
pub(crate) const RESTORE_EXAMPLES: &str = "Examples:\n  \
    pymmorpg restore pymmorpg-2026-11-29.sqlite --data ./restored\n  \
    pymmorpg restore pymmorpg-2026-11-29.dump --sql postgres://pymmorpg:secret@db/pymmorpg --replace";

/// How often the sign turns that it is still going on.
const TICK_INTERVAL: Duration = Duration::from_millis(100);

/// What can be said of a backup on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// The file to write.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Replace the file if it is there.
    #[arg(long)]
    replace: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// What can be said of a restore on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The file to bring back.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Lose what is in the folder or database.
    #[arg(long)]
    replace: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// The command `backup`.
pub(crate) async fn back_up(arguments: Backup) -> anyhow::Result<ExitCode> {
    let Backup {
        file,
        place,
        replace,
        json,
    } = arguments;
    let database = place.database()?;
    let bar = Bar::new("backing up");
    let report = |done, total| bar.show(done, total);
    let done = unless_interrupted(backup::back_up(&database, &file, replace, &report)).await;
    bar.finish();
    let done = done?;
    match json {
        true => print(&file, &done),
        false => println!(
            "{database} is backed up in {} ({})",
            file.display(),
            HumanBytes(done.byte_count)
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// The command `restore`.
pub(crate) async fn restore(arguments: Restore) -> anyhow::Result<ExitCode> {
    let Restore {
        file,
        place,
        replace,
        json,
    } = arguments;
    let database = place.database()?;
    let bar = Bar::new("restoring");
    let report = |done, total| bar.show(done, total);
    let done = unless_interrupted(backup::restore(&database, &file, replace, &report)).await;
    bar.finish();
    let done = done?;
    let start = match database {
        Database::Embedded(_) => format!("pymmorpg up --data {database}"),
        Database::Postgres(_) => "auth, gateway and zone-server".to_owned(),
    };
    match json {
        true => print(&file, &done),
        false => println!(
            "{database} is as it was when {} was written; start {start}",
            file.display()
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is interrupted leaves nothing behind.
async fn unless_interrupted(
    work: impl Future<Output = Result<Done, Error>>,
) -> anyhow::Result<Done> {
    tokio::select! {
        done = work => Ok(done?),
        signal = runtime::shutdown::signal() => bail!("{signal}: it was not done, and nothing was changed"),
    }
}

fn print(file: &std::path::Path, done: &Done) {
    let document = json!({
        "file": file.display().to_string(),
        "bytes": done.byte_count,
        "schema": done.schema,
    });
    println!("{document}");
}

/// How far it has come, on standard error if that is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(what: &'static str) -> Self {
        let bar = ProgressBar::no_length().with_message(what);
        bar.enable_steady_tick(TICK_INTERVAL);
        Self(bar)
    }

    fn show(&self, done: u64, total: Option<u64>) {
        let template = match total {
            Some(_) => "{spinner} {msg} {bar:40} {bytes} of {total_bytes}",
            None => "{spinner} {msg} {bytes}",
        };
        if let Some(total) = total
            && self.0.length() != Some(total)
        {
            self.0.set_length(total);
        }
        self.0
            .set_style(ProgressStyle::with_template(template).expect("it is a template"));
        self.0.set_position(done);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}
