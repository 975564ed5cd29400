//! The row protocol: `zone-server/src/rows.rs` and `answer.rs`, each `await` of which is a step here.

use store::{
    edits,
    entities::{Claim, EntityRow, Incarnation, Saved},
};
use world::{
    applied::Seen,
    region::{Action, Answer, Ask, Asker, Audit, Claimed, Input, Message, Outcome, Save, Session},
    region_id::RegionId,
};
use zone_server::rows::decide::{self, Absence, NOBODY_ATTEMPTS, Reader};

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

/// The row of what a game master has placed, in the region that is to have it.
pub(super) fn spawned(me: Incarnation, row: &Claimed, region: RegionId) -> EntityRow {
    EntityRow {
        region,
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

/// A claim of a row as it was seen.
pub(super) fn claim(key: String, seen: u64, me: Incarnation, enter: Option<u64>) -> Statement {
    Statement::Claim(Claim {
        key,
        seen,
        me,
        enter,
    })
}

/// The save that gives up a row as it was claimed.
pub(super) fn given_back(me: Incarnation, row: Claimed, region: RegionId) -> store::entities::Save {
    store::entities::Save {
        key: row.key,
        owner: me,
        own: row.own,
        region,
        present: true,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied,
        state: row.state,
        release: true,
    }
}

impl Zone {
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
        let outcome = outcome(answered);
        if outcome == Outcome::Unknown {
            // It may be written after somebody has looked for it in vain.
            self.recovery.is_in_doubt = true;
        }
        let input = Input::Spawned(asker, row, outcome);
        self.finish(at, input, shared);
    }

    /// What is answered about a target that no region of this server has.
    pub(super) fn absent_peeked(
        &mut self,
        at: At,
        ask: Ask,
        answered: Answered,
        shared: &mut Shared,
    ) {
        if self.end_operation(at) {
            self.answer_absent(at, ask, answered, shared);
            self.end_if_drained(at, shared);
        }
    }

    fn answer_absent(&mut self, at: At, ask: Ask, answered: Answered, shared: &mut Shared) {
        let link = ask.asker.session.link;
        let Ok(Response::Row(row)) = answered else {
            return self.tell(link, try_again(&ask.asker), shared);
        };
        if let Some(row) = &row {
            let reader = Reader {
                whereabouts: None,
                ..self.reader(row, false)
            };
            match decide::absent(row, &reader) {
                Absence::Away(region) => return self.pass_away(region, ask, shared),
                Absence::Between => return self.tell(link, try_again(&ask.asker), shared),
                Absence::Gone => {}
            }
        }
        let message = match ask.action {
            Action::Get(_) => reply(&ask.asker, Answer::Value(wire::Value::None)),
            // It may have undergone this very command before it left.
            Action::Set { .. } => match row {
                Some(row) => match self.undergone(at, &ask.asker, *row, shared) {
                    Some(message) => message,
                    None => return,
                },
                None if ask.asker.attempt > 0 => {
                    let undergone = Statement::UndergoneByGone(ask.target);
                    let then = Then::Undergone(at, Box::new(ask.asker));
                    return self.operate(at, undergone, then, shared);
                }
                None => reply(&ask.asker, Answer::Done(false)),
            },
            // It may be absent because this very edit has come before.
            _ => return self.ask_whether_done(at, ask.asker, shared),
        };
        self.watch_reply(None, &message, shared);
        self.tell(link, message, shared);
    }

    /// Whether a row has undergone a change; from now on it knows that it was refused, if not. None: the answer follows.
    fn undergone(
        &mut self,
        at: At,
        asker: &Asker,
        row: EntityRow,
        shared: &mut Shared,
    ) -> Option<Message> {
        let mut applied = row.applied;
        let done = match applied.seen(&asker.key, asker.id) {
            Seen::Repeat(done) => done,
            Seen::New if asker.attempt > 0 => {
                applied.record(&asker.key, asker.id, false, self.now_ms(shared));
                let (key, seen) = (row.key, row.own);
                let note = Statement::NoteAbsent { key, seen, applied };
                let then = Then::Undergone(at, Box::new(asker.clone()));
                self.operate(at, note, then, shared);
                return None;
            }
            Seen::Stale | Seen::New => false,
        };
        Some(reply(asker, Answer::Done(done)))
    }

    /// A row has been told that a change was refused, or what somebody had undergone who is gone is known.
    pub(super) fn answer_undergone(
        &mut self,
        at: At,
        asker: &Asker,
        answered: Answered,
        shared: &mut Shared,
    ) {
        if !self.end_operation(at) {
            return;
        }
        let message = match answered {
            Ok(Response::IsDone(true)) => reply(asker, Answer::Done(false)),
            Ok(Response::Undergone(None)) if asker.attempt <= NOBODY_ATTEMPTS => try_again(asker),
            Ok(Response::Undergone(undergone)) => {
                let seen = undergone.map(|applied| applied.seen(&asker.key, asker.id));
                reply(asker, Answer::Done(seen == Some(Seen::Repeat(true))))
            }
            _ => try_again(asker),
        };
        self.watch_reply(None, &message, shared);
        self.tell(asker.session.link, message, shared);
        self.end_if_drained(at, shared);
    }

    /// Asks whether an edit was done that cannot be done now. If it was not, it never is.
    pub(super) fn ask_whether_done(&mut self, at: At, asker: Asker, shared: &mut Shared) {
        let id = (asker.key.clone(), asker.id);
        let statement = match asker.attempt > 0 && asker.is_gm {
            true => Statement::Refuse(id),
            false => Statement::IsDone(id),
        };
        self.operate(at, statement, Then::WasDone(at, Box::new(asker)), shared);
    }

    /// Passes a command on to another server, which answers. Otherwise the gateway sends it again.
    pub(super) fn pass_away(&mut self, region: RegionId, ask: Ask, shared: &mut Shared) {
        let (link, again) = (ask.asker.session.link, try_again(&ask.asker));
        if !self.pass_to_peer(region, ask, shared) {
            self.tell(link, again, shared);
        }
    }

    /// The answer to an edit that cannot be done now, but may have been.
    pub(super) fn was_done(
        &mut self,
        at: At,
        asker: &Asker,
        answered: Answered,
        shared: &mut Shared,
    ) {
        if !self.end_operation(at) {
            return;
        }
        let message = match answered {
            Ok(Response::IsDone(is_done)) => reply(asker, Answer::Done(is_done)),
            _ => try_again(asker),
        };
        self.watch_reply(None, &message, shared);
        self.tell(asker.session.link, message, shared);
        self.end_if_drained(at, shared);
    }

    /// Claims a row as it was seen, for nobody's session.
    pub(super) fn adopt(&mut self, key: String, seen: u64, then: Then, shared: &mut Shared) {
        self.submit(claim(key, seen, self.me, None), then, shared);
    }
}

/// What became of a write.
pub(super) fn outcome(answered: Answered) -> Outcome {
    match answered {
        Ok(Response::Saved(Saved::Committed) | Response::Edited(edits::Outcome::Done(()))) => {
            Outcome::Done
        }
        Ok(Response::Edited(edits::Outcome::Repeated)) => Outcome::Repeated,
        Ok(Response::Edited(edits::Outcome::Denied)) => Outcome::Denied,
        Ok(_) => Outcome::Refused,
        Err(_) => Outcome::Unknown,
    }
}
