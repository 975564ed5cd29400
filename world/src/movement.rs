//! How fast one may walk: a token bucket, so that honest bursts after a pause pass and nobody is faster for long.

use crate::settings::Settings;

/// What a character may still walk at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeedBudget {
    tiles: f64,
    at_ms: u64,
}

impl SpeedBudget {
    /// A full one.
    #[must_use]
    pub fn full(settings: &Settings, now_ms: u64) -> Self {
        Self {
            tiles: settings.speed_burst,
            at_ms: now_ms,
        }
    }

    /// Takes a step's length out of it; false, and nothing taken, if there is not so much in it.
    #[expect(clippy::cast_precision_loss, reason = "pauses are far below 2^53 ms")]
    pub fn take(&mut self, tiles: f64, settings: &Settings, now_ms: u64) -> bool {
        // A clock that goes back gives nothing.
        let pause_ms = now_ms.saturating_sub(self.at_ms);
        self.tiles =
            (self.tiles + pause_ms as f64 / 1000.0 * settings.speed).min(settings.speed_burst);
        self.at_ms = self.at_ms.max(now_ms);
        // A hair's breadth for sums of steps that rounding has made longer.
        let is_enough = tiles <= self.tiles + 1e-6;
        if is_enough {
            self.tiles -= tiles;
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nobody_gets_further_than_burst_and_speed_allow(steps in prop::collection::vec((0.0..20.0f64, 0u64..3_000), 1..100)) {
            let settings = Settings::default();
            let mut budget = SpeedBudget::full(&settings, 0);
            let (mut now_ms, mut walked) = (0, 0.0);
            for (tiles, pause_ms) in steps {
                now_ms += pause_ms;
                if budget.take(tiles, &settings, now_ms) {
                    walked += tiles;
                }
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let allowed = settings.speed_burst + now_ms as f64 / 1000.0 * settings.speed;
                prop_assert!(walked <= allowed + 1e-3, "{walked} of {allowed}");
            }
        }
    }

    #[test]
    fn an_honest_walk_passes() {
        let settings = Settings::default();
        let mut budget = SpeedBudget::full(&settings, 0);
        for step in 0..1_000 {
            assert!(budget.take(0.4, &settings, step * 50), "step {step}");
        }
    }
}
