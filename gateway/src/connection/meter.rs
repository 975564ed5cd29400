//! How fast one client may ask. Above the rate it is read later, so TCP slows it down. Pure: time is an argument.

use std::time::{Duration, Instant};

/// A bucket that refills by `per_second`, and holds as much as comes in a second.
#[derive(Debug)]
pub(super) struct Meter {
    per_second: f64,
    /// Below 0 after something that was larger than what was there.
    level: f64,
    at: Instant,
}

impl Meter {
    /// A full one.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second.max(1));
        Self {
            per_second,
            level: per_second,
            at: now,
        }
    }

    /// Takes an amount, which may be more than is there.
    #[expect(clippy::cast_precision_loss, reason = "amounts of bytes read at once")]
    pub(super) fn take(&mut self, amount: usize, now: Instant) {
        self.refill(now);
        self.level -= amount as f64;
    }

    /// When something may be taken again, if that is not now.
    pub(super) fn opens_at(&mut self, now: Instant) -> Option<Instant> {
        self.refill(now);
        (self.level <= 0.0).then(|| {
            let missing = 1.0 - self.level;
            now + Duration::from_secs_f64(missing / self.per_second)
        })
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.per_second).min(self.per_second);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut meter = Meter::new(10, start);
        for _ in 0..10 {
            assert_eq!(meter.opens_at(start), None);
            meter.take(1, start);
        }
        assert_eq!(meter.opens_at(start), Some(after(100)));
        assert_eq!(meter.opens_at(after(100)), None);
        meter.take(1, after(100));
        assert_eq!(meter.opens_at(after(100)), Some(after(200)));
        assert_eq!(meter.opens_at(after(10_000)), None);
        meter.take(20, after(10_000));
        assert_eq!(meter.opens_at(after(10_000)), Some(after(11_100)));
    }
}
