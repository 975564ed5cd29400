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
    throttle::Throttle,
    zone_message::{Character, SessionNumber},
};

/// How long one call may take: a full queue of password checks before it, with room to spare.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after a call that nobody answered another one is made; doubled each time. The account service may be starting again.
const BACK_OFF: Duration = Duration::from_millis(100);
/// The longest that it is doubled to.
const BACK_OFF_MAX: Duration = Duration::from_secs(2);
/// How long to wait for a place in the queue of password checks before asking for one again: long enough for some to have been done. The wait is as long
/// as the session's patience: everybody comes at once after a restart, and a False would say that the password is wrong.
const BUSY_BACK_OFF: Duration = Duration::from_millis(250);

/// The account service, and the numbers of this gateway's sessions.
#[derive(Debug)]
pub(crate) struct Accounts {
    auth: Auth,
    last_number: AtomicU64,
    warnings: Throttle,
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
            warnings: Throttle::default(),
        }
    }

    /// Asks until there is an answer, or nobody can say any more what it would mean. Whoever waits for it gives up at [`PATIENCE`], and we a little
    /// before.
    pub(crate) async fn ask(
        &self,
        is_new: bool,
        credentials: Credentials,
        traceparent: String,
    ) -> Asked {
        let asked_at = Instant::now();
        let mut back_off = BACK_OFF;
        loop {
            let answer = self
                .auth
                .ask(is_new, &credentials, &traceparent, CALL_TIMEOUT)
                .await;
            let wait = match answer {
                Ok(AuthAnswer::Busy) => BUSY_BACK_OFF,
                Ok(answer) => return self.asked(answer),
                Err(error) => {
                    if self.warnings.is_due() {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "no answer from the account service"
                        );
                    }
                    if !may_ask_again(is_new, &error) {
                        return Asked::nobody(Verdict::Unknown);
                    }
                    let wait = back_off;
                    back_off = (back_off * 2).min(BACK_OFF_MAX);
                    wait
                }
            };
            if asked_at.elapsed() + wait >= PATIENCE {
                return Asked::nobody(Verdict::Unknown);
            }
            tokio::time::sleep(wait).await;
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

/// Beginning a session twice harms nobody. But a second `new` could find the account of the first one, and take it for somebody else's.
fn may_ask_again(is_new: bool, error: &Error) -> bool {
    match error {
        Error::Malformed(_) | Error::Address(..) => false,
        Error::Connect(_) | Error::Status(_) => !is_new || error.is_unsent(),
    }
}
