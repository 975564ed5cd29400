//! One transaction of many operations: saves and claims of different rows are gathered into statements, everything else is within a savepoint of
//! its own. Operations on one row stay in their order.

use std::collections::HashSet;

use sqlx::{AnyConnection, Connection};
use tokio::time::{Instant, timeout_at};

use crate::{
    connections::{Connections, late},
    engine::{Engine, is_of_statement},
    entities::{Claim, Save, Saved, claim_batch, save_batch},
};

use super::job::{Job, RowJob};

/// Why there was no commit, as far as one knows.
#[derive(Debug)]
pub(super) enum Failure {
    /// A statement cannot be done. Nothing was changed.
    Statement(sqlx::Error),
    /// The connection was lost before the commit. Nothing was changed.
    Lost(sqlx::Error),
    /// The commit was not answered.
    Unknown(sqlx::Error),
}

impl Failure {
    fn of(error: sqlx::Error) -> Self {
        if is_of_statement(&error) {
            Self::Statement(error)
        } else {
            Self::Lost(error)
        }
    }

    pub(super) fn error(&self) -> &sqlx::Error {
        match self {
            Self::Statement(error) | Self::Lost(error) | Self::Unknown(error) => error,
        }
    }

    /// For one of several whom it concerns.
    pub(super) fn share(&self) -> sqlx::Error {
        sqlx::Error::Protocol(format!("the transaction failed: {}", self.error()))
    }
}

/// Runs and commits them, or changes nothing.
pub(super) async fn attempt(
    engine: Engine,
    connections: &Connections,
    deadline: Instant,
    jobs: &mut [Job],
) -> Result<(), Failure> {
    let mut is_committing = false;
    let attempt = async {
        let mut connection = connections.lease().await.map_err(Failure::Lost)?;
        let begun = connection.begin_with(engine.begin()).await;
        let mut transaction = begun.map_err(Failure::of)?;
        match run(&mut transaction, jobs).await {
            Ok(()) => {
                is_committing = true;
                transaction.commit().await.map_err(Failure::Unknown)?;
            }
            Err(error) => {
                let failure = Failure::of(error);
                if matches!(failure, Failure::Statement(_)) {
                    transaction.rollback().await.map_err(Failure::Lost)?;
                    connection.give_back();
                }
                return Err(failure);
            }
        }
        connection.give_back();
        Ok(())
    };
    match timeout_at(deadline, attempt).await {
        Ok(result) => result,
        Err(_) if is_committing => Err(Failure::Unknown(late("the commit was not answered"))),
        Err(_) => Err(Failure::Lost(late("the database did not answer in time"))),
    }
}

async fn run(connection: &mut AnyConnection, jobs: &mut [Job]) -> Result<(), sqlx::Error> {
    let mut gathered = Gathered::default();
    for job in jobs {
        match job {
            Job::Save(job) => {
                gathered.make_room(connection, &job.ask.key).await?;
                gathered.saves.push(job);
            }
            Job::Claim(job) => {
                gathered.make_room(connection, &job.ask.key).await?;
                gathered.claims.push(job);
            }
            Job::Work(work) => {
                gathered.flush(connection).await?;
                let mut savepoint = Connection::begin(&mut *connection).await?;
                match work.run(&mut savepoint).await {
                    Ok(true) => savepoint.commit().await?,
                    Ok(false) => savepoint.rollback().await?,
                    Err(error) if is_of_statement(&error) => {
                        savepoint.rollback().await?;
                        work.fail(error);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    gathered.flush(connection).await
}

/// Changes of rows, each of another one.
#[derive(Default)]
struct Gathered<'j> {
    keys: HashSet<String>,
    saves: Vec<&'j mut SaveJob>,
    claims: Vec<&'j mut ClaimJob>,
}

type SaveJob = RowJob<Save, Saved>;
type ClaimJob = RowJob<Claim, Option<sqlx::any::AnyRow>, Option<crate::entities::EntityRow>>;

impl Gathered<'_> {
    /// One statement can change a row once, and what is asked later sees what was asked before.
    async fn make_room(
        &mut self,
        connection: &mut AnyConnection,
        key: &str,
    ) -> Result<(), sqlx::Error> {
        if !self.keys.insert(key.to_owned()) {
            self.flush(connection).await?;
            self.keys.insert(key.to_owned());
        }
        Ok(())
    }

    async fn flush(&mut self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        self.keys.clear();
        let saves = self.saves.iter().map(|job| &job.ask).collect();
        let saved = save_batch(connection, saves).await?;
        for job in self.saves.drain(..) {
            let is_saved = saved.contains(&job.ask.key);
            job.come_to(if is_saved {
                Saved::Committed
            } else {
                Saved::Fenced
            });
        }
        let claims = self.claims.iter().map(|job| &job.ask).collect();
        let mut claimed = claim_batch(connection, claims).await?;
        for job in self.claims.drain(..) {
            let row = claimed.remove(&job.ask.key);
            job.come_to(row);
        }
        Ok(())
    }
}
