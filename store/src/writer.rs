//! Group commit: one task writes for all services of the process. Whatever is waiting when the previous commit has ended becomes one
//! transaction; there is no timer. It does not know what the operations mean.

use std::collections::HashSet;

use futures::future::BoxFuture;
use sqlx::{AnyConnection, AnyPool, Connection};
use tokio::sync::{mpsc, oneshot};

use crate::{
    engine::Engine,
    entities::{Save, Saved, save_batch},
    error::Error,
};

/// How many operations wait for the writer. When there are more, the callers wait to be let in.
pub(crate) const QUEUE_MAX: usize = 8_192;
/// The most operations in one transaction, so that a commit's time, and what one failure undoes, stay bounded.
pub(crate) const BATCH_MAX: usize = 1_024;

/// What an operation wants done with what it wrote.
pub(crate) enum Verdict<T> {
    /// Commit it, then answer.
    Keep(T),
    /// Undo it, then answer.
    Undo(T),
}

/// An operation's statements, on the writer's connection.
pub(crate) trait Run<T>:
    for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<Verdict<T>, sqlx::Error>>
    + Send
    + 'static
{
}
impl<T, F> Run<T> for F where
    F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<Verdict<T>, sqlx::Error>>
        + Send
        + 'static
{
}

/// The way to the writer's queue.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// A writer on a pool of one connection. The future is the task; it ends when every handle is gone.
    pub(crate) fn new(engine: Engine, pool: AnyPool) -> (Self, impl Future<Output = ()>) {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        (Self { jobs }, write_all(engine, pool, queue))
    }

    /// Runs statements within a transaction, and answers once they are committed.
    pub(crate) async fn run<T: Send + 'static>(&self, run: impl Run<T>) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let work = Work {
            run: Some(run),
            outcome: None,
            reply,
        };
        self.jobs
            .send(Job::Work(Box::new(work)))
            .await
            .map_err(|_| Error::Closing)?;
        answer
            .await
            .map_err(|_| Error::Unknown(sqlx::Error::WorkerCrashed))?
    }

    /// Saves an entity, together with whatever else is being saved.
    pub(crate) async fn save(&self, save: Save) -> Result<Saved, Error> {
        let (reply, answer) = oneshot::channel();
        let job = SaveJob {
            save,
            outcome: None,
            reply,
        };
        self.jobs
            .send(Job::Save(Box::new(job)))
            .await
            .map_err(|_| Error::Closing)?;
        answer
            .await
            .map_err(|_| Error::Unknown(sqlx::Error::WorkerCrashed))?
    }
}

enum Job {
    Save(Box<SaveJob>),
    Work(Box<dyn Operation>),
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Save(_) => "Save",
            Self::Work(_) => "Work",
        })
    }
}

struct SaveJob {
    save: Save,
    outcome: Option<Saved>,
    reply: oneshot::Sender<Result<Saved, Error>>,
}

trait Operation: Send {
    /// Runs the statements; whether to keep what they did.
    fn run<'c>(
        &'c mut self,
        connection: &'c mut AnyConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>>;
    /// Answers the caller, after the commit or its failure.
    fn finish(self: Box<Self>, failure: Option<sqlx::Error>);
}

struct Work<T, F> {
    run: Option<F>,
    outcome: Option<Result<T, sqlx::Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T: Send + 'static, F: Run<T>> Operation for Work<T, F> {
    fn run<'c>(
        &'c mut self,
        connection: &'c mut AnyConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        Box::pin(async move {
            let Some(run) = self.run.take() else {
                return Ok(false);
            };
            let (outcome, keep) = match run(connection).await {
                Ok(Verdict::Keep(value)) => (Ok(value), true),
                Ok(Verdict::Undo(value)) => (Ok(value), false),
                Err(error) => (Err(error), false),
            };
            self.outcome = Some(outcome);
            Ok(keep)
        })
    }

    fn finish(self: Box<Self>, failure: Option<sqlx::Error>) {
        let outcome = match (failure, self.outcome) {
            (Some(error), _) => Err(error),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(sqlx::Error::WorkerCrashed),
        };
        // A caller that has gone no longer wants to know.
        let _gone = self.reply.send(outcome.map_err(Error::Unknown));
    }
}

async fn write_all(engine: Engine, pool: AnyPool, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
        let started = std::time::Instant::now();
        let failure = commit(engine, &pool, &mut jobs).await.err();
        metrics::histogram!("pymmorpg_commit_seconds").record(started.elapsed().as_secs_f64());
        metrics::counter!("pymmorpg_commit_operations_total").increment(jobs.len() as u64);
        if let Some(error) = &failure {
            tracing::error!(
                error = error as &dyn std::error::Error,
                operations = jobs.len(),
                "commit failed"
            );
        }
        for job in jobs.drain(..) {
            let failure = failure
                .as_ref()
                .map(|error| sqlx::Error::Protocol(format!("the batch failed: {error}")));
            match job {
                Job::Work(work) => work.finish(failure),
                Job::Save(job) => {
                    let outcome = match (failure, job.outcome) {
                        (None, Some(saved)) => Ok(saved),
                        (None, None) => Err(Error::Unknown(sqlx::Error::WorkerCrashed)),
                        (Some(error), _) => Err(Error::Unknown(error)),
                    };
                    let _gone = job.reply.send(outcome);
                }
            }
        }
    }
}

async fn commit(engine: Engine, pool: &AnyPool, jobs: &mut [Job]) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin_with(engine.begin()).await?;
    let mut saves: Vec<&mut SaveJob> = Vec::new();
    let mut keys = HashSet::new();
    for job in jobs {
        match job {
            Job::Save(job) => {
                // One statement can change a row once.
                if !keys.insert(job.save.key.clone()) {
                    save_all(&mut transaction, &mut saves).await?;
                    keys = HashSet::from([job.save.key.clone()]);
                }
                saves.push(job);
            }
            Job::Work(work) => {
                save_all(&mut transaction, &mut saves).await?;
                let mut savepoint = Connection::begin(&mut *transaction).await?;
                if work.run(&mut savepoint).await? {
                    savepoint.commit().await?;
                } else {
                    savepoint.rollback().await?;
                }
            }
        }
    }
    save_all(&mut transaction, &mut saves).await?;
    transaction.commit().await
}

async fn save_all(
    connection: &mut AnyConnection,
    jobs: &mut Vec<&mut SaveJob>,
) -> Result<(), sqlx::Error> {
    let saves: Vec<&Save> = jobs.iter().map(|job| &job.save).collect();
    let saved = save_batch(connection, saves).await?;
    for job in jobs.drain(..) {
        job.outcome = Some(if saved.contains(&job.save.key) {
            Saved::Committed
        } else {
            Saved::Fenced
        });
    }
    Ok(())
}
