//! When a connection pauses, and when it has to end. It does not know what is said.

use std::time::{Duration, Instant};

use world::region::Reason;

use super::{Closed, Connection};
use crate::session::End;

/// A deadline for when there is none.
const NEVER: Duration = Duration::from_secs(86_400);

impl Connection {
    /// Whether a request may be taken.
    pub(super) fn has_room(&self) -> bool {
        self.session.has_room() && !self.line.is_congested()
    }

    /// Whether bytes may be read.
    pub(super) fn is_reading(&self) -> bool {
        self.closing.is_none()
            && self.session.end().is_none()
            && self.has_room()
            && self.outbox.byte_count() < self.shared.config.output_bytes_max
            && self.inbox.held_until().is_none()
    }

    /// Whether the connection has come to its end, and why.
    pub(super) fn is_over(&mut self, now: Instant) -> Option<Closed> {
        let config = &self.shared.config;
        if !self.outbox.is_empty() && now >= self.progress_at + config.write_timeout() {
            return Some(Closed::NotReading);
        }
        if let Some(end) = self.session.end() {
            return self.outbox.is_empty().then_some(match end {
                End::Evicted(Reason::TakenOver) => Closed::TakenOver,
                End::Evicted(Reason::Kicked) => Closed::Kicked,
                End::OutcomeUnknown | End::Gone => Closed::OutcomeUnknown,
            });
        }
        if let Some(closing) = self.closing {
            let is_answered = self.session.is_idle() && self.outbox.is_empty();
            return is_answered.then_some(closing);
        }
        let is_reading = self.is_reading();
        let within_since = self.inbox.watch(is_reading, now);
        let config = &self.shared.config;
        if within_since.is_some_and(|since| now >= since + config.message_timeout()) {
            return Some(Closed::SlowMessage);
        }
        let is_idle = self.session.is_idle() && self.outbox.is_empty();
        (is_idle && now >= self.active_at + config.idle_timeout()).then_some(Closed::Idle)
    }

    /// When something is to be looked at again, whatever happens before.
    pub(super) fn deadline(&mut self, now: Instant) -> Instant {
        let config = &self.shared.config;
        let is_waiting = !self.outbox.is_empty();
        let write = is_waiting.then(|| self.progress_at + config.write_timeout());
        let idle = self.active_at + config.idle_timeout();
        let idle = Some(idle).filter(|idle| *idle > now);
        let message_timeout = config.message_timeout();
        let is_reading = self.is_reading();
        let message = self.inbox.watch(is_reading, now);
        if self.session.end().is_some() {
            return write.unwrap_or(now + NEVER);
        }
        let candidates = [
            write,
            idle,
            message.map(|since| since + message_timeout),
            self.inbox.held_until(),
            self.looking.flatten(),
            self.session.deadline(),
        ];
        candidates
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now + NEVER)
    }
}
