//! Whether this server may speak: while the database has acknowledged it as alive lately, and nobody can have taken its regions since. It does not
//! know how heartbeats are sent, nor who holds what.
//!
//! Only the monotonic clock counts, and it counts from the *sending* of a heartbeat: that is the latest time at which others begin to wait. A
//! server that was stopped finds itself distrusted at its first look at the clock, before it has done anything.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use store::directory::{HEARTBEAT_INTERVAL, HEARTBEAT_TTL_MS};
use tokio::{sync::watch, time::Instant};

/// How old the last acknowledged heartbeat may be, counted from its sending: less than others wait before they take over (DESIGN, "Regions").
pub(crate) const TRUST: Duration = Duration::from_millis(1_500);

/// The same for a server that is alone with its database: nobody can take over, so a day is as good as any time.
const TRUST_ALONE: Duration = Duration::from_hours(24);

/// The state of trust. It begins closed.
#[derive(Debug)]
pub(crate) struct Trust {
    began: Instant,
    is_alone: bool,
    /// Until when the server may speak, in milliseconds after `began`; 0 while it may not.
    open_until_ms: AtomicU64,
    state: Mutex<State>,
    changes: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    /// Until when the last acknowledged heartbeat counts.
    acknowledged_until: Option<Instant>,
    /// Since when each heartbeat was acknowledged, and in time.
    unbroken_since: Option<Instant>,
    /// Whether the server may speak, unless somebody has noticed since that it may not.
    is_open: bool,
    /// How often there was a time at which no heartbeat counted.
    lapse_count: u64,
}

/// A time without a lapse: what was read of the regions in it is not outdated by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term(u64);

impl Term {
    /// Whether there was a time before it in which others could take everything over.
    pub(crate) fn follows_a_lapse(self) -> bool {
        self.0 > 0
    }
}

impl Trust {
    /// Nobody has acknowledged anything yet.
    pub(crate) fn new(is_alone: bool) -> Self {
        Self {
            began: Instant::now(),
            is_alone,
            open_until_ms: AtomicU64::new(0),
            state: Mutex::default(),
            changes: watch::Sender::default(),
        }
    }

    /// Whether no other server can take over.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Whether the server may speak now. Once this was false, it stays so until [`Self::open`]: what was not said then is missing.
    pub(crate) fn is_trusted(&self) -> bool {
        let mut until = self.open_until_ms.load(Ordering::Acquire);
        while until > 0 {
            if self.ms(Instant::now()) < until {
                return true;
            }
            match self.change(until, 0) {
                Ok(()) => return false,
                Err(other) => until = other,
            }
        }
        false
    }

    /// Whether the server may speak, as far as somebody has noticed: told once for each change.
    pub(crate) fn changes(&self) -> watch::Receiver<bool> {
        self.changes.subscribe()
    }

    /// A heartbeat that was sent then is acknowledged. Trust that has lapsed stays closed until [`Self::open`].
    pub(crate) fn acknowledged(&self, sent: Instant) {
        let mut state = self.state.lock();
        let now = Instant::now();
        self.expire_at(&mut state, now);
        if now - sent > HEARTBEAT_INTERVAL {
            // The database was away for a while, and perhaps for others as well.
            state.unbroken_since = Some(now);
        }
        state.unbroken_since.get_or_insert(sent);
        let trust = if self.is_alone { TRUST_ALONE } else { TRUST };
        let until = state.acknowledged_until.max(Some(sent + trust));
        state.acknowledged_until = until;
        if let Some(until) = until.filter(|_| state.is_open) {
            let before = self.open_until_ms.load(Ordering::Acquire);
            if before == 0 || self.change(before, self.ms(until)).is_err() {
                self.lapse(&mut state);
            }
        }
    }

    /// A heartbeat was not acknowledged, as far as we know.
    pub(crate) fn missed(&self) {
        self.state.lock().unbroken_since = None;
    }

    /// Closes what has lapsed.
    pub(crate) fn expire(&self) {
        self.expire_at(&mut self.state.lock(), Instant::now());
    }

    /// Until when the last acknowledged heartbeat counts. None: none has counted since the last lapse.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.state.lock().acknowledged_until
    }

    /// The present term. None: no heartbeat counts now, so what is read now may be outdated before it is looked at.
    pub(crate) fn term(&self) -> Option<Term> {
        let mut state = self.state.lock();
        self.expire_at(&mut state, Instant::now());
        state.acknowledged_until.map(|_| Term(state.lapse_count))
    }

    /// Opens, for a server that runs no region that others held at some time in this term. False: the term is over.
    pub(crate) fn open(&self, term: Term) -> bool {
        let mut state = self.state.lock();
        self.expire_at(&mut state, Instant::now());
        let Some(until) = state
            .acknowledged_until
            .filter(|_| term == Term(state.lapse_count))
        else {
            return false;
        };
        state.is_open = true;
        self.open_until_ms.store(self.ms(until), Ordering::Release);
        self.changes
            .send_if_modified(|is_open| !std::mem::replace(is_open, true));
        true
    }

    /// Whether others may be judged by their heartbeats: all of our own were acknowledged for as long as theirs count.
    pub(crate) fn may_judge(&self) -> bool {
        let ttl = Duration::from_millis(HEARTBEAT_TTL_MS.unsigned_abs());
        let mut state = self.state.lock();
        let now = Instant::now();
        self.expire_at(&mut state, now);
        state.unbroken_since.is_some_and(|since| now - since >= ttl)
    }

    /// As if nothing had been acknowledged for too long.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.lapse(&mut self.state.lock());
    }

    fn expire_at(&self, state: &mut State, now: Instant) {
        let was_noticed = state.is_open && self.open_until_ms.load(Ordering::Acquire) == 0;
        if was_noticed || state.acknowledged_until.is_some_and(|until| until <= now) {
            self.lapse(state);
        }
    }

    fn lapse(&self, state: &mut State) {
        state.acknowledged_until = None;
        state.unbroken_since = None;
        state.is_open = false;
        state.lapse_count += 1;
        self.open_until_ms.store(0, Ordering::Release);
        self.changes.send_if_modified(std::mem::take);
    }

    fn change(&self, from: u64, to: u64) -> Result<(), u64> {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        let until = &self.open_until_ms;
        until
            .compare_exchange(from, to, success, failure)
            .map(|_| ())
    }

    fn ms(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn opened() -> Trust {
        let trust = Trust::new(false);
        trust.acknowledged(Instant::now());
        assert!(trust.open(trust.term().unwrap()));
        trust
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_alone_is_trusted_while_the_database_is_busy() {
        let trust = Trust::new(true);
        trust.acknowledged(Instant::now());
        assert!(trust.open(trust.term().unwrap()));
        advance(TRUST * 100).await;
        assert!(trust.is_trusted());
    }

    #[tokio::test(start_paused = true)]
    async fn trust_begins_when_regions_were_read_and_counts_from_the_sending() {
        let trust = Trust::new(false);
        assert_eq!(trust.term(), None);
        let sent = Instant::now();
        advance(Duration::from_millis(400)).await;
        trust.acknowledged(sent);
        assert!(!trust.is_trusted(), "nobody has read the regions");
        assert!(trust.open(trust.term().unwrap()));
        advance(Duration::from_millis(1_099)).await;
        assert!(trust.is_trusted());
        advance(MS).await;
        assert!(!trust.is_trusted(), "without anybody's noticing");
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_keep_it_and_a_lapse_closes_it_until_regions_were_read_again() {
        let trust = opened();
        let mut changes = trust.changes();
        for _ in 0..4 {
            let sent = Instant::now();
            advance(Duration::from_millis(700)).await;
            trust.acknowledged(sent);
            assert!(trust.is_trusted());
        }
        let term = trust.term().unwrap();
        advance(TRUST).await;
        // As after SIGCONT, when the heartbeat's task is the first to run.
        trust.acknowledged(Instant::now());
        assert!(!trust.is_trusted());
        assert!(changes.has_changed().unwrap() && !*changes.borrow_and_update());
        assert!(!trust.open(term), "what was read is older than the lapse");
        assert!(trust.open(trust.term().unwrap()));
        assert!(trust.is_trusted() && *changes.borrow_and_update());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_told_that_it_is_over_is_right() {
        let trust = Trust::new(false);
        advance(Duration::from_micros(700)).await;
        trust.acknowledged(Instant::now());
        assert!(trust.open(trust.term().unwrap()));
        let before = trust.term().unwrap();
        // By the millisecond it is over, by the microsecond not yet.
        advance(TRUST - Duration::from_micros(400)).await;
        assert!(!trust.is_trusted());
        trust.acknowledged(Instant::now());
        assert!(!trust.is_trusted() && !trust.open(before));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_too_late_counts_for_nothing() {
        let trust = opened();
        let sent = Instant::now();
        sleep(TRUST + MS).await;
        trust.acknowledged(sent);
        assert_eq!(trust.term(), None);
        assert!(!trust.is_trusted());
    }

    #[tokio::test(start_paused = true)]
    async fn others_are_judged_after_a_full_time_to_live() {
        let trust = opened();
        let beat = async || {
            advance(Duration::from_millis(500)).await;
            trust.acknowledged(Instant::now());
        };
        for _ in 0..3 {
            beat().await;
            assert!(!trust.may_judge());
        }
        beat().await;
        assert!(trust.may_judge());
        trust.missed();
        assert!(trust.is_trusted() && !trust.may_judge());
        for _ in 0..5 {
            assert!(!trust.may_judge());
            beat().await;
        }
        assert!(trust.may_judge());
        // The database was slow, and so it was for others.
        let sent = Instant::now();
        advance(Duration::from_millis(501)).await;
        trust.acknowledged(sent);
        assert!(trust.is_trusted() && !trust.may_judge());
    }
}
