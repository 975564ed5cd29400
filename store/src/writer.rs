//! Group commit: one task writes for all services of the process. Whatever is waiting when the previous commit has ended becomes one
//! transaction; there is no timer. It does not know what the operations mean.
//!
//! What went wrong before the commit was asked for has changed nothing, and is done again: all of it on a new connection if the old one is lost, each
//! operation by itself if a statement could not be done, so that only whose statement it was fails. A commit that was not answered has an outcome
//! that nobody knows.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use sqlx::AnyConnection;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    complaint::Complaint,
    connections::Connections,
    engine::Engine,
    entities::{Claim, EntityRow, Save, Saved},
    error::Error,
};

mod job;
mod transaction;

use job::{Job, Work};
use transaction::Failure;

/// How many operations wait for the writer. When there are more, the callers wait to be let in.
pub(crate) const QUEUE_MAX: usize = 8_192;
/// The most operations in one transaction, so that a commit's time, and what one failure undoes, stay bounded.
pub(crate) const BATCH_MAX: usize = 1_024;
/// The pause before what was lost is done again; it doubles each time.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// How often it is said that commits fail.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

/// What an operation wants done with what it wrote.
pub(crate) enum Verdict<T> {
    /// Commit it, then answer.
    Keep(T),
    /// Undo it, then answer.
    Undo(T),
}

/// An operation's statements, on the writer's connection. They may be run more than once: what an earlier run did was undone.
pub(crate) trait Run<T>:
    for<'c> Fn(&'c mut AnyConnection) -> BoxFuture<'c, Result<Verdict<T>, sqlx::Error>> + Send + 'static
{
}
impl<T, F> Run<T> for F where
    F: for<'c> Fn(&'c mut AnyConnection) -> BoxFuture<'c, Result<Verdict<T>, sqlx::Error>>
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
    /// A writer that uses one connection at a time, and gives each commit so long. `of` says what it writes, for whoever measures. The future is the
    /// task; it ends when every handle is gone.
    pub(crate) fn new(
        of: &'static str,
        engine: Engine,
        connections: Arc<Connections>,
        deadline: Duration,
    ) -> (Self, impl Future<Output = ()>) {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let task = Task {
            of,
            engine,
            connections,
            deadline,
            complaint: Complaint::every(COMPLAINT_INTERVAL),
        };
        (Self { jobs }, task.run(queue))
    }

    /// Runs statements within a transaction, and answers once they are committed.
    pub(crate) async fn run<T: Send + 'static>(&self, run: impl Run<T>) -> Result<T, Error> {
        self.ask(|reply| Job::Work(Box::new(Work::new(run, reply))))
            .await
    }

    /// Saves an entity, together with whatever else is being saved.
    pub(crate) async fn save(&self, save: Save) -> Result<Saved, Error> {
        self.ask(|reply| Job::save(save, reply)).await
    }

    /// Claims an entity, together with whatever else is being claimed.
    pub(crate) async fn claim(&self, claim: Claim) -> Result<Option<EntityRow>, Error> {
        self.ask(|reply| Job::claim(claim, reply)).await
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Job,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.jobs
            .send(job(reply))
            .await
            .map_err(|_| Error::Closing)?;
        answer
            .await
            .map_err(|_| Error::Unknown(sqlx::Error::WorkerCrashed))?
    }
}

struct Task {
    of: &'static str,
    engine: Engine,
    connections: Arc<Connections>,
    deadline: Duration,
    complaint: Complaint,
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        while queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
            let started = Instant::now();
            self.write(&mut jobs).await;
            metrics::histogram!("pymmorpg_commit_seconds", "of" => self.of)
                .record(started.elapsed().as_secs_f64());
            metrics::counter!("pymmorpg_commit_operations_total", "of" => self.of)
                .increment(jobs.len() as u64);
            for job in jobs.drain(..) {
                job.finish();
            }
        }
    }

    async fn write(&mut self, jobs: &mut [Job]) {
        let failure = match self.persist(jobs).await {
            Ok(()) => return,
            Err(Failure::Statement(_)) if jobs.len() > 1 => {
                self.write_each(jobs).await;
                return;
            }
            Err(failure) => failure,
        };
        self.complain(&failure, jobs.len());
        for job in jobs {
            job.fail(&failure);
        }
    }

    /// One at a time. If it is not a statement that fails, nothing would come of the others either.
    async fn write_each(&mut self, jobs: &mut [Job]) {
        for n in 0..jobs.len() {
            let Err(failure) = self.persist(&mut jobs[n..=n]).await else {
                continue;
            };
            let failed = match failure {
                Failure::Statement(_) => &mut jobs[n..=n],
                Failure::Lost(_) | Failure::Unknown(_) => &mut jobs[n..],
            };
            self.complain(&failure, failed.len());
            for job in failed {
                job.fail(&failure);
            }
            if !matches!(failure, Failure::Statement(_)) {
                return;
            }
        }
    }

    /// Makes one transaction of all of them, again and again until the deadline if the connection is lost before the commit.
    async fn persist(&self, jobs: &mut [Job]) -> Result<(), Failure> {
        let deadline = Instant::now() + self.deadline;
        let mut pause = PAUSE_MIN;
        loop {
            let result = transaction::attempt(self.engine, &self.connections, deadline, jobs).await;
            match result {
                Err(Failure::Lost(_)) if Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
    }

    fn complain(&mut self, failure: &Failure, operation_count: usize) {
        if self.complaint.is_due(Instant::now()) {
            tracing::error!(
                of = self.of,
                error = failure.error() as &dyn std::error::Error,
                operations = operation_count,
                "commit failed"
            );
        }
    }
}
