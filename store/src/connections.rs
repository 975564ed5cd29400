//! A few connections to the database, made when they are wanted, and made again with growing pauses when the database was away. It does not know what
//! they are used for. One that was not given back in order is closed: nobody knows what is still under way on it.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    AnyConnection, AssertSqlSafe, ConnectOptions, Connection, Executor, any::AnyConnectOptions,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

use crate::complaint::Complaint;

/// The pause after an attempt to connect that failed; it doubles each time, up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause between attempts to connect.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long one attempt may take: a host that swallows packets must not keep us from noticing that it is back.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often it is said that the database is away.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// Up to so many connections to one database.
pub(crate) struct Connections {
    options: AnyConnectOptions,
    /// What is said on each before it is used.
    setup: String,
    permits: Semaphore,
    idle: Mutex<Vec<AnyConnection>>,
    weather: Mutex<Weather>,
}

struct Weather {
    complaint: Complaint,
    /// Whether a complaint has not been followed by a connection.
    is_away: bool,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options know the password.
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl Connections {
    pub(crate) fn new(
        options: AnyConnectOptions,
        setup: String,
        connection_count_max: u32,
    ) -> Self {
        Self {
            options,
            setup,
            permits: Semaphore::new(connection_count_max as usize),
            idle: Mutex::default(),
            weather: Mutex::new(Weather {
                complaint: Complaint::every(COMPLAINT_INTERVAL),
                is_away: false,
            }),
        }
    }

    /// Connects once, without trying again: to know whether it can be done.
    pub(crate) async fn try_out(&self) -> Result<(), sqlx::Error> {
        let connection = self.connect().await?;
        self.idle().push(connection);
        Ok(())
    }

    /// A connection, for as long as it is wanted. It may have died while nobody looked. Waits until there is one.
    ///
    /// # Errors
    /// The store has been closed.
    pub(crate) async fn lease(&self) -> Result<Lease<'_>, sqlx::Error> {
        let permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect_at_last().await,
        };
        Ok(self.leased(connection, permit))
    }

    /// A connection that answers.
    ///
    /// # Errors
    /// The store has been closed.
    pub(crate) async fn lease_live(&self) -> Result<Lease<'_>, sqlx::Error> {
        let permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| sqlx::Error::PoolClosed)?;
        loop {
            let idle = self.idle().pop();
            let Some(mut connection) = idle else {
                let connection = self.connect_at_last().await;
                return Ok(self.leased(connection, permit));
            };
            if matches!(
                timeout(ATTEMPT_TIMEOUT, connection.ping()).await,
                Ok(Ok(()))
            ) {
                return Ok(self.leased(connection, permit));
            }
        }
    }

    /// Ends all that are not leased; no more are leased from then on.
    pub(crate) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // Whether the other side hears of it is its own affair.
            let _closed = timeout(ATTEMPT_TIMEOUT, connection.close()).await;
        }
    }

    fn leased<'c>(&'c self, connection: AnyConnection, permit: SemaphorePermit<'c>) -> Lease<'c> {
        Lease {
            connection: Some(connection),
            from: self,
            _permit: permit,
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<AnyConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect_at_last(&self) -> AnyConnection {
        let mut pause = PAUSE_MIN;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    self.praise();
                    return connection;
                }
                Err(error) => self.complain(&error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let attempt = async {
            let mut connection = self.options.connect().await?;
            connection
                .execute(AssertSqlSafe(self.setup.clone()))
                .await?;
            Ok(connection)
        };
        timeout(ATTEMPT_TIMEOUT, attempt)
            .await
            .unwrap_or_else(|_| Err(late("connecting took too long")))
    }

    fn complain(&self, error: &sqlx::Error) {
        let mut weather = self.weather();
        if weather.complaint.is_due(Instant::now()) {
            weather.is_away = true;
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the database is away"
            );
        }
    }

    fn praise(&self) {
        if std::mem::take(&mut self.weather().is_away) {
            tracing::info!("the database is back");
        }
    }

    fn weather(&self) -> std::sync::MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use.
pub(crate) struct Lease<'c> {
    connection: Option<AnyConnection>,
    from: &'c Connections,
    _permit: SemaphorePermit<'c>,
}

impl Lease<'_> {
    /// Gives the connection back, for others to use: nothing is under way on it.
    pub(crate) fn give_back(mut self) {
        if let Some(connection) = self.connection.take()
            && !self.from.permits.is_closed()
        {
            self.from.idle().push(connection);
        }
    }
}

impl Deref for Lease<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        self.connection.as_ref().expect("only giving back takes it")
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("only giving back takes it")
    }
}

/// The error of what had no answer in time.
pub(crate) fn late(what: &'static str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, what))
}
