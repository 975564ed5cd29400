//! How often something is said that is true for a while.

use std::time::Duration;

use tokio::time::Instant;

/// What is said at most once in an interval.
#[derive(Debug)]
pub(crate) struct Complaint {
    interval: Duration,
    last: Option<Instant>,
}

impl Complaint {
    pub(crate) fn every(interval: Duration) -> Self {
        Self {
            interval,
            last: None,
        }
    }

    /// Whether it is to be said now. If so, it counts as said.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.last.is_none_or(|last| now - last >= self.interval);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_in_each_interval() {
        let begin = Instant::now();
        let mut complaint = Complaint::every(Duration::from_secs(10));
        let mut said = (0..32).filter(|s| complaint.is_due(begin + Duration::from_secs(*s)));
        assert_eq!(said.by_ref().collect::<Vec<_>>(), [0, 10, 20, 30]);
    }
}
