//! Sessions of PostgreSQL: how one is reached at first, and what each is told.

use std::{io::ErrorKind, str::FromStr, time::Duration};

use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use tokio::time::{Instant, timeout, timeout_at};

use crate::connections::late;

/// How long a server that starts at the same time as we is waited for.
const REACH_DEADLINE: Duration = Duration::from_secs(5);
/// The pause between attempts to reach it.
const REACH_PAUSE: Duration = Duration::from_millis(200);
/// How much longer than we the server waits for a statement to end, before it gives up what nobody waits for any more.
const STATEMENT_GRACE: Duration = Duration::from_secs(1);
/// How long a transaction may lie open with nothing to do. Whoever is stopped in the middle of one must not keep the rows that it has locked: others
/// take over from it within two seconds.
const IDLE_TIMEOUT: Duration = Duration::from_millis(1_500);

/// What a URL says.
pub(crate) fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let is_one = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    if !is_one {
        let wrong = "it begins with neither postgres:// nor postgresql://";
        return Err(sqlx::Error::Configuration(wrong.into()));
    }
    Ok(PgConnectOptions::from_str(url)?.disable_statement_logging())
}

/// Connects once. Whoever refuses connections may be about to start; every other refusal is one.
pub(crate) async fn reach(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let deadline = Instant::now() + REACH_DEADLINE;
    loop {
        let error = match timeout_at(deadline, options.connect()).await {
            Ok(Ok(connection)) => {
                // That it answered is enough.
                let _closed = timeout(REACH_PAUSE, connection.close()).await;
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => return Err(late("there was no answer in time")),
        };
        if !may_be_starting(&error) || Instant::now() + REACH_PAUSE >= deadline {
            return Err(error);
        }
        tokio::time::sleep(REACH_PAUSE).await;
    }
}

fn may_be_starting(error: &sqlx::Error) -> bool {
    match error {
        // No socket file is a server that has not made it yet.
        sqlx::Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused | ErrorKind::NotFound
        ),
        sqlx::Error::Database(error) => error.is_transient_in_connect_phase(),
        _ => false,
    }
}

/// What a session is told whose operations have a deadline.
pub(crate) fn setup(deadline: Duration) -> String {
    format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}",
        (deadline + STATEMENT_GRACE).as_millis(),
        (deadline / 2).as_millis(),
        IDLE_TIMEOUT.as_millis(),
    )
}
