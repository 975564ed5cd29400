//! The time that regions are told: the wall clock as it was at the start, carried on by the monotonic one. A step of the wall clock would otherwise
//! stop every region for as long as it goes back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The one place where a zone server reads the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began_ms: u64,
    began: Instant,
}

impl Clock {
    /// Reads the wall clock, for the only time.
    pub(crate) fn start() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            began_ms: millis(since),
            began: Instant::now(),
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.began_ms + millis(self.began.elapsed())
    }

    /// When a time will be, for the timer.
    pub(crate) fn instant(&self, at_ms: u64) -> Instant {
        self.began + Duration::from_millis(at_ms.saturating_sub(self.began_ms))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_timer_and_the_time_agree() {
        let clock = Clock::start();
        let at_ms = clock.now_ms() + 1_234;
        tokio::time::sleep_until(clock.instant(at_ms)).await;
        assert_eq!(clock.now_ms(), at_ms);
        assert!(clock.instant(0) <= Instant::now(), "the past is due");
    }
}
