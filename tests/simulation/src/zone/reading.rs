//! Reading a row to decide about it: the row itself, then whether its owner lives, then the product's decision. `read_by` and what follows it in
//! `zone-server/src/rows.rs` and `recovery.rs`.

use store::entities::EntityRow;
use world::{
    region::{ClaimOutcome, Enter, Input},
    region_id::RegionId,
};
use zone_server::rows::decide::{self, Entrance, Reader, Recovery};

use super::{At, Due, Then, Zone, recovery::Loss, rows};
use crate::{
    mutant::Mutant,
    schedule::{MILLI, Micros},
    shared::Shared,
    statement::{Answered, Response, Statement},
};

/// How often a row that is just changing hands is read again before the gateway is told to enter later.
const ENTER_RETRIES: u32 = 4;
/// How long to wait before the first time; then twice as long each time.
const ENTER_WAIT: Micros = 2 * MILLI;

/// What a row is read for.
#[derive(Debug, Clone)]
pub(super) enum Purpose {
    /// A session enters: which, and how often it was tried.
    Enter(At, Enter, u32),
    /// What a region had of it is not certain any more.
    Recover(Loss),
    /// Somebody says that it was released for a region of ours.
    Arrive,
}

impl Zone {
    /// Reads a row.
    pub(super) fn read(&mut self, key: String, purpose: Purpose, shared: &mut Shared) {
        self.submit(Statement::Peek(key), Then::Peeked(purpose), shared);
    }

    pub(super) fn peeked(&mut self, purpose: Purpose, answered: Answered, shared: &mut Shared) {
        match answered {
            Ok(Response::Row(Some(row))) => {
                let owner = row.owner.filter(|owner| *owner != self.me);
                match owner {
                    Some(owner) if !self.holdings.living().contains(&owner) => {
                        self.submit(Statement::Live, Then::Lived(purpose, row), shared);
                    }
                    owner => self.decide(purpose, &row, owner.is_some(), shared),
                }
            }
            Ok(_) => match purpose {
                Purpose::Enter(at, enter, _) => {
                    self.entered(at, enter, ClaimOutcome::Failed, shared)
                }
                Purpose::Recover(loss) => self.gone(&loss, shared),
                Purpose::Arrive => {}
            },
            Err(_) => self.unread(purpose, shared),
        }
    }

    pub(super) fn lived(
        &mut self,
        purpose: Purpose,
        row: &EntityRow,
        answered: Answered,
        shared: &mut Shared,
    ) {
        match answered {
            Ok(Response::Live(live)) => {
                let mut live = live.iter().map(|server| server.incarnation);
                let lives = live.any(|other| Some(other) == row.owner);
                self.decide(purpose, row, lives, shared);
            }
            _ => self.unread(purpose, shared),
        }
    }

    fn unread(&mut self, purpose: Purpose, shared: &mut Shared) {
        match purpose {
            Purpose::Enter(at, enter, _) => {
                self.recovery.is_in_doubt = true;
                self.entered(at, enter, ClaimOutcome::Failed, shared);
            }
            Purpose::Recover(loss) => self.not_yet(loss, shared),
            Purpose::Arrive => {}
        }
    }

    /// What this server knows besides a row that it has read.
    pub(super) fn reader(&self, row: &EntityRow, has_other_owner: bool) -> Reader {
        Reader {
            me: self.me,
            home: row.region,
            is_home_here: self.is_open(row.region),
            has_other_owner,
            whereabouts: self.whereabouts.get(&row.key).copied(),
        }
    }

    fn decide(&mut self, purpose: Purpose, row: &EntityRow, lives: bool, shared: &mut Shared) {
        let reader = self.reader(row, lives);
        match purpose {
            Purpose::Enter(at, enter, tries) => {
                self.decide_entrance(at, enter, tries, row, &reader, shared);
            }
            Purpose::Recover(loss) => match decide::recover(row, &reader) {
                Recovery::Claim { seen } => {
                    let key = loss.key.clone();
                    let then = Then::Recovered(loss, row.region);
                    self.adopt(key, seen, then, shared);
                }
                Recovery::Away(region) => self.away(&loss, region, shared),
                Recovery::Gone => self.gone(&loss, shared),
            },
            Purpose::Arrive => {
                if let Some(seen) = decide::arrive(row, &reader) {
                    self.adopt(row.key.clone(), seen, Then::Adopted(row.region), shared);
                }
            }
        }
    }

    fn decide_entrance(
        &mut self,
        at: At,
        enter: Enter,
        tries: u32,
        row: &EntityRow,
        reader: &Reader,
        shared: &mut Shared,
    ) {
        // The mutant takes every session for the latest.
        let generation = match shared.is(Mutant::LowerGenerations) {
            true => enter.generation.max(row.generation),
            false => enter.generation,
        };
        let outcome = match decide::enter(row, generation, at.region, reader) {
            Entrance::Claim { seen } => {
                let claim = rows::claim(row.key.clone(), seen, self.me, Some(enter.generation));
                return self.submit(claim, Then::EnterClaimed(at, enter, tries), shared);
            }
            Entrance::Elsewhere(region) => ClaimOutcome::Elsewhere(region),
            Entrance::Superseded => ClaimOutcome::Superseded,
            Entrance::Later => return self.enter_later(at, enter, tries, shared),
        };
        self.entered(at, enter, outcome, shared);
    }

    pub(super) fn enter_claimed(
        &mut self,
        at: At,
        enter: Enter,
        tries: u32,
        answered: Answered,
        shared: &mut Shared,
    ) {
        match answered {
            Ok(Response::Row(Some(row))) => {
                let claimed = ClaimOutcome::Claimed(Box::new(rows::claimed(*row)));
                self.entered(at, enter, claimed, shared);
            }
            Ok(_) => self.enter_later(at, enter, tries, shared),
            Err(_) => self.unread(Purpose::Enter(at, enter, tries), shared),
        }
    }

    /// The row is in other hands, and may not be in a moment.
    fn enter_later(&mut self, at: At, enter: Enter, tries: u32, shared: &mut Shared) {
        let wait = ENTER_WAIT << tries;
        self.later(wait, Due::Enter(at, enter, tries + 1), shared);
    }

    /// A session enters, or tries again.
    pub(super) fn try_enter(&mut self, at: At, enter: Enter, tries: u32, shared: &mut Shared) {
        if tries >= ENTER_RETRIES {
            return self.entered(at, enter, ClaimOutcome::Failed, shared);
        }
        let key = enter.key.clone();
        self.read(key, Purpose::Enter(at, enter, tries), shared);
    }

    fn entered(&mut self, at: At, enter: Enter, outcome: ClaimOutcome, shared: &mut Shared) {
        self.finish(at, Input::Entered(enter, outcome), shared);
    }

    /// Whether a region is here, and takes whoever comes.
    pub(super) fn is_open(&self, region: RegionId) -> bool {
        let actor = self.actors.get(&region);
        actor.is_some_and(|actor| !actor.is_draining)
    }
}
