//! The zone server's word that it is alive: `zone-server/src/heartbeat.rs`.

use super::{Due, Then, Zone};
use crate::{
    schedule::{MILLI, Micros, SECOND},
    shared::Shared,
    statement::{Answered, Statement},
};

const INTERVAL: Micros = 500 * MILLI;
/// How long a heartbeat may take before another is sent in its stead.
const ANSWER_TIMEOUT: Micros = SECOND;

impl Zone {
    pub(super) fn heartbeat(&mut self, shared: &mut Shared) {
        if self.beat.is_some() || self.has_ended {
            return;
        }
        let sent = shared.now();
        self.beat = Some(sent);
        let heartbeat = Statement::Heartbeat(self.standing.clone());
        self.submit(heartbeat, Then::Heartbeat(sent), shared);
        self.later(ANSWER_TIMEOUT, Due::NoHeartbeat(sent), shared);
    }

    pub(super) fn heartbeat_answered(
        &mut self,
        sent: Micros,
        answered: Answered,
        shared: &mut Shared,
    ) {
        if self.beat != Some(sent) {
            return;
        }
        let now = shared.now();
        if answered.is_ok() {
            self.trust.acknowledged(sent, now);
        } else {
            self.trust.missed();
        }
        self.lapse(shared);
        self.next_heartbeat(sent, shared);
    }

    pub(super) fn no_heartbeat(&mut self, sent: Micros, shared: &mut Shared) {
        if self.beat == Some(sent) {
            self.trust.missed();
            self.next_heartbeat(sent, shared);
        }
    }

    fn next_heartbeat(&mut self, sent: Micros, shared: &mut Shared) {
        self.beat = None;
        let delay = (sent + INTERVAL).saturating_sub(shared.now());
        self.later(delay, Due::Heartbeat, shared);
    }

    /// Trust may have gone; or it will, at a time that is known.
    pub(super) fn lapse(&mut self, shared: &mut Shared) {
        let now = shared.now();
        self.trust.expire(now);
        if self.trust.take_lapse() {
            shared.note(|| format!("{} is not trusted any more", self.standing.address));
            self.suspend(shared);
        }
        if let Some(until) = self.trust.until() {
            self.later(until.saturating_sub(now), Due::Lapse, shared);
        }
    }
}
