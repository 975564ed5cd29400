//! Sessions of PostgreSQL: how one is reached at first, and what each is told.

use std::{str::FromStr, time::Duration};

use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use tokio::time::timeout;

use crate::connections::late;

/// How long the first connection may take.
const REACH_DEADLINE: Duration = Duration::from_secs(5);
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

/// Connects once, to know whether it can be done.
pub(crate) async fn reach(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let reach = async { options.connect().await?.close().await };
    timeout(REACH_DEADLINE, reach)
        .await
        .unwrap_or_else(|_| Err(late("there was no answer in time")))
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
