//! Rows that are ours, or nobody's, and that no region has: `zone-server/src/recovery.rs` and `actor/lost.rs`.

use std::collections::BTreeMap;

use store::entities::{EntityRow, Orphan};
use world::{
    region::{Claimed, Enter, Input, Session},
    region_id::RegionId,
};

use super::{At, Due, Then, Zone, rows};
use crate::{
    schedule::{MILLI, Micros, SECOND},
    shared::Shared,
    statement::{Answered, Response, Statement},
};

/// How often rows without a living owner are looked for.
const INTERVAL: Micros = SECOND;
/// How long to wait before the database is asked again.
const BACKOFF_MAX: Micros = 400 * MILLI;
/// For how many looks rows of ours are looked through after one was in doubt.
const DOUBTFUL_LOOKS: u32 = 10;

/// What is known of rows that no region has.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// Whether a row may be ours that no region has.
    pub(super) is_in_doubt: bool,
    looks_left: u32,
    seen: BTreeMap<String, u64>,
    /// Rows that were said to be released for regions of ours.
    pub(super) arrivals: Vec<(RegionId, String)>,
}

impl Zone {
    pub(super) fn look_for_rows(&mut self, shared: &mut Shared) {
        self.later(INTERVAL, Due::Rows, shared);
        let living = self.holdings.living();
        let regions = self.all_regions();
        if regions.is_empty() {
            return;
        }
        let orphans = Statement::Orphans(living.clone(), regions.clone());
        self.submit(orphans, Then::Orphans, shared);
        if std::mem::take(&mut self.recovery.is_in_doubt) {
            self.recovery.looks_left = DOUBTFUL_LOOKS;
        }
        if self.recovery.looks_left > 0 {
            self.recovery.looks_left -= 1;
            let me = self.me;
            let others = living.into_iter().filter(|other| *other != me).collect();
            let doubtful = Statement::Orphans(others, regions);
            self.submit(doubtful, Then::Doubtful, shared);
        }
    }

    pub(super) fn orphans(&mut self, answered: Answered, shared: &mut Shared) {
        if let Ok(Response::Orphans(rows)) = answered {
            self.adopt_all(rows, shared);
        }
    }

    /// Rows that are ours, or nobody's, and that no region has: those that were so a second ago as well.
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

    /// A row was released for a region of ours, as somebody says.
    pub(super) fn take_arrivals(&mut self, shared: &mut Shared) {
        for (region, key) in std::mem::take(&mut self.recovery.arrivals) {
            self.submit(Statement::Peek(key), Then::ArrivalPeeked(region), shared);
        }
    }

    pub(super) fn arrival_peeked(
        &mut self,
        region: RegionId,
        answered: Answered,
        shared: &mut Shared,
    ) {
        let Ok(Response::Row(Some(row))) = answered else {
            return;
        };
        let is_ours = row.region == region && self.actors.contains_key(&region);
        if row.present && row.owner.is_none() && is_ours {
            self.adopt(row.key, row.own, Then::Adopted(region), shared);
        }
    }

    /// Gives a row of ours to the region where it belongs.
    fn deliver(
        &mut self,
        row: Claimed,
        region: RegionId,
        session: Option<Session>,
        shared: &mut Shared,
    ) {
        let key = row.key.clone();
        self.whereabouts.insert(key.clone(), region);
        let adopted = Input::Adopted(Box::new(row), session);
        if self.mail(region, adopted, shared).is_ok() {
            return;
        }
        if self.whereabouts.get(&key) == Some(&region) {
            self.whereabouts.remove(&key);
        }
        self.recovery.is_in_doubt = true;
        self.enter_again(session, shared);
    }

    fn enter_again(&mut self, session: Option<Session>, shared: &mut Shared) {
        if let Some(session) = session {
            self.tell(session.link, rows::elsewhere(session, 0, 0), shared);
        }
    }

    /// A session's player has gone: when its character is found, nobody speaks for it.
    pub(super) fn leave_lost(&mut self, at: At, leave: &Enter) {
        if let Some(actor) = self.actor_at(at)
            && let Some(session) = actor.lost.get_mut(&leave.key)
        {
            session.take_if(|session| *session == leave.session);
        }
    }

    /// Claims an entity's row again.
    pub(super) fn try_recover(&mut self, at: At, key: String, shared: &mut Shared) {
        let is_lost = self
            .actor_at(at)
            .is_some_and(|actor| actor.lost.contains_key(&key));
        if is_lost {
            self.submit(Statement::Peek(key.clone()), Then::LostPeeked(at, key), shared);
        }
    }

    pub(super) fn lost_peeked(
        &mut self,
        at: At,
        key: String,
        answered: Answered,
        shared: &mut Shared,
    ) {
        match answered {
            Ok(Response::Row(Some(row))) if row.present => match row.owner {
                Some(other) if other != self.me => {
                    self.submit(Statement::Look, Then::LostLooked(at, row), shared);
                }
                _ => self.recover_row(at, *row, shared),
            },
            Ok(_) => self.give_up(at, &key, shared),
            Err(_) => self.not_yet(at, key, shared),
        }
    }

    pub(super) fn lost_looked(
        &mut self,
        at: At,
        row: EntityRow,
        answered: Answered,
        shared: &mut Shared,
    ) {
        match answered {
            Ok(Response::Looked(live, _)) => {
                if live.iter().any(|other| Some(other.incarnation) == row.owner) {
                    self.give_up(at, &row.key, shared);
                } else {
                    self.recover_row(at, row, shared);
                }
            }
            _ => self.not_yet(at, row.key, shared),
        }
    }

    fn recover_row(&mut self, at: At, row: EntityRow, shared: &mut Shared) {
        if self.is_away(row.region) {
            return self.give_up(at, &row.key, shared);
        }
        let then = Then::LostClaimed(at, row.key.clone(), row.region);
        self.adopt(row.key, row.own, then, shared);
    }

    pub(super) fn lost_claimed(
        &mut self,
        at: At,
        key: String,
        region: RegionId,
        answered: Answered,
        shared: &mut Shared,
    ) {
        match answered {
            Ok(Response::Row(Some(row))) => {
                let session = self.take_lost(at, &key);
                self.deliver(rows::claimed(*row), region, session, shared);
            }
            Ok(_) => self.not_yet(at, key, shared),
            Err(_) => {
                self.recovery.is_in_doubt = true;
                self.not_yet(at, key, shared);
            }
        }
    }

    /// It is not to be in the world, or it is another living server's.
    fn give_up(&mut self, at: At, key: &str, shared: &mut Shared) {
        let session = self.take_lost(at, key);
        self.enter_again(session, shared);
    }

    fn not_yet(&mut self, at: At, key: String, shared: &mut Shared) {
        let delay = shared.chance.within(50 * MILLI, BACKOFF_MAX);
        self.later(delay, Due::Recover(at, key), shared);
    }

    fn take_lost(&mut self, at: At, key: &str) -> Option<Session> {
        self.actor_at(at)?.lost.remove(key)?
    }
}
