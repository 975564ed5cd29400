//! Whether a zone server may speak: `zone-server/src/trust.rs` in virtual time, rule for rule.

use crate::schedule::{MILLI, Micros, SECOND};

/// How old the last acknowledged heartbeat may be, counted from its sending.
pub(super) const TRUST: Micros = 1_500 * MILLI;
const HEARTBEAT_INTERVAL: Micros = 500 * MILLI;
const TTL: Micros = 2 * SECOND;

/// The state of trust. It begins closed.
#[derive(Debug, Default)]
pub(super) struct Trust {
    open_until: Micros,
    acknowledged_until: Option<Micros>,
    unbroken_since: Option<Micros>,
    lapse_count: u64,
    /// Whether the lapse of the last opening was noticed.
    is_open: bool,
    /// Whether it never lapses, as no server's may.
    is_for_ever: bool,
}

/// A time without a lapse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term(u64);

impl Term {
    /// Whether there was a time before it in which others could take everything over.
    #[must_use]
    pub(super) fn follows_a_lapse(self) -> bool {
        self.0 > 0
    }
}

impl Trust {
    /// One that begins closed.
    pub(super) fn new(is_for_ever: bool) -> Self {
        Self {
            is_for_ever,
            ..Self::default()
        }
    }

    /// Whether the server may speak.
    #[must_use]
    pub(super) fn is_trusted(&self, now: Micros) -> bool {
        now < self.open_until || self.is_for_ever && self.open_until > 0
    }

    /// A heartbeat that was sent then is acknowledged.
    pub(super) fn acknowledged(&mut self, sent: Micros, now: Micros) {
        self.expire(now);
        if now - sent > HEARTBEAT_INTERVAL {
            self.unbroken_since = Some(now);
        }
        self.unbroken_since.get_or_insert(sent);
        self.acknowledged_until = self.acknowledged_until.max(Some(sent + TRUST));
        if self.open_until > 0 {
            self.open_until = self.acknowledged_until.unwrap_or_default();
        }
    }

    /// A heartbeat was not acknowledged.
    pub(super) fn missed(&mut self) {
        self.unbroken_since = None;
    }

    /// Closes what has lapsed.
    pub(super) fn expire(&mut self, now: Micros) {
        if self.acknowledged_until.is_some_and(|until| until <= now) {
            self.acknowledged_until = None;
            self.unbroken_since = None;
            self.lapse_count += 1;
            if !self.is_for_ever {
                self.open_until = 0;
            }
        }
    }

    /// Whether trust has gone since it was last asked.
    pub(super) fn take_lapse(&mut self) -> bool {
        self.open_until == 0 && std::mem::take(&mut self.is_open)
    }

    /// Until when the last acknowledged heartbeat counts.
    #[must_use]
    pub(super) fn until(&self) -> Option<Micros> {
        self.acknowledged_until
    }

    /// The present term.
    pub(super) fn term(&mut self, now: Micros) -> Option<Term> {
        self.expire(now);
        self.acknowledged_until.map(|_| Term(self.lapse_count))
    }

    /// Opens. False: the term is over.
    pub(super) fn open(&mut self, term: Term, now: Micros) -> bool {
        self.expire(now);
        if self.acknowledged_until.is_none() || term != Term(self.lapse_count) {
            return false;
        }
        self.open_until = self.acknowledged_until.unwrap_or_default();
        self.is_open = true;
        true
    }

    /// Whether others may be judged by their heartbeats.
    pub(super) fn may_judge(&mut self, now: Micros) -> bool {
        self.expire(now);
        self.unbroken_since.is_some_and(|since| now - since >= TTL)
    }
}
