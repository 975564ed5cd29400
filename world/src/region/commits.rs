//! Writing rows. One write of a row is under way at a time; what it makes of the entity counts, and is told, once it is durable. A write that
//! finds no row, or whose outcome nobody knows, costs the entity its place in memory: it is claimed again.

use std::collections::VecDeque;

use super::{
    Action, Answer, Ask, Asker, Now, Outcome, Output, Passage, Reason, Region, Resident,
    asks::{by, read},
    releases::{hand_off, send_back},
    resident::{Speaker, Waiting, Writing},
};
use wire::{Value, command::Change};

use crate::{
    applied::{Applied, CommandId, Seen},
    attributes,
    behaviours::Event,
    entity::EntityState,
    movement,
    position::Position,
    region_id::RegionId,
};

impl Region {
    /// Begins what waits for a row, if the row is free; when nothing does and the entity is to leave, lets go of it.
    pub(super) fn go_on(&mut self, key: &str, now: &Now<'_>, out: &mut Vec<Output>) {
        while let Some(resident) = self.residents.get_mut(key) {
            if resident.writing.is_some() {
                return;
            }
            // What waits is sent back once the row is free: by then another has it.
            if self.is_draining && !resident.is_creature() {
                return self.let_go(key, now, out);
            }
            match resident.waiting.pop_front() {
                Some(Waiting::Enter(enter)) => self.take_over(key, enter, now, out),
                Some(Waiting::Ask(ask)) => self.begin(key, ask, now, out),
                None if resident.speaker == Speaker::Leaving => {
                    return self.let_go(key, now, out);
                }
                None => return,
            }
        }
    }

    fn begin(&mut self, key: &str, ask: Ask, now: &Now<'_>, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        match &ask.action {
            // It came while the row was being given up, which then was not.
            Action::Get(attribute) => {
                let value = read(resident, attribute, &ask.asker, now);
                out.push(ask.asker.answer(Answer::Value(value)));
            }
            // Neither waits for a row.
            Action::Spawn(_) | Action::Map(_) => {}
            Action::Set { .. } => self.begin_sets(key, ask, now, out),
            Action::Teleport(position) => {
                let position = *position;
                self.begin_teleport(key, ask, position, now, out);
            }
            Action::Kick if !resident.is_player() => out.push(ask.asker.refuse()),
            Action::Kick => self.throw_out(key, ask, now, out),
            Action::Despawn if resident.is_player() => out.push(ask.asker.refuse()),
            Action::Despawn => begin_despawn(resident, ask, out),
        }
    }

    /// All changes of attributes that wait in a row become one write.
    fn begin_sets(&mut self, key: &str, first: Ask, now: &Now<'_>, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let mut state = resident.state.clone();
        let mut applied = resident.applied.clone();
        let (mut replies, mut events) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(ask) = next {
            let hp = hp(&state, now);
            match try_set(resident, &mut state, &mut applied, &ask, now) {
                Tried::Answer(done) => out.push(ask.asker.done(done)),
                Tried::Again => out.push(ask.asker.try_again()),
                Tried::AfterCommit(done) => {
                    let event = done.then(|| event_of(&ask, resident, hp, &state, now));
                    events.extend(event.flatten());
                    replies.push((ask.asker, done));
                }
            }
            next = next_set(&mut resident.waiting);
        }
        if replies.is_empty() {
            return;
        }
        applied.note_refused_steps(resident.replies.refused());
        let mut save = resident.save(self.id);
        save.state.clone_from(&state);
        save.applied.clone_from(&applied);
        resident.writing = Some(Writing::Attributes {
            state,
            applied,
            replies,
            events,
        });
        if resident.is_creature() {
            self.saved(key, save.own, Outcome::Done, now, out);
        } else {
            resident.unsaved_since_ms = None;
            out.push(Output::Save(Box::new(save)));
        }
    }

    /// A write has come to its end. What became of a write of an earlier claim says nothing of the row as it is here now.
    pub(super) fn saved(
        &mut self,
        key: &str,
        own: u64,
        outcome: Outcome,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let resident = self.residents.get_mut(key);
        let Some(resident) = resident.filter(|resident| resident.own == own) else {
            return;
        };
        let Some(writing) = resident.writing.take() else {
            return;
        };
        match outcome {
            Outcome::Done => self.take_effect(key, writing, now, out),
            // What it was to do was done before, and the entity in memory came from a row that has it; or it was refused, and is not done any more.
            Outcome::Repeated | Outcome::Denied => {
                let done = outcome == Outcome::Repeated;
                // Nothing was written now: the row may be behind the position.
                resident.walked(now.ms);
                for asker in writing.askers() {
                    out.push(asker.done(done));
                    answer_repeats(&mut resident.waiting, asker, done, out);
                }
                if std::mem::take(&mut resident.has_missed) {
                    // It stays after all.
                    let session = resident.session();
                    self.tell_moved(session, out);
                }
            }
            Outcome::Refused | Outcome::Unknown => {
                send_back(&writing, out);
                if matches!(writing, Writing::Takeover { .. }) {
                    // There was a later login, whatever the row says: the session before is over.
                    out.extend(resident.session().map(|one| one.evicted(Reason::TakenOver)));
                    resident.speaker = Speaker::Nobody { since_ms: now.ms };
                }
                if !resident.is_creature() {
                    self.lose(key, out);
                }
            }
        }
        if self.outside.contains(key) {
            self.at_border.insert(key.to_owned());
        } else {
            self.go_on(key, now, out);
        }
    }

    /// What was written is durable.
    fn take_effect(&mut self, key: &str, writing: Writing, now: &Now<'_>, out: &mut Vec<Output>) {
        match writing {
            Writing::Position => {}
            Writing::Attributes {
                state,
                applied,
                replies,
                events,
            } => {
                self.take_attributes(key, state, applied, &replies, now, out);
                self.heed(key, events, now, out);
            }
            Writing::Takeover { enter, has_left } => self.taken_over(&enter, has_left, out),
            Writing::Teleport(asker, position) => {
                if let Some(resident) = self.residents.get_mut(key) {
                    // The place was free when the write began; a wall may stand there by now.
                    let free = movement::free_place(now.ground(), position);
                    if free != position {
                        resident.walked(now.ms);
                    }
                    resident.state.position = free;
                    resident.owed = Some(asker);
                    self.publisher.touch(resident, false);
                }
                self.look_outside(key, now.settings.cell_tiles);
                if !self.outside.contains(key) {
                    self.pay(key, out);
                }
            }
            Writing::Despawn(asker) => {
                let loot = self.loot_of(key, now);
                self.say_ended(key, true, out);
                let waiting = self.drop_resident(key, None, out);
                out.push(asker.done(true));
                self.scatter(loot, now, out);
                self.start_again(waiting, now, out);
            }
            Writing::Release(reason) => self.released(key, reason, now, out),
            Writing::Handoff { to, asker } => self.handed_off(key, to, asker, out),
            // Nothing is written: another region says when it has come.
            Writing::Crossing { .. } => {}
        }
    }

    /// Answers who has put an entity here.
    pub(super) fn pay(&mut self, key: &str, out: &mut Vec<Output>) {
        let owed = self.residents.get_mut(key).and_then(|one| one.owed.take());
        if let Some(asker) = owed {
            self.show(key, asker.session.link, out);
            out.push(asker.done(true));
        }
    }

    /// The attributes are the entity's now. It may have walked meanwhile: its place stays.
    fn take_attributes(
        &mut self,
        key: &str,
        state: EntityState,
        applied: Applied,
        replies: &[(Asker, bool)],
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        resident.state.attributes = state.attributes;
        resident.applied = applied;
        if resident.refresh(now.settings, now.ms) {
            self.publisher.touch(resident, true);
        }
        self.note_expiry(key);
        for (asker, done) in replies {
            self.show(key, asker.session.link, out);
            out.push(asker.done(*done));
        }
    }

    /// Puts an entity somewhere. Where that is a region of another server, it is let go of with the same write.
    fn begin_teleport(
        &mut self,
        key: &str,
        ask: Ask,
        position: Position,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let Some(audit) = ask.audit() else { return };
        // A wall may have come since its author looked.
        let place = movement::free_place(now.ground(), position);
        let to = RegionId::of(place, now.settings.cell_tiles);
        let is_away = to != self.id && now.around.passage(to) == Passage::Away;
        if resident.is_creature() {
            // From there, it goes on as it would if it had walked.
            resident.writing = Some(Writing::Teleport(ask.asker, place));
            let (key, own) = (resident.key.clone(), resident.own);
            out.push(Output::Note { key, own, audit });
        } else {
            let mut save = resident.save(self.id);
            save.state.position = place;
            save.audit = Some(audit);
            if is_away {
                hand_off(resident, to, Some(ask.asker), save, out);
            } else {
                resident.writing = Some(Writing::Teleport(ask.asker, place));
                out.push(Output::Save(Box::new(save)));
            }
        }
    }
}

/// Whoever waits with the same command is answered alike: each attempt would otherwise be tried, and cause the next.
pub(super) fn answer_repeats(
    waiting: &mut VecDeque<Waiting>,
    asker: &Asker,
    done: bool,
    out: &mut Vec<Output>,
) {
    waiting.retain(|waiting| match waiting {
        Waiting::Ask(ask) if (&ask.asker.key, ask.asker.id) == (&asker.key, asker.id) => {
            out.push(ask.asker.done(done));
            false
        }
        _ => true,
    });
}

/// What becomes of an attempt to change an attribute.
enum Tried {
    /// Nothing is to be written.
    Answer(bool),
    /// The answer is this, once the write is durable.
    AfterCommit(bool),
    /// The row remembers as many authors as it can.
    Again,
}

/// Changes an attribute in `state`, unless the command was seen before.
fn try_set(
    resident: &Resident,
    state: &mut EntityState,
    applied: &mut Applied,
    ask: &Ask,
    now: &Now<'_>,
) -> Tried {
    let Action::Set { attribute, change } = &ask.action else {
        return Tried::Answer(false);
    };
    let asker = &ask.asker;
    let is_done_once = asker.id == CommandId::default();
    let is_of_the_world = is_done_once || asker.giver.is_some();
    let change = match is_of_the_world && is_more_than_enough(state, attribute, change, now) {
        true => &Change::To(Value::Int(0)),
        false => change,
    };
    if is_done_once {
        let by = by(resident, asker);
        let done = attributes::change(state, now.settings, attribute, change, by, now.ms);
        return match done {
            Ok(()) => Tried::AfterCommit(true),
            Err(_) => Tried::Answer(false),
        };
    }
    match resident.applied.seen(&asker.key, asker.id) {
        Seen::Repeat(reply) => return Tried::Answer(reply),
        Seen::Stale => return Tried::Answer(false),
        Seen::New => {}
    }
    match applied.seen(&asker.key, asker.id) {
        // It came twice and is about to be written.
        Seen::Repeat(reply) => return Tried::AfterCommit(reply),
        Seen::Stale => return Tried::Answer(false),
        Seen::New => {}
    }
    if !applied.has_room(&asker.key, now.ms) {
        return Tried::Again;
    }
    let by = by(resident, asker);
    // Who was put there without `hp` cannot be killed: only a game master gives it any.
    let is_mortal =
        resident.is_player() || asker.is_gm || resident.state.attributes.contains_key("hp");
    let may_be = is_mortal || attribute != "hp";
    let done =
        may_be && attributes::change(state, now.settings, attribute, change, by, now.ms).is_ok();
    if !done && asker.attempt == 0 {
        return Tried::Answer(false);
    }
    // A refusal of what was sent before is recorded, too: the earlier attempt may still be on its way, and must have no effect after this answer.
    applied.record(&asker.key, asker.id, done, now.ms);
    Tried::AfterCommit(done)
}

/// Whether a blow takes more `hp` than there is, where there cannot be less than none: it takes what there is.
fn is_more_than_enough(
    state: &EntityState,
    attribute: &str,
    change: &Change,
    now: &Now<'_>,
) -> bool {
    let (Change::By(step), "hp", Some(0.0)) = (change, attribute, now.settings.rule("hp").min)
    else {
        return false;
    };
    let (left, step) = (hp(state, now).unwrap_or(0.0), step.as_f64().unwrap_or(0.0));
    left > 0.0 && left + step < 0.0
}

fn hp(state: &EntityState, now: &Now<'_>) -> Option<f64> {
    state.attribute("hp", now.ms)?.as_f64()
}

/// What the change of an attribute is to the one who has it, if another makes it. `hp_before` is what it had until then.
fn event_of(
    ask: &Ask,
    resident: &Resident,
    hp_before: Option<f64>,
    state: &EntityState,
    now: &Now<'_>,
) -> Option<Event> {
    let Action::Set { attribute, .. } = &ask.action else {
        return None;
    };
    if ask.asker.key == resident.key {
        return None;
    }
    let by = ask.asker.key.clone();
    let value = state.attribute(attribute, now.ms)?;
    if let (true, Some(before), Some(after)) = (attribute == "hp", hp_before, value.as_f64())
        && after < before
    {
        let amount = before - after;
        return Some(Event::Hit { by, amount });
    }
    Some(Event::Set {
        by,
        attribute: attribute.clone(),
        value: value.clone(),
    })
}

/// The next that waits, if it is a change of an attribute.
fn next_set(waiting: &mut VecDeque<Waiting>) -> Option<Ask> {
    let is_set = matches!(
        waiting.front(),
        Some(Waiting::Ask(Ask {
            action: Action::Set { .. },
            ..
        }))
    );
    match waiting.pop_front_if(|_| is_set) {
        Some(Waiting::Ask(ask)) => Some(ask),
        _ => None,
    }
}

fn begin_despawn(resident: &mut Resident, ask: Ask, out: &mut Vec<Output>) {
    let Some(audit) = ask.audit() else { return };
    resident.writing = Some(Writing::Despawn(ask.asker));
    let (key, own) = (resident.key.clone(), resident.own);
    out.push(if resident.is_creature() {
        Output::Note { key, own, audit }
    } else {
        Output::Despawn { key, own, audit }
    });
}
