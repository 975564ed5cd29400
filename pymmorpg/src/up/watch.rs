//! Noticing that a designer has saved something, and publishing it. A broken world is refused, and what was current stays.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use runtime::shutdown::Shutdown;
use store::{
    Store,
    announce::{Announcements, Topic},
};
use tokio::{sync::mpsc, time};
use world::report::{Report, Severity};

use crate::world::{Outcome, Progress, publish};

/// An editor that saves several files is waited for until it has been quiet this long.
const QUIET: Duration = Duration::from_millis(300);
/// One that is never quiet is published this long after it began.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a folder is looked for that has been taken away, or that cannot be watched.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The most reasons for a refusal that are logged; `world check` shows all.
const REASONS_MAX: usize = 20;

/// A folder that is being watched.
#[derive(Debug)]
pub(super) struct Watch {
    folder: PathBuf,
    watcher: RecommendedWatcher,
    changes: mpsc::Receiver<()>,
}

impl Watch {
    /// Begins to watch. None, and a warning, if the system has no more means of watching: the world can be published by hand.
    pub(super) fn begin(folder: &Path) -> Option<Self> {
        // One change that is not yet seen stands for all that follow it: when it is full, there is nothing to add.
        let (change, changes) = mpsc::channel(1);
        let notice = move |event: notify::Result<notify::Event>| {
            // We read the files ourselves; that is no change. An error may be a change that was lost.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                let _already_noticed = change.try_send(());
            }
        };
        let begin = || {
            let mut watcher = notify::recommended_watcher(notice)?;
            watcher.watch(folder, RecursiveMode::Recursive)?;
            Ok(watcher)
        };
        match begin() {
            Ok(watcher) => Some(Self {
                folder: folder.to_owned(),
                watcher,
                changes,
            }),
            // The publication that follows says so better.
            Err(_) if !folder.is_dir() => None,
            Err(error) => {
                let error: notify::Error = error;
                tracing::warn!(
                    folder = %folder.display(), %error,
                    "the world is not watched: publish its changes with `pymmorpg world publish`"
                );
                None
            }
        }
    }

    /// Publishes each change until the shutdown.
    pub(super) async fn run(
        mut self,
        store: Store,
        announcements: Arc<dyn Announcements>,
        shutdown: Shutdown,
    ) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = shutdown.triggered() => return Ok(()),
                () = self.change() => {}
            }
            // Not interrupted: what has begun to be published is finished, and it is short.
            if publish_again(&store, &self.folder).await {
                announcements.announce(Topic::Flags);
            }
        }
    }

    /// Waits for a change, and for the quiet after it. Safe to give up.
    async fn change(&mut self) {
        if self.changes.recv().await.is_none() {
            // The watcher is ours and holds the other end, so this is only ever reached if it has broken.
            return std::future::pending().await;
        }
        let patience = time::Instant::now() + PATIENCE;
        while time::Instant::now() < patience
            && let Ok(Some(())) = time::timeout(QUIET, self.changes.recv()).await
        {}
        self.find_again().await;
    }

    /// A folder that was taken away and put back is another folder to the system.
    async fn find_again(&mut self) {
        if self.folder.is_dir() {
            return;
        }
        tracing::warn!(folder = %self.folder.display(), "the world's folder is gone; what was published last stays");
        let _gone = self.watcher.unwatch(&self.folder);
        while let Err(_not_yet) = self.watcher.watch(&self.folder, RecursiveMode::Recursive) {
            time::sleep(RETRY_INTERVAL).await;
        }
    }
}

/// Whether there is something new.
async fn publish_again(store: &Store, folder: &Path) -> bool {
    match publish(store, folder, Progress::hidden()).await {
        Ok(Outcome::Published {
            published,
            summary,
            report,
        }) => {
            if published.is_new {
                tracing::info!(
                    version = published.version, map_changed = published.map_changed,
                    client_changed = published.client_changed, warning_count = report.problems.len(),
                    %summary, "world published"
                );
            }
            published.is_new
        }
        Ok(Outcome::Refused(report)) => {
            log_refusal(&report);
            false
        }
        Err(error) => {
            tracing::warn!(
                error = format!("{error:#}"),
                "world not published; what was published last stays"
            );
            false
        }
    }
}

fn log_refusal(report: &Report) {
    let errors: Vec<_> = report
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .collect();
    for problem in errors.iter().take(REASONS_MAX) {
        tracing::warn!(file = problem.file, line = problem.line, "{}", problem.text);
    }
    tracing::warn!(
        error_count = errors.len(),
        "world refused; what was published last stays"
    );
}
