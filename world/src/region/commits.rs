//! Writing rows. One write of a row is under way at a time; what it makes of the entity counts, and is told, once it is durable. A write that
//! finds no row, or whose outcome nobody knows, costs the entity its place in memory: it is claimed again.

use std::collections::VecDeque;

use super::{
    Action, Ask, Asker, Now, Outcome, Output, Reason, Region, Resident,
    asks::by,
    resident::{Speaker, Waiting, Writing},
};
use crate::{
    applied::{Applied, Seen},
    attributes,
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
            match resident.waiting.pop_front() {
                Some(Waiting::Enter(enter)) => self.take_over(key, enter, now, out),
                Some(Waiting::Ask(ask)) => self.begin(key, ask, now, out),
                None if resident.speaker == Speaker::Leaving && !resident.is_creature() => {
                    release(resident, None, now, out);
                }
                None => return,
            }
        }
    }

    fn begin(&mut self, key: &str, ask: Ask, now: &Now<'_>, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        match ask.action {
            // None of them waits for a row.
            Action::Get(_) | Action::Spawn(_) | Action::Map(_) => {}
            Action::Set { .. } => self.begin_sets(key, ask, now, out),
            Action::Teleport(position) => begin_teleport(resident, ask, position, now, out),
            Action::Kick if !resident.is_player() => out.push(ask.asker.done(false)),
            Action::Kick => release(resident, Some(ask), now, out),
            Action::Despawn if resident.is_player() => out.push(ask.asker.done(false)),
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
        let mut replies = Vec::new();
        let mut next = Some(first);
        while let Some(ask) = next {
            match try_set(resident, &mut state, &mut applied, &ask, now) {
                Tried::Answer(done) => out.push(ask.asker.done(done)),
                Tried::AfterCommit(done) => replies.push((ask.asker, done)),
            }
            next = next_set(&mut resident.waiting);
        }
        if replies.is_empty() {
            return;
        }
        let mut save = resident.save(now.settings.cell_tiles);
        save.state.clone_from(&state);
        save.applied.clone_from(&applied);
        resident.writing = Some(Writing::Attributes {
            state,
            applied,
            replies,
        });
        if resident.is_creature() {
            self.saved(key, Outcome::Done, now, out);
        } else {
            resident.is_unsaved = false;
            out.push(Output::Save(Box::new(save)));
        }
    }

    /// A write has come to its end.
    pub(super) fn saved(
        &mut self,
        key: &str,
        outcome: Outcome,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let Some(writing) = resident.writing.take() else {
            return;
        };
        match outcome {
            Outcome::Done => self.take_effect(key, writing, now, out),
            // What it was to do was done before; the entity in memory came from a row that has it.
            Outcome::Repeated => {
                // Nothing was written now: the row may be behind the position.
                resident.is_unsaved = true;
                out.extend(writing.askers().map(|asker| asker.done(true)));
            }
            Outcome::Refused | Outcome::Unknown => {
                out.extend(writing.askers().map(Asker::try_again));
                if let Writing::Takeover { enter, .. } = &writing {
                    out.push(enter.elsewhere(None));
                }
                if !resident.is_creature() {
                    self.lose(key, out);
                }
            }
        }
        if !self.outside.contains(key) {
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
            } => self.take_attributes(key, state, applied, &replies, now, out),
            Writing::Takeover { enter, has_left } => self.taken_over(&enter, has_left, out),
            Writing::Teleport(asker, position) => {
                if let Some(resident) = self.residents.get_mut(key) {
                    // The place was free when the write began; a wall may stand there by now.
                    let free = movement::free_place(now.ground, position);
                    resident.is_unsaved |= free != position;
                    resident.state.position = free;
                    resident.owed = Some(asker);
                    self.publisher.touch(resident, false);
                }
                self.look_outside(key, now);
                if !self.outside.contains(key) {
                    self.pay(key, out);
                }
            }
            Writing::Despawn(asker) => {
                let waiting = self.drop_resident(key, out);
                out.push(asker.done(true));
                self.start_again(waiting, now, out);
            }
            Writing::Release(reason) => {
                let session = self.residents.get(key).and_then(Resident::session);
                let mut waiting = self.drop_resident(key, out);
                if let Some((asker, reason)) = reason {
                    out.push(asker.done(true));
                    out.extend(session.map(|session| session.evicted(reason)));
                    // Who is thrown out has perhaps asked to come back while its input was frozen.
                    waiting.retain(|waiting| {
                        !matches!(waiting, Waiting::Enter(enter) if Some(enter.session) == session)
                    });
                }
                self.start_again(waiting, now, out);
            }
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

    /// The row is not ours, or nobody knows: what we have in memory counts for nothing.
    fn lose(&mut self, key: &str, out: &mut Vec<Output>) {
        let session = self.residents.get(key).and_then(Resident::session);
        for waiting in self.drop_resident(key, out) {
            out.push(match waiting {
                Waiting::Ask(ask) => ask.asker.try_again(),
                Waiting::Enter(enter) => enter.elsewhere(None),
            });
        }
        let key = key.to_owned();
        out.push(Output::Recover { key, session });
    }

    /// Takes an entity out of the world; what has waited for its row.
    pub(super) fn drop_resident(&mut self, key: &str, out: &mut Vec<Output>) -> VecDeque<Waiting> {
        self.outside.remove(key);
        let Some(mut resident) = self.residents.remove(key) else {
            return VecDeque::new();
        };
        self.forget_expiry(resident.expiry_ms.take(), key);
        self.publisher.depart(&mut resident, None, out);
        out.push(Output::Gone(key.to_owned()));
        resident.waiting
    }

    /// What has waited for an entity that has left in good order looks for it anew.
    fn start_again(&mut self, waiting: VecDeque<Waiting>, now: &Now<'_>, out: &mut Vec<Output>) {
        for waiting in waiting {
            match waiting {
                Waiting::Ask(ask) => self.ask(ask, now, out),
                Waiting::Enter(enter) => self.enter(enter, now, out),
            }
        }
    }

    /// Writes the places of those who have walked.
    pub(super) fn save_positions(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        for resident in self.residents.values_mut() {
            if resident.is_unsaved && resident.writing.is_none() && !resident.is_creature() {
                resident.is_unsaved = false;
                resident.writing = Some(Writing::Position);
                let save = resident.save(now.settings.cell_tiles);
                out.push(Output::Save(Box::new(save)));
            }
        }
    }
}

/// What becomes of an attempt to change an attribute.
enum Tried {
    /// Nothing is to be written.
    Answer(bool),
    /// The answer is this, once the write is durable.
    AfterCommit(bool),
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
    let by = by(resident, asker);
    if attributes::change(state, now.settings, attribute, change, by, now.ms).is_err() {
        return Tried::Answer(false);
    }
    applied.record(&asker.key, asker.id, true, now.ms);
    Tried::AfterCommit(true)
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

fn begin_teleport(
    resident: &mut Resident,
    ask: Ask,
    position: Position,
    now: &Now<'_>,
    out: &mut Vec<Output>,
) {
    let Some(audit) = ask.audit() else { return };
    resident.writing = Some(Writing::Teleport(ask.asker, position));
    if resident.is_creature() {
        let key = resident.key.clone();
        out.push(Output::Note { key, audit });
        return;
    }
    let mut save = resident.save(now.settings.cell_tiles);
    save.state.position = position;
    save.region = RegionId::of(position, now.settings.cell_tiles);
    save.audit = Some(audit);
    out.push(Output::Save(Box::new(save)));
}

fn begin_despawn(resident: &mut Resident, ask: Ask, out: &mut Vec<Output>) {
    let Some(audit) = ask.audit() else { return };
    resident.writing = Some(Writing::Despawn(ask.asker));
    let (key, own) = (resident.key.clone(), resident.own);
    out.push(if resident.is_creature() {
        Output::Note { key, audit }
    } else {
        Output::Despawn { key, own, audit }
    });
}

/// Saves an entity and gives its row up. A character is not in the world without us; what a game master has placed is.
fn release(resident: &mut Resident, kick: Option<Ask>, now: &Now<'_>, out: &mut Vec<Output>) {
    let mut save = resident.save(now.settings.cell_tiles);
    save.release = true;
    save.present = !resident.is_player();
    save.audit = kick.as_ref().and_then(Ask::audit);
    resident.is_unsaved = false;
    let reason = kick.map(|ask| (ask.asker, Reason::Kicked));
    resident.writing = Some(Writing::Release(reason));
    out.push(Output::Save(Box::new(save)));
}

impl Writing {
    /// Who waits for it.
    fn askers(&self) -> impl Iterator<Item = &Asker> {
        let (many, one): (&[(Asker, bool)], Option<&Asker>) = match self {
            Self::Position | Self::Takeover { .. } | Self::Release(None) => (&[], None),
            Self::Attributes { replies, .. } => (replies, None),
            Self::Teleport(asker, _) | Self::Despawn(asker) | Self::Release(Some((asker, _))) => {
                (&[], Some(asker))
            }
        };
        many.iter().map(|(asker, _)| asker).chain(one)
    }
}
