//! The forms of what need not last.

use std::sync::Arc;

use store::{announce::InProcess, redis::Hints, sessions::InMemory};

/// Within this process.
pub(crate) struct Local;

impl Local {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) async fn hints(&self) -> Hints {
        Hints {
            sessions: Arc::new(InMemory::default()),
            announcements: Arc::new(InProcess::default()),
        }
    }
}

/// In a Redis of the test's own: whoever listens hears all that is announced in one.
pub(crate) struct Redis {
    server: servers::Redis,
}

impl Redis {
    pub(crate) fn new() -> Self {
        Self {
            server: servers::Redis::start(),
        }
    }

    pub(crate) async fn hints(&self) -> Hints {
        store::redis::connect(&self.server.url()).await.unwrap()
    }
}
