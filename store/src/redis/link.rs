//! The one connection to Redis: made, watched over, and made again when it is lost, with growing pauses. It knows what is announced on it, and nothing
//! of what is asked over it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, PushInfo, PushKind, RedisError,
    RedisResult, aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::{announce::Topic, complaint::Complaint, error::Error};

use super::{keys, told::Told};

/// How long an attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a reply may take: what is asked here can be done without.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a connection that says nothing is asked whether it still lives, and whether an announcement was missed.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// The pause before another attempt to connect; it doubles each time, up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between attempts to connect.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often it is said that Redis is away.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);
/// Commands under way on the connection; more wait, and no longer than for a reply.
const UNDER_WAY_MAX: usize = 1_024;

/// The way to Redis.
#[derive(Debug)]
pub(super) struct Link {
    url: String,
    state: watch::Receiver<State>,
    /// Told when a command had no answer.
    doubt: Arc<Notify>,
    keeping: JoinHandle<()>,
}

#[derive(Debug, Clone)]
enum State {
    Beginning,
    Up(MultiplexedConnection),
    Down,
}

impl Link {
    /// A link, and the task that keeps it for as long as it is there.
    pub(super) fn start(client: Client, told: Arc<Told>, url: String) -> Self {
        let (sender, state) = watch::channel(State::Beginning);
        let doubt = Arc::new(Notify::new());
        let keeper = Keeper {
            client,
            told,
            url: url.clone(),
            state: sender,
            doubt: Arc::clone(&doubt),
            complaint: Complaint::every(COMPLAINT_INTERVAL),
            is_missed: false,
        };
        Self {
            url,
            state,
            doubt,
            keeping: tokio::spawn(keeper.run()),
        }
    }

    /// Waits until the first attempt has come to its end.
    pub(super) async fn first_attempt(&self) {
        let mut state = self.state.clone();
        // The keeper lives as long as we do.
        let _known = state
            .wait_for(|state| !matches!(state, State::Beginning))
            .await;
    }

    /// Waits until there is a connection.
    pub(super) async fn up(&self) {
        let mut state = self.state.clone();
        let _known = state.wait_for(|state| matches!(state, State::Up(_))).await;
    }

    /// The connection, if there is one now.
    pub(super) fn connection(&self) -> Result<MultiplexedConnection, Error> {
        match &*self.state.borrow() {
            State::Up(connection) => Ok(connection.clone()),
            State::Beginning | State::Down => {
                Err(self.error(RedisError::from((ErrorKind::Io, "there is no connection"))))
            }
        }
    }

    /// Awaits a reply for as long as one may take.
    pub(super) async fn reply<T>(
        &self,
        reply: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Error> {
        let result = match timeout(REPLY_TIMEOUT, reply).await {
            Ok(result) => result,
            Err(_) => Err(RedisError::from((ErrorKind::Io, "no reply came in time"))),
        };
        result.map_err(|error| {
            if error.is_io_error() {
                self.doubt.notify_one();
            }
            self.error(error)
        })
    }

    fn error(&self, source: RedisError) -> Error {
        Error::Redis {
            url: self.url.clone(),
            source,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

struct Keeper {
    client: Client,
    told: Arc<Told>,
    url: String,
    state: watch::Sender<State>,
    doubt: Arc<Notify>,
    complaint: Complaint,
    /// Whether a complaint has not been followed by a connection.
    is_missed: bool,
}

impl Keeper {
    async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            let error = match self.join().await {
                Ok(mut connection) => {
                    if std::mem::take(&mut self.is_missed) {
                        tracing::info!(url = self.url, "redis is back");
                    }
                    pause = PAUSE_MIN;
                    self.state.send_replace(State::Up(connection.clone()));
                    self.watch_over(&mut connection).await
                }
                Err(error) => error,
            };
            self.state.send_replace(State::Down);
            self.complain(&error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Connects, and listens.
    async fn join(&self) -> RedisResult<MultiplexedConnection> {
        let (told, doubt) = (Arc::clone(&self.told), Arc::clone(&self.doubt));
        let hear = move |push: PushInfo| {
            match push.kind {
                PushKind::Disconnection => doubt.notify_one(),
                PushKind::Message => hear(&told, push),
                _ => {}
            }
            Ok::<(), ()>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(REPLY_TIMEOUT))
            .set_concurrency_limit(UNDER_WAY_MAX)
            .set_push_sender(hear);
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let mut connection = timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| RedisError::from((ErrorKind::Io, "no connection came in time")))??;
        connection.subscribe(&keys::CHANNELS[..]).await?;
        // What was announced until now was not heard.
        self.told.begin_anew(&counts(&mut connection).await?);
        Ok(connection)
    }

    /// Returns when the connection is lost.
    async fn watch_over(&self, connection: &mut MultiplexedConnection) -> RedisError {
        loop {
            // Either way it is time to look.
            let _asked = timeout(PROBE_INTERVAL, self.doubt.notified()).await;
            match counts(connection).await {
                Ok(counts) => self.told.compare(&counts),
                Err(error) => return error,
            }
        }
    }

    fn complain(&mut self, error: &RedisError) {
        if self.complaint.is_due(Instant::now()) {
            self.is_missed = true;
            tracing::warn!(
                url = self.url,
                error = error as &dyn std::error::Error,
                "redis is away: sessions and announcements are not shared until it is back"
            );
        }
    }
}

async fn counts(connection: &mut MultiplexedConnection) -> RedisResult<HashMap<String, u64>> {
    redis::cmd("HGETALL")
        .arg(keys::COUNTS)
        .query_async(connection)
        .await
}

/// Hears a message: whose it is, and the count of its topic.
fn hear(told: &Told, push: PushInfo) {
    let Ok([channel, message]) = <[_; 2]>::try_from(push.data) else {
        return;
    };
    let (Ok(channel), Ok(message)) = (
        String::from_redis_value(channel),
        String::from_redis_value(message),
    ) else {
        return;
    };
    let topic = Topic::ALL
        .into_iter()
        .find(|topic| keys::channel(*topic) == channel);
    if let (Some(topic), Some((whose, count))) = (topic, message.split_once(' ')) {
        told.hear(topic, whose, count.parse().unwrap_or(0));
    }
}
