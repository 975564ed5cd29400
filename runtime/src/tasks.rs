//! Tasks that have a name, an owner who joins them, and a place where their errors go. What a failure means is for the owner to decide.

use std::{any::Any, collections::HashMap, time::Duration};

use tokio::task::{Id, JoinError, JoinSet};

/// The tasks of one owner. Those that still run when this is dropped are aborted.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<Result<(), anyhow::Error>>,
    names: HashMap<Id, &'static str>,
}

/// How a task ended that should not have ended so. It has been logged.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It returned an error.
    #[error("{task} failed")]
    Failed {
        /// Its name.
        task: &'static str,
        /// What it returned.
        #[source]
        source: anyhow::Error,
    },
    /// It panicked.
    #[error("{task} panicked: {message}")]
    Panicked {
        /// Its name.
        task: &'static str,
        /// What it said.
        message: String,
    },
    /// Some did not end in time, and were aborted.
    #[error("{} did not end within {within:?}", tasks.join(", "))]
    Late {
        /// Their names.
        tasks: Vec<&'static str>,
        /// How long they had.
        within: Duration,
    },
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), anyhow::Error>> + Send + 'static,
    ) {
        let id = self.running.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits for the next failure; None once all tasks have ended and none is left to fail. May be dropped and called again without losing one.
    pub async fn first_failure(&mut self) -> Option<Failure> {
        while let Some(ended) = self.running.join_next_with_id().await {
            if let Some(failure) = self.judge(ended) {
                return Some(failure);
            }
        }
        None
    }

    /// Waits for all tasks to end, and aborts those that have not after a time.
    ///
    /// # Errors
    /// The first failure that [`Self::first_failure`] has not told of.
    pub async fn finish(mut self, within: Duration) -> Result<(), Failure> {
        let mut first = None;
        let all = async {
            while let Some(failure) = self.first_failure().await {
                first.get_or_insert(failure);
            }
        };
        if tokio::time::timeout(within, all).await.is_err() {
            let mut tasks: Vec<_> = self.names.values().copied().collect();
            tasks.sort_unstable();
            tracing::error!(tasks = tasks.join(", "), ?within, "tasks did not end");
            self.running.shutdown().await;
            first.get_or_insert(Failure::Late { tasks, within });
        }
        first.map_or(Ok(()), Err)
    }

    fn judge(
        &mut self,
        ended: Result<(Id, Result<(), anyhow::Error>), JoinError>,
    ) -> Option<Failure> {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let task = self.names.remove(&id).unwrap_or("a task");
        let failure = match ended {
            Ok((_, Ok(()))) => return None,
            Ok((_, Err(source))) => {
                tracing::error!(task, error = format!("{source:#}"), "task failed");
                Failure::Failed { task, source }
            }
            Err(error) => {
                // Nobody but `finish` aborts tasks, and it does not look at them afterwards.
                let payload = error.try_into_panic().ok()?;
                let message = panic_message(payload.as_ref());
                tracing::error!(task, message, "task panicked");
                Failure::Panicked { task, message }
            }
        };
        Some(failure)
    }
}

/// What a panic says, as far as it says it in words.
#[must_use]
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_failure_names_its_task() {
        let mut tasks = Tasks::new();
        tasks.spawn("good", async { Ok(()) });
        tasks.spawn("bad", async { anyhow::bail!("no disk") });
        let failure = tasks.first_failure().await.unwrap();
        assert_eq!(failure.to_string(), "bad failed");
        assert!(
            matches!(failure, Failure::Failed { source, .. } if source.to_string() == "no disk")
        );
        assert!(tasks.first_failure().await.is_none());
        tasks.finish(SOON).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_a_failure() {
        let mut tasks = Tasks::new();
        tasks.spawn("clumsy", async { panic!("dropped {}", "it") });
        let failure = tasks.finish(SOON).await.unwrap_err();
        assert_eq!(failure.to_string(), "clumsy panicked: dropped it");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_late_is_named_and_aborted() {
        let (alive, gone) = tokio::sync::oneshot::channel::<()>();
        let mut tasks = Tasks::new();
        tasks.spawn("stuck", async move {
            let _alive = alive;
            std::future::pending().await
        });
        tasks.spawn("good", async { Ok(()) });
        let failure = tasks.finish(Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(failure.to_string(), "stuck did not end within 3s");
        let gone = tokio::time::timeout(SOON, gone).await;
        assert!(gone.is_ok_and(|gone| gone.is_err()), "it was not aborted");
    }
}
