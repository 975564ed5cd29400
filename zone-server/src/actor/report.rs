//! When a region tells what lives in it: after an input, once a second at most.

use std::time::Duration;

use tokio::time::Instant;

/// How much time is between two reports of a region.
const INTERVAL: Duration = Duration::from_secs(1);

/// Whether a report is owed, and when it is due.
#[derive(Debug)]
pub(super) struct Report {
    /// Before that, there is none.
    due: Instant,
    is_owed: bool,
}

impl Report {
    /// The first is due at once.
    pub(super) fn begin() -> Self {
        Self {
            due: Instant::now(),
            is_owed: true,
        }
    }

    /// Something may have changed.
    pub(super) fn owe(&mut self) {
        self.is_owed = true;
    }

    /// When it is to be made. None: nothing has changed since the last.
    pub(super) fn due(&self) -> Option<Instant> {
        self.is_owed.then_some(self.due)
    }

    /// It is made.
    pub(super) fn made(&mut self) {
        self.is_owed = false;
        self.due = Instant::now() + INTERVAL;
    }
}
