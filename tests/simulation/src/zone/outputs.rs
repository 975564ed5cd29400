//! Carrying out what a region wants done: `zone-server/src/actor/outputs.rs`.

use world::{
    region::{
        Action, Answer, Ask, Body, Command, HOP_COUNT_MAX, Input, Message, Output, Resident, Save,
    },
    region_id::RegionId,
};

use super::{At, Then, Zone, rows};
use crate::{mutant::Mutant, shared::Shared, statement::Statement};

/// After how many regions a command is led by rows alone.
const GHOST_HOPS_MAX: u8 = HOP_COUNT_MAX / 2;

impl Zone {
    pub(super) fn carry_out(&mut self, at: At, output: Output, shared: &mut Shared) {
        let here = at.region;
        match output {
            Output::Tell(link, message) => {
                self.watch_reply(Some(here), &message, shared);
                self.tell(link, message, shared);
            }
            Output::Claim(enter) => {
                self.begin_operation(at);
                self.try_enter(at, enter, 0, shared);
            }
            Output::Save(save) => self.begin_save(at, *save, shared),
            Output::Spawn(asker, row, audit) => {
                let entity = rows::spawned(self.me, &row, here);
                let spawn = Statement::Spawn(Box::new(entity), rows::audit_id(&audit));
                self.operate(at, spawn, Then::Spawned(at, Box::new(asker), row), shared);
            }
            Output::Despawn { key, own, audit } => {
                let despawn = Statement::Despawn {
                    key: key.clone(),
                    owner: self.me,
                    own,
                    audit: rows::audit_id(&audit),
                };
                self.operate(at, despawn, Then::Saved { at, key, own }, shared);
            }
            // There are no creatures in the yard, and no map edits.
            Output::Note { .. } | Output::Map(..) | Output::Say(..) | Output::Abroad(..) => {}
            Output::Recover { key, session } => self.lose(at, key, session, shared),
            Output::Pass(region, ask) => self.pass(region, ask, shared),
            Output::Absent(ask) => self.absent(at, ask, shared),
            Output::WasDone(asker) => self.ask_whether_done(at, asker, shared),
            Output::HandOver(to, resident) => self.hand_over(at, to, *resident, shared),
            Output::Here(key) => {
                self.whereabouts.insert(key.clone(), here);
                let (me, now) = (self.me, shared.now());
                shared.note(|| format!("{key} is in {here} of {}", self.standing.address));
                let own = self.arriving;
                let database = &shared.desk.database;
                shared.watch.here((me, here), &key, own, database, now);
            }
            Output::Gone(key) => {
                if self.whereabouts.get(&key) == Some(&here) {
                    self.whereabouts.remove(&key);
                }
                let now = shared.now();
                shared.note(|| format!("{key} leaves {here} of {}", self.standing.address));
                shared.watch.dropped(self.me, here, &key, now);
            }
            // Nobody does anything of itself here.
            Output::Failed { who, text } => panic!("{who}: {text}"),
            Output::Released { key, region } => self.arriving(region, key, shared),
        }
    }

    /// Begins an operation on a row.
    pub(super) fn operate(
        &mut self,
        at: At,
        statement: Statement,
        then: Then,
        shared: &mut Shared,
    ) {
        self.begin_operation(at);
        self.submit(statement, then, shared);
    }

    fn begin_operation(&mut self, at: At) {
        if let Some(actor) = self.actor_at(at) {
            actor.operation_count += 1;
        }
    }

    /// An operation on a row has come to its end. False: its region is not here any more, and it has ended with it.
    pub(super) fn end_operation(&mut self, at: At) -> bool {
        let Some(actor) = self.actor_at(at) else {
            return false;
        };
        actor.operation_count -= 1;
        true
    }

    /// The region hears of the end.
    pub(super) fn finish(&mut self, at: At, input: Input, shared: &mut Shared) {
        if self.end_operation(at) {
            self.take(at, input, shared);
        }
    }

    fn begin_save(&mut self, at: At, save: Save, shared: &mut Shared) {
        let now = shared.now();
        shared.watch.saving(self.me, &save, now);
        let (key, own) = (save.key.clone(), save.own);
        if save.release
            && let Some(actor) = self.actor_at(at)
        {
            actor.releasing.insert(key.clone());
        }
        let audit = save.audit.as_ref().map(rows::audit_id);
        let statement = Statement::Save(Box::new(rows::save(self.me, save)), audit);
        if shared.is(Mutant::AnswerBeforeCommit) {
            self.submit(statement, Then::Nothing, shared);
            let outcome = world::region::Outcome::Done;
            return self.take(at, Input::Saved { key, own, outcome }, shared);
        }
        self.operate(at, statement, Then::Saved { at, key, own }, shared);
    }

    /// The mutant's way with a step of somebody who is being let go of.
    pub(super) fn step_unfrozen(&mut self, at: At, command: &Command, shared: &mut Shared) -> bool {
        let is_releasing = self
            .actor_at(at)
            .is_some_and(|actor| actor.releasing.contains(&command.author));
        if !is_releasing || !matches!(command.body, Body::Move { .. }) {
            return false;
        }
        let message = Message::Reply {
            session: command.session.number,
            counter: command.id.counter,
            attempt: command.attempt,
            kind: "move",
            answer: Answer::Done(true),
        };
        self.watch_reply(Some(at.region), &message, shared);
        self.tell(command.session.link, message, shared);
        true
    }

    /// What cannot be passed on now is sent back, and tried again.
    fn pass(&mut self, region: RegionId, ask: Ask, shared: &mut Shared) {
        let again = rows::try_again(&ask.asker);
        let link = ask.asker.session.link;
        let is_sent = if self.actors.contains_key(&region) {
            let is_full = shared.chance.per_mille(10);
            !is_full && self.mail(region, Input::Ask(ask), shared).is_ok()
        } else {
            self.pass_to_peer(region, ask, shared)
        };
        if !is_sent {
            self.tell(link, again, shared);
        }
    }

    /// Nobody of the target's name is here.
    fn absent(&mut self, at: At, ask: Ask, shared: &mut Shared) {
        if shared.is(Mutant::AbsentUnlooked) && matches!(ask.action, Action::Set { .. }) {
            let message = rows::reply(&ask.asker, Answer::Done(false));
            return self.tell(ask.asker.session.link, message, shared);
        }
        if ask.hop_count <= GHOST_HOPS_MAX
            && let Some(region) = self.ghost(&ask.target, shared)
        {
            return self.pass_away(region, ask, shared);
        }
        let peek = Statement::Peek(ask.target.clone());
        self.operate(at, peek, Then::Absent(at, Box::new(ask)), shared);
    }

    fn hand_over(&mut self, at: At, to: RegionId, resident: Resident, shared: &mut Shared) {
        let key = resident.key().to_owned();
        self.whereabouts.insert(key.clone(), to);
        shared.note(|| format!("{key} goes over from {} to {to}", at.region));
        if let Some(own) = shared.watch.not_here(self.me, at.region, &key) {
            self.travelling.insert((key.clone(), to), own);
        }
        if self
            .mail(to, Input::Arrive(Box::new(resident)), shared)
            .is_err()
        {
            self.whereabouts.remove(&key);
            self.lose(at, key, None, shared);
        }
    }
}
