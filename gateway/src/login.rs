//! Asking the account service who somebody is. A refusal is an answer; when there is no answer, nobody here makes one up.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use wire::command::Credentials;

use crate::{
    grpc::{Auth, AuthAnswer, Error},
    session::{PATIENCE, Verdict},
    zone_message::{Character, SessionNumber},
};

/// How long one call may take: a full queue of password checks before it, with room to spare.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a `login` is tried that nobody answers. Beginning a session twice harms nobody, so this is safe; a `new` is tried once, because
/// a second try could find the first one's account and take it for somebody else's.
const LOGIN_TRIES_MAX: u32 = 3;
/// How long to wait before the next try.
const LOGIN_BACK_OFF: Duration = Duration::from_millis(200);
/// How long to wait for a place in the queue of password checks before asking for one again: long enough for some to have been done. The wait is as long
/// as the session's patience: everybody comes at once after a restart, and a False would say that the password is wrong.
const BUSY_BACK_OFF: Duration = Duration::from_millis(250);

/// The account service, and the numbers of this gateway's sessions.
#[derive(Debug)]
pub(crate) struct Accounts {
    auth: Auth,
    last_number: AtomicU64,
}

/// What came of asking.
#[derive(Debug)]
pub(crate) struct Asked {
    /// For the session.
    pub(crate) verdict: Verdict,
    /// The map version that the player was last told of, if a session has begun.
    pub(crate) map_told: u64,
}

impl Asked {
    /// No session has begun, as far as we know.
    fn nobody(verdict: Verdict) -> Self {
        let map_told = 0;
        Self { verdict, map_told }
    }
}

impl Accounts {
    /// With a connection to the service.
    pub(crate) fn new(auth: Auth) -> Self {
        Self {
            auth,
            last_number: AtomicU64::new(0),
        }
    }

    /// Asks.
    pub(crate) async fn ask(
        &self,
        is_new: bool,
        credentials: Credentials,
        traceparent: String,
    ) -> Asked {
        let tries = if is_new { 1 } else { LOGIN_TRIES_MAX };
        for attempt in 1..=tries {
            match self.ask_patiently(is_new, &credentials, &traceparent).await {
                Ok(answer) => return self.asked(answer),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        attempt,
                        "no answer from the account service"
                    );
                    if matches!(error, Error::Malformed(_)) {
                        break;
                    }
                }
            }
            if attempt < tries {
                tokio::time::sleep(LOGIN_BACK_OFF).await;
            }
        }
        Asked::nobody(Verdict::Unknown)
    }

    /// Asks until there is a place in the queue. Whoever waits for the answer gives up at [`PATIENCE`], and we a little before.
    async fn ask_patiently(
        &self,
        is_new: bool,
        credentials: &Credentials,
        traceparent: &str,
    ) -> Result<AuthAnswer, Error> {
        let asked_at = Instant::now();
        loop {
            let answer = self
                .auth
                .ask(is_new, credentials, traceparent, CALL_TIMEOUT)
                .await?;
            if answer != AuthAnswer::Busy || asked_at.elapsed() + BUSY_BACK_OFF > PATIENCE {
                return Ok(answer);
            }
            tokio::time::sleep(BUSY_BACK_OFF).await;
        }
    }

    fn asked(&self, answer: AuthAnswer) -> Asked {
        match answer {
            AuthAnswer::Refused => Asked::nobody(Verdict::Refused),
            AuthAnswer::Busy => Asked::nobody(Verdict::Unknown),
            AuthAnswer::Session {
                name,
                generation,
                region,
                map_told,
            } => {
                let number = self.last_number.fetch_add(1, Ordering::Relaxed) + 1;
                let character = Character {
                    number: SessionNumber(number),
                    key: Arc::from(world::name::key(&name)),
                    name: Arc::from(name),
                    generation,
                };
                Asked {
                    verdict: Verdict::Begun { character, region },
                    map_told,
                }
            }
        }
    }
}
