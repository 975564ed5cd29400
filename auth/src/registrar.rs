//! What becomes of credentials: who gets an account, and whose session begins. It does not know how they came here.

use std::{fmt, sync::Arc, time::Duration};

use store::{
    Store,
    accounts::{Created, NewAccount, SessionStart},
    sessions::{Session, Sessions},
};
use world::name;

use crate::{
    hasher::{self, Hasher},
    password,
};

/// How long a session may take to be noted. The note is a hint: without it the session counts all the same.
const NOTE_TIMEOUT: Duration = Duration::from_secs(1);

/// Who asks, and at which gateway.
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) password: Vec<u8>,
    pub(crate) gateway: String,
}

/// Decides.
#[derive(Debug)]
pub(crate) struct Registrar {
    pub(crate) store: Store,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) hasher: Hasher,
    pub(crate) session_ttl: Duration,
}

/// An answer that is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Wrong,
    NameTaken,
    NameInvalid,
    PasswordInvalid,
    Busy,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no world was published, so nobody can begin anywhere")]
    NothingPublished,
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Hasher(#[from] hasher::Error),
}

pub(crate) type Answer = Result<Result<SessionStart, Refusal>, Error>;

/// Without the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("name", &self.name)
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

impl Registrar {
    /// Creates an account and begins its first session.
    pub(crate) async fn create(&self, credentials: Credentials) -> Answer {
        let Credentials {
            name,
            password,
            gateway,
        } = credentials;
        if name::check(&name).is_err() {
            return Ok(Err(Refusal::NameInvalid));
        }
        if password::check_rules(&password).is_err() {
            return Ok(Err(Refusal::PasswordInvalid));
        }
        let Some(place) = self.hasher.place() else {
            return Ok(Err(Refusal::Busy));
        };
        let content = self.store.content().current().await?;
        let content = content.ok_or(Error::NothingPublished)?;
        // That a name is taken is no secret, so nothing is hashed to hide it. Whether it still is free is seen when the account is written.
        if self.store.accounts().find(&name).await?.is_some() {
            return Ok(Err(Refusal::NameTaken));
        }
        let new = NewAccount {
            name,
            password_hash: place.hash(password).await?,
            region: content.start_region,
            state: content.start_state,
        };
        match self.store.accounts().create(new).await? {
            Created::NameTaken => Ok(Err(Refusal::NameTaken)),
            Created::Done(start) => {
                self.note(&start, gateway).await;
                Ok(Ok(start))
            }
        }
    }

    /// Begins a session of an account. Whatever is wrong, the same is done, and takes as long.
    pub(crate) async fn login(&self, credentials: Credentials) -> Answer {
        let Credentials {
            name,
            mut password,
            gateway,
        } = credentials;
        let Some(place) = self.hasher.place() else {
            return Ok(Err(Refusal::Busy));
        };
        let is_possible = name::check(&name).is_ok() && password::check_rules(&password).is_ok();
        password.truncate(password::BYTES_MAX);
        // No account has the empty name.
        let looked_up = if is_possible { name.as_str() } else { "" };
        let account = self.store.accounts().find(looked_up).await?;
        let stored = account.map(|account| account.password_hash);
        if !place.verify(password, stored).await? {
            return Ok(Err(Refusal::Wrong));
        }
        match self.store.accounts().begin_session(&name).await? {
            None => Ok(Err(Refusal::Wrong)),
            Some(start) => {
                self.note(&start, gateway).await;
                Ok(Ok(start))
            }
        }
    }

    async fn note(&self, start: &SessionStart, gateway: String) {
        let session = Session {
            gateway,
            generation: start.generation,
        };
        let noting = self.sessions.put(&start.name, session, self.session_ttl);
        match tokio::time::timeout(NOTE_TIMEOUT, noting).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "session not noted"
                );
            }
            Err(_) => tracing::warn!(timeout = ?NOTE_TIMEOUT, "session not noted in time"),
        }
    }
}
