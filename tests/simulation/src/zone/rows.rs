//! The row protocol: `zone-server/src/rows.rs` and `answer.rs`, each `await` of which is a step here.

use store::{
    edits,
    entities::{Claim, EntityRow, Incarnation, Saved},
};
use world::{
    applied::Seen,
    region::{
        Action, Answer, Ask, Asker, Audit, ClaimOutcome, Claimed, Enter, Input, Message, Outcome,
        Save, Session,
    },
    region_id::RegionId,
    settings::Settings,
};

use super::{At, Then, Zone};
use crate::{
    mutant::Mutant,
    shared::Shared,
    statement::{Answered, AuditId, Response, Statement},
};

/// The answer itself.
pub(super) fn reply(asker: &Asker, answer: Answer) -> Message {
    Message::Reply {
        session: asker.session.number,
        counter: asker.id.counter,
        attempt: asker.attempt,
        kind: asker.kind,
        answer,
    }
}

/// Nothing was done, or nobody knows.
pub(super) fn try_again(asker: &Asker) -> Message {
    Message::Again {
        session: asker.session.number,
        counter: asker.id.counter,
        attempt: asker.attempt,
    }
}

/// The session cannot speak for its character here, or the command was not done here.
pub(super) fn elsewhere(session: Session, counter: u64, attempt: u32) -> Message {
    Message::Elsewhere {
        session: session.number,
        counter,
        attempt,
        region: None,
    }
}

/// The unique part of a line of the audit log.
pub(super) fn audit_id(audit: &Audit) -> AuditId {
    (audit.author.clone(), audit.id)
}

/// A save as the store takes it.
pub(super) fn save(me: Incarnation, save: Save) -> store::entities::Save {
    store::entities::Save {
        key: save.key,
        owner: me,
        own: save.own,
        region: save.region,
        present: save.present,
        generation: save.generation,
        moved: save.moved,
        applied: save.applied,
        state: save.state,
        release: save.release,
    }
}

/// The row of what a game master has placed.
pub(super) fn spawned(me: Incarnation, row: &Claimed, settings: &Settings) -> EntityRow {
    EntityRow {
        region: RegionId::of(row.state.position, settings.cell_tiles),
        key: row.key.clone(),
        name: row.name.clone(),
        player: row.is_player,
        present: true,
        owner: Some(me),
        own: row.own,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied.clone(),
        state: row.state.clone(),
    }
}

/// A row of ours, as regions know rows.
pub(super) fn claimed(row: EntityRow) -> Claimed {
    Claimed {
        key: row.key,
        name: row.name,
        is_player: row.player,
        own: row.own,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied,
        state: row.state,
    }
}

impl Zone {
    /// A session enters, and the row has been read.
    pub(super) fn enter_peeked(
        &mut self,
        at: At,
        enter: Enter,
        answered: Answered,
        shared: &mut Shared,
    ) {
        let outcome = match answered {
            Ok(Response::Row(Some(row))) => {
                match self.may_enter(at, &enter, &row, shared) {
                    Some(outcome) => outcome,
                    None => {
                        let claim = Statement::Claim(Claim {
                            key: row.key,
                            seen: row.own,
                            me: self.me,
                            enter: Some(enter.generation),
                        });
                        return self.submit(claim, Then::EnterClaimed(at, enter), shared);
                    }
                }
            }
            _ => ClaimOutcome::Failed,
        };
        self.finish(at, Input::Entered(enter, outcome), shared);
    }

    /// Why a session cannot have a row; None: it can be claimed.
    fn may_enter(
        &self,
        at: At,
        enter: &Enter,
        row: &EntityRow,
        shared: &Shared,
    ) -> Option<ClaimOutcome> {
        if row.owner == Some(self.me) {
            let elsewhere = self.whereabouts.get(&enter.key).copied();
            let elsewhere = elsewhere.filter(|region| *region != at.region);
            return Some(elsewhere.map_or(ClaimOutcome::Failed, ClaimOutcome::Elsewhere));
        }
        if row.generation > enter.generation && !shared.is(Mutant::LowerGenerations) {
            return Some(ClaimOutcome::Superseded);
        }
        (row.region != at.region).then_some(ClaimOutcome::Elsewhere(row.region))
    }

    pub(super) fn enter_claimed(
        &mut self,
        at: At,
        enter: Enter,
        answered: Answered,
        shared: &mut Shared,
    ) {
        let outcome = match answered {
            Ok(Response::Row(Some(row))) => ClaimOutcome::Claimed(Box::new(claimed(*row))),
            Ok(_) => ClaimOutcome::Failed,
            Err(_) => {
                self.recovery.is_in_doubt = true;
                ClaimOutcome::Failed
            }
        };
        self.finish(at, Input::Entered(enter, outcome), shared);
    }

    /// A write has come to its end.
    pub(super) fn saved(
        &mut self,
        at: At,
        key: String,
        own: u64,
        answered: Answered,
        shared: &mut Shared,
    ) {
        let outcome = match outcome(answered) {
            Outcome::Unknown if shared.is(Mutant::ResumeAfterUnknown) => Outcome::Done,
            outcome => outcome,
        };
        if let Some(actor) = self.actor_at(at) {
            actor.releasing.remove(&key);
        }
        self.finish(at, Input::Saved { key, own, outcome }, shared);
    }

    pub(super) fn spawned(
        &mut self,
        at: At,
        asker: Asker,
        row: Box<Claimed>,
        answered: Answered,
        shared: &mut Shared,
    ) {
        let input = Input::Spawned(asker, row, outcome(answered));
        self.finish(at, input, shared);
    }

    /// What is answered about a target that no region of this server has.
    pub(super) fn absent_peeked(&mut self, ask: Ask, answered: Answered, shared: &mut Shared) {
        let link = ask.asker.session.link;
        let message = match answered {
            Ok(Response::Row(Some(row))) if row.present => {
                if self.is_away(row.region) && self.pass_to_peer(row.region, ask.clone(), shared) {
                    return;
                }
                // It is on its way to a region, or between two.
                try_again(&ask.asker)
            }
            Ok(Response::Row(row)) => match ask.action {
                Action::Get(_) => reply(&ask.asker, Answer::Value(wire::Value::None)),
                // It may have undergone this very command before it left.
                Action::Set { .. } => {
                    let seen = row.map(|row| row.applied.seen(&ask.asker.key, ask.asker.id));
                    let done = matches!(seen, Some(Seen::Repeat(true)));
                    reply(&ask.asker, Answer::Done(done))
                }
                // It may be absent because this very edit has come before.
                _ => {
                    let is_done = Statement::IsDone((ask.asker.key.clone(), ask.asker.id));
                    let then = Then::WasDone(Box::new(ask.asker));
                    return self.submit(is_done, then, shared);
                }
            },
            _ => try_again(&ask.asker),
        };
        self.tell(link, message, shared);
    }

    /// The answer to an edit that cannot be done now, but may have been.
    pub(super) fn was_done(&mut self, asker: &Asker, answered: Answered, shared: &mut Shared) {
        let message = match answered {
            Ok(Response::IsDone(is_done)) => reply(asker, Answer::Done(is_done)),
            _ => try_again(asker),
        };
        self.tell(asker.session.link, message, shared);
    }

    /// Claims a row as it was seen, for nobody's session.
    pub(super) fn adopt(&mut self, key: String, seen: u64, then: Then, shared: &mut Shared) {
        let claim = Statement::Claim(Claim {
            key,
            seen,
            me: self.me,
            enter: None,
        });
        self.submit(claim, then, shared);
    }
}

fn outcome(answered: Answered) -> Outcome {
    match answered {
        Ok(Response::Saved(Saved::Committed) | Response::Edited(edits::Outcome::Done(()))) => {
            Outcome::Done
        }
        Ok(Response::Edited(edits::Outcome::Repeated)) => Outcome::Repeated,
        Ok(_) => Outcome::Refused,
        Err(_) => Outcome::Unknown,
    }
}
