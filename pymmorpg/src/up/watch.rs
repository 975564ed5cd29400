//! Noticing that a designer has saved something, and publishing it. A broken world is refused, and what was current stays.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use runtime::shutdown::Shutdown;
use store::{
    Store,
    announce::{Announcements, Topic},
};
use tokio::{sync::mpsc, time};
use world::report::{Report, Severity};

use crate::world::{Outcome, Progress, is_part, publish};

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
        // That is how the watcher names what is in it.
        let root = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let notice = move |event: notify::Result<Event>| {
            // An error may be a change that was lost.
            if event.map_or(true, |event| is_change(&event, &root)) {
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
        self.begin_anew().await;
    }

    /// A folder that was taken away and put back, by a person or by a version control system, is another one to the operating system. What
    /// happens between the two watches is seen all the same: the folder is read after this.
    async fn begin_anew(&mut self) {
        let _gone = self.watcher.unwatch(&self.folder);
        let mut is_gone = false;
        while let Err(error) = self.watcher.watch(&self.folder, RecursiveMode::Recursive) {
            if !is_gone {
                let folder = self.folder.display();
                tracing::warn!(%folder, %error, "the world's folder cannot be watched; what was published last stays until it can");
                is_gone = true;
            }
            time::sleep(RETRY_INTERVAL).await;
        }
    }
}

/// Whether a world may have changed. That we read it ourselves is no change, and what an editor keeps beside a file is none.
fn is_change(event: &Event, root: &Path) -> bool {
    // What is outside is the folder by another name.
    let is_part = |path: &PathBuf| path.strip_prefix(root).map_or(true, is_part);
    !matches!(event.kind, EventKind::Access(_))
        && (event.paths.is_empty() || event.paths.iter().any(is_part))
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

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, ModifyKind};

    use super::*;

    #[test]
    fn what_is_a_change() {
        let modified = EventKind::Modify(ModifyKind::Any);
        let cases = [
            (modified, &["/w/world.toml"][..], true),
            (EventKind::Create(CreateKind::Any), &["/w/maps"], true),
            (
                EventKind::Access(AccessKind::Any),
                &["/w/world.toml"],
                false,
            ),
            (modified, &["/w/.world.toml.swp"], false),
            (modified, &["/w/.git/index"], false),
            (modified, &["/w/.a.tmx.part", "/w/a.tmx"], true),
            (modified, &["/w"], true),
            (modified, &["/by/.another/name"], true),
            (EventKind::Other, &[], true),
        ];
        for (kind, paths, expected) in cases {
            let event = paths
                .iter()
                .fold(Event::new(kind), |event, path| event.add_path(path.into()));
            assert_eq!(is_change(&event, Path::new("/w")), expected, "{event:?}");
        }
    }
}
