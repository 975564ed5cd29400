//! Warnings that would be said again and again while something is away. It does not know what they are about.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How often one thing is warned of.
const WARN_INTERVAL: Duration = Duration::from_secs(30);

/// One thing that may be warned of.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    warned_at: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Whether to warn now. If so, the next warning is due only after a while.
    pub(crate) fn is_due(&self) -> bool {
        self.is_due_at(Instant::now())
    }

    fn is_due_at(&self, now: Instant) -> bool {
        let mut warned_at = self.warned_at.lock();
        let is_due = warned_at.is_none_or(|at| now >= at + WARN_INTERVAL);
        if is_due {
            *warned_at = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_said_at_once_and_then_seldom() {
        let throttle = Throttle::default();
        let start = Instant::now();
        let is_due = |ms| throttle.is_due_at(start + Duration::from_millis(ms));
        assert!(is_due(0));
        assert!(!is_due(1) && !is_due(29_999));
        assert!(is_due(30_000));
        assert!(!is_due(30_001));
    }
}
