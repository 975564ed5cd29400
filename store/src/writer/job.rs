//! What waits to be written, what came of it, and who waits for the answer.

use std::fmt;

use futures::future::BoxFuture;
use sqlx::{AnyConnection, any::AnyRow};
use tokio::sync::oneshot;

use crate::{
    entities::{self, Claim, EntityRow, Save, Saved},
    error::Error,
};

use super::{Run, Verdict, transaction::Failure};

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// One operation.
pub(super) enum Job {
    Save(Box<RowJob<Save, Saved>>),
    Claim(Box<RowJob<Claim, Option<AnyRow>, Option<EntityRow>>>),
    Work(Box<dyn Operation>),
}

/// A change of one row, made by one statement together with others of its kind.
pub(super) struct RowJob<A, O, R = O> {
    pub(super) ask: A,
    outcome: Option<Result<O, sqlx::Error>>,
    reply: Reply<R>,
}

impl<A, O, R> RowJob<A, O, R> {
    pub(super) fn come_to(&mut self, outcome: O) {
        self.outcome = Some(Ok(outcome));
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Save(_) => "Save",
            Self::Claim(_) => "Claim",
            Self::Work(_) => "Work",
        })
    }
}

impl Job {
    pub(super) fn save(ask: Save, reply: Reply<Saved>) -> Self {
        Self::Save(Box::new(RowJob {
            ask,
            outcome: None,
            reply,
        }))
    }

    pub(super) fn claim(ask: Claim, reply: Reply<Option<EntityRow>>) -> Self {
        Self::Claim(Box::new(RowJob {
            ask,
            outcome: None,
            reply,
        }))
    }

    /// What it had come to has come to nothing.
    pub(super) fn fail(&mut self, failure: &Failure) {
        match self {
            Self::Save(job) => job.outcome = Some(Err(failure.share())),
            Self::Claim(job) => job.outcome = Some(Err(failure.share())),
            Self::Work(work) => work.fail(failure.share()),
        }
    }

    /// Answers the caller, after the commit or its failure.
    pub(super) fn finish(self) {
        match self {
            Self::Save(job) => answer(job.reply, known(job.outcome)),
            Self::Claim(job) => {
                let row =
                    known(job.outcome).and_then(|row| row.as_ref().map(entities::read).transpose());
                answer(job.reply, row);
            }
            Self::Work(work) => work.finish(),
        }
    }
}

fn known<T>(outcome: Option<Result<T, sqlx::Error>>) -> Result<T, Error> {
    outcome
        .unwrap_or(Err(sqlx::Error::WorkerCrashed))
        .map_err(Error::Unknown)
}

/// A caller that has gone no longer wants to know.
fn answer<T>(reply: Reply<T>, result: Result<T, Error>) {
    let _gone = reply.send(result);
}

/// Statements of any kind.
pub(super) trait Operation: Send {
    /// Runs the statements; whether to keep what they did.
    fn run<'c>(
        &'c mut self,
        connection: &'c mut AnyConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>>;
    fn fail(&mut self, error: sqlx::Error);
    fn finish(self: Box<Self>);
}

/// An [`Operation`] and its answer.
pub(super) struct Work<T, F> {
    run: F,
    outcome: Option<Result<T, sqlx::Error>>,
    reply: Reply<T>,
}

impl<T: Send + 'static, F: Run<T>> Work<T, F> {
    pub(super) fn new(run: F, reply: Reply<T>) -> Self {
        Self {
            run,
            outcome: None,
            reply,
        }
    }
}

impl<T: Send + 'static, F: Run<T>> Operation for Work<T, F> {
    fn run<'c>(
        &'c mut self,
        connection: &'c mut AnyConnection,
    ) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        let running = (self.run)(connection);
        Box::pin(async {
            let (value, keep) = match running.await? {
                Verdict::Keep(value) => (value, true),
                Verdict::Undo(value) => (value, false),
            };
            self.outcome = Some(Ok(value));
            Ok(keep)
        })
    }

    fn fail(&mut self, error: sqlx::Error) {
        self.outcome = Some(Err(error));
    }

    fn finish(self: Box<Self>) {
        answer(self.reply, known(self.outcome));
    }
}
