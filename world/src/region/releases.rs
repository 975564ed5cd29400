//! Giving rows up: out of the world, to whoever holds another region, or because the row is not ours any more. From the moment a release is
//! written until its outcome is known, the entity takes no input: what the release does not carry would be lost.

use std::collections::VecDeque;

use super::{
    Ask, Asker, Message, Now, Output, Reason, Region, Resident, Save, Session,
    commits::answer_repeats,
    resident::{Speaker, Waiting, Writing},
};
use crate::region_id::RegionId;

impl Region {
    /// Lets an entity go that nothing keeps here: who has left, out of the world; others to whoever has the place where they stand next.
    pub(super) fn let_go(&mut self, key: &str, now: &Now<'_>, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let to = RegionId::of(resident.state.position, now.settings.cell_tiles);
        if resident.speaker == Speaker::Leaving && resident.is_player() {
            release(resident, to, None, out);
        } else {
            let save = resident.save(self.id);
            hand_off(resident, to, None, save, out);
        }
    }

    /// A game master wants a player out.
    pub(super) fn throw_out(&mut self, key: &str, kick: Ask, now: &Now<'_>, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let to = RegionId::of(resident.state.position, now.settings.cell_tiles);
        release(resident, to, Some(kick), out);
    }

    /// A character is out of the world.
    pub(super) fn released(
        &mut self,
        key: &str,
        reason: Option<(Asker, Reason)>,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let session = self.residents.get(key).and_then(Resident::session);
        let mut waiting = self.drop_resident(key, None, out);
        if let Some((asker, reason)) = reason {
            out.push(asker.done(true));
            if let Some(session) = session {
                out.push(session.evicted(reason));
                self.call_off(key, session);
            }
            // Who is thrown out has perhaps asked to come back while its input was frozen.
            waiting.retain(
                |waiting| !matches!(waiting, Waiting::Enter(enter) if Some(enter.session) == session),
            );
        }
        self.start_again(waiting, now, out);
    }

    /// An entity is nobody's, until the holder of the region where it belongs claims it.
    pub(super) fn handed_off(
        &mut self,
        key: &str,
        to: RegionId,
        asker: Option<Asker>,
        out: &mut Vec<Output>,
    ) {
        let session = self.residents.get(key).and_then(Resident::session);
        let mut waiting = self.drop_resident(key, Some(to), out);
        if let Some(asker) = asker {
            out.push(asker.done(true));
            answer_repeats(&mut waiting, &asker, true, out);
        }
        out.extend(session.map(|session| session.released(to)));
        let elsewhere = Some(to).filter(|to| *to != self.id);
        for waiting in waiting {
            match waiting {
                Waiting::Ask(ask) => out.push(ask.asker.try_again()),
                Waiting::Enter(enter) if Some(enter.session) == session => {}
                Waiting::Enter(enter) => out.push(enter.elsewhere(elsewhere)),
            }
        }
        let (key, region) = (key.to_owned(), to);
        out.push(Output::Released { key, region });
    }

    /// The row is not ours, or nobody knows: what we have in memory counts for nothing.
    pub(super) fn lose(&mut self, key: &str, out: &mut Vec<Output>) {
        let session = self.residents.get(key).and_then(Resident::session);
        for waiting in self.drop_resident(key, Some(self.id), out) {
            out.push(match waiting {
                Waiting::Ask(ask) => ask.asker.try_again(),
                Waiting::Enter(enter) => enter.elsewhere(None),
            });
        }
        let key = key.to_owned();
        out.push(Output::Recover { key, session });
    }

    /// Takes an entity out, on its way to a region or out of the world; what has waited for its row.
    pub(super) fn drop_resident(
        &mut self,
        key: &str,
        to: Option<RegionId>,
        out: &mut Vec<Output>,
    ) -> VecDeque<Waiting> {
        self.outside.remove(key);
        let Some(mut resident) = self.residents.remove(key) else {
            return VecDeque::new();
        };
        self.forget_expiry(resident.expiry_ms.take(), key);
        self.forget(&mut resident);
        self.publisher.depart(&mut resident, to, out);
        out.push(Output::Gone(key.to_owned()));
        if let Some(writing) = resident.writing {
            send_back(&writing, out);
        }
        resident.waiting
    }

    /// What has waited for an entity that has left in good order looks for it anew.
    pub(super) fn start_again(
        &mut self,
        waiting: VecDeque<Waiting>,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        for waiting in waiting {
            match waiting {
                Waiting::Ask(ask) => self.ask(ask, now, out),
                Waiting::Enter(enter) => self.enter(enter, now, out),
            }
        }
    }
}

/// Nobody will know what became of a write: who waits for it asks again.
pub(super) fn send_back(writing: &Writing, out: &mut Vec<Output>) {
    out.extend(writing.askers().map(Asker::try_again));
    if let Writing::Takeover { enter, .. } = writing {
        out.push(enter.elsewhere(None));
    }
}

/// Saves a character, and takes it out of the world.
fn release(resident: &mut Resident, to: RegionId, kick: Option<Ask>, out: &mut Vec<Output>) {
    let mut save = resident.save(to);
    save.release = true;
    save.present = false;
    save.audit = kick.as_ref().and_then(Ask::audit);
    let reason = kick.map(|ask| (ask.asker, Reason::Kicked));
    resident.writing = Some(Writing::Release(reason));
    out.push(Output::Save(Box::new(save)));
}

/// Saves an entity as it is in `save`, and gives its row to whoever holds a region.
pub(super) fn hand_off(
    resident: &mut Resident,
    to: RegionId,
    asker: Option<Asker>,
    mut save: Save,
    out: &mut Vec<Output>,
) {
    save.release = true;
    save.region = to;
    resident.writing = Some(Writing::Handoff { to, asker });
    out.push(Output::Save(Box::new(save)));
}

impl Session {
    fn released(self, region: RegionId) -> Output {
        let session = self.number;
        Output::Tell(self.link, Message::Released { session, region })
    }
}
