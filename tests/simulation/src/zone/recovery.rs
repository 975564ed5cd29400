//! Rows that are to be in the world and that no region has: `zone-server/src/recovery.rs`, `recovery/reclaim.rs` and `actor/lost.rs`.

use std::collections::BTreeMap;

use store::entities::{Incarnation, Orphan};
use world::{
    region::{Claimed, Enter, Input, Message, Reason, Session},
    region_id::RegionId,
};

use super::{At, Due, Then, Zone, reading::Purpose, rows};
use crate::{
    schedule::{MILLI, Micros, SECOND},
    shared::Shared,
    statement::{Answered, Response, Statement},
};

/// How often rows without a living owner are looked for.
const INTERVAL: Micros = SECOND;
/// How long to wait before the database is asked again.
const BACKOFF: Micros = 50 * MILLI;
const BACKOFF_MAX: Micros = SECOND;
/// For how many looks rows of ours are looked through after one was in doubt.
const DOUBTFUL_LOOKS: u32 = 10;

/// A row that a region has lost.
#[derive(Debug, Clone)]
pub struct Loss {
    pub(super) at: At,
    pub(super) key: String,
    number: u64,
}

/// What is known of rows that no region has.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// Whether a row may be ours that no region has.
    pub(super) is_in_doubt: bool,
    loss_count: u64,
    looks_left: u32,
    seen: BTreeMap<String, u64>,
    /// Rows that were said to be released for regions of ours.
    pub(super) arrivals: Vec<(RegionId, String)>,
}

impl Zone {
    pub(super) fn look_for_rows(&mut self, shared: &mut Shared) {
        self.later(INTERVAL, Due::Rows, shared);
        let actors = self.actors.iter().filter(|(_, actor)| !actor.is_draining);
        let open: Vec<RegionId> = actors.map(|(region, _)| *region).collect();
        self.adopt_in(open, shared);
        if std::mem::take(&mut self.recovery.is_in_doubt) {
            self.recovery.looks_left = DOUBTFUL_LOOKS;
        }
        if self.recovery.looks_left > 0 {
            self.recovery.looks_left -= 1;
            self.submit(Statement::Owned(self.me), Then::Doubtful, shared);
        }
    }

    /// Claims the rows in some regions that none of the living owns.
    pub(super) fn adopt_in(&mut self, regions: Vec<RegionId>, shared: &mut Shared) {
        if !regions.is_empty() {
            self.submit(Statement::Live, Then::Living(regions), shared);
        }
    }

    pub(super) fn living(
        &mut self,
        regions: Vec<RegionId>,
        answered: Answered,
        shared: &mut Shared,
    ) {
        let Ok(Response::Live(live)) = answered else {
            return;
        };
        let mut living: Vec<Incarnation> = live.iter().map(|server| server.incarnation).collect();
        living.push(self.me);
        let orphans = Statement::Orphans(living, regions);
        self.submit(orphans, Then::Orphans, shared);
    }

    pub(super) fn orphans(&mut self, answered: Answered, shared: &mut Shared) {
        if let Ok(Response::Orphans(rows)) = answered {
            self.adopt_all(rows, shared);
        }
    }

    /// Rows that are ours, and that no region has: those that were so a second ago as well.
    pub(super) fn doubtful(&mut self, answered: Answered, shared: &mut Shared) {
        let Ok(Response::Orphans(rows)) = answered else {
            return;
        };
        let lost = rows
            .into_iter()
            .filter(|row| !self.whereabouts.contains_key(&row.key));
        let (still, new): (Vec<Orphan>, Vec<Orphan>) =
            lost.partition(|row| self.recovery.seen.get(&row.key) == Some(&row.own));
        self.recovery.seen = new.into_iter().map(|row| (row.key, row.own)).collect();
        self.adopt_all(still, shared);
    }

    fn adopt_all(&mut self, rows: Vec<Orphan>, shared: &mut Shared) {
        for row in rows {
            let then = Then::Adopted(row.region);
            self.adopt(row.key, row.own, then, shared);
        }
    }

    pub(super) fn adopted(&mut self, region: RegionId, answered: Answered, shared: &mut Shared) {
        match answered {
            Ok(Response::Row(Some(row))) => {
                self.deliver(rows::claimed(*row), region, None, shared);
            }
            Ok(_) => {}
            Err(_) => self.recovery.is_in_doubt = true,
        }
    }

    /// Rows were released for regions of ours, as somebody says.
    pub(super) fn take_arrivals(&mut self, shared: &mut Shared) {
        for (region, key) in std::mem::take(&mut self.recovery.arrivals) {
            if self.is_open(region) {
                self.read(key, Purpose::Arrive, shared);
            }
        }
    }

    /// Gives a row of ours to the region where it belongs. If that is not here, or not any more, whoever has it claims the row.
    fn deliver(
        &mut self,
        row: Claimed,
        region: RegionId,
        session: Option<Session>,
        shared: &mut Shared,
    ) {
        let key = row.key.clone();
        if !self.is_open(region) {
            return self.send_away(row, region, session, shared);
        }
        self.whereabouts.insert(key.clone(), region);
        let adopted = Input::Adopted(Box::new(row), session);
        if let Err(Input::Adopted(row, session)) = self.mail(region, adopted, shared) {
            if self.whereabouts.get(&key) == Some(&region) {
                self.whereabouts.remove(&key);
            }
            self.send_away(*row, region, session, shared);
        }
    }

    /// Releases a row of ours for the holder of a region.
    fn send_away(
        &mut self,
        row: Claimed,
        region: RegionId,
        session: Option<Session>,
        shared: &mut Shared,
    ) {
        let then = Then::SentAway(row.key.clone(), region, session);
        let give_back = Statement::Save(Box::new(rows::given_back(self.me, row, region)), None);
        self.submit(give_back, then, shared);
    }

    pub(super) fn sent_away(
        &mut self,
        key: String,
        region: RegionId,
        session: Option<Session>,
        answered: Answered,
        shared: &mut Shared,
    ) {
        if rows::outcome(answered) != world::region::Outcome::Done {
            self.recovery.is_in_doubt = true;
        }
        self.arriving(region, key, shared);
        self.released(session, region, shared);
    }

    /// A session's character is another server's business now.
    fn released(&mut self, session: Option<Session>, region: RegionId, shared: &mut Shared) {
        if let Some(Session { link, number }) = session {
            let session = number;
            self.tell(link, Message::Released { session, region }, shared);
        }
    }

    /// A session's player has gone: when its character is found, nobody speaks for it.
    pub(super) fn leave_lost(&mut self, at: At, leave: &Enter) {
        let Some(actor) = self.actor_at(at) else {
            return;
        };
        let mut losses = actor.lost.iter_mut().rev();
        if let Some((_, session)) = losses.find(|((key, _), _)| *key == leave.key) {
            session.take_if(|session| *session == leave.session);
        }
    }

    /// Nobody here has the row any more.
    pub(super) fn lose(
        &mut self,
        at: At,
        key: String,
        session: Option<Session>,
        shared: &mut Shared,
    ) {
        self.recovery.loss_count += 1;
        let number = self.recovery.loss_count;
        if let Some(actor) = self.actor_at(at) {
            actor.lost.insert((key.clone(), number), session);
            self.later(0, Due::Recover(Loss { at, key, number }), shared);
        }
    }

    /// Claims an entity's row again.
    pub(super) fn try_recover(&mut self, loss: Loss, shared: &mut Shared) {
        // A region that is here no more has ended its recoveries as well.
        if self.actor_at(loss.at).is_some() {
            self.read(loss.key.clone(), Purpose::Recover(loss), shared);
        }
    }

    pub(super) fn recovered(
        &mut self,
        loss: Loss,
        region: RegionId,
        answered: Answered,
        shared: &mut Shared,
    ) {
        match answered {
            Ok(Response::Row(Some(row))) => {
                let session = self.take_lost(&loss);
                self.deliver(rows::claimed(*row), region, session, shared);
                self.end_if_drained(loss.at, shared);
            }
            Ok(_) => self.not_yet(loss, shared),
            Err(_) => {
                self.recovery.is_in_doubt = true;
                self.not_yet(loss, shared);
            }
        }
    }

    /// It is another server's, or for another to claim.
    pub(super) fn away(&mut self, loss: &Loss, region: RegionId, shared: &mut Shared) {
        let session = self.take_lost(loss);
        self.released(session, region, shared);
        self.arriving(region, loss.key.clone(), shared);
        self.end_if_drained(loss.at, shared);
    }

    /// It is not to be in the world.
    pub(super) fn gone(&mut self, loss: &Loss, shared: &mut Shared) {
        if let Some(Session { link, number }) = self.take_lost(loss) {
            let (session, reason) = (number, Reason::Kicked);
            self.tell(link, Message::Evicted { session, reason }, shared);
        }
        self.end_if_drained(loss.at, shared);
    }

    pub(super) fn not_yet(&mut self, loss: Loss, shared: &mut Shared) {
        let delay = shared.chance.within(BACKOFF, BACKOFF_MAX);
        self.later(delay, Due::Recover(loss), shared);
    }

    fn take_lost(&mut self, loss: &Loss) -> Option<Session> {
        let name = (loss.key.clone(), loss.number);
        self.actor_at(loss.at)?.lost.remove(&name)?
    }
}
