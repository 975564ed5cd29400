//! Sessions: how a character comes into the world, who speaks for it, and how it leaves. A row is claimed before its character is here, and
//! learns the generation of a session before that session speaks.

use super::{
    ClaimOutcome, Claimed, Enter, GRACE_MS, Message, Now, Output, Reason, Region, Resident,
    Session, WAITING_MAX,
    resident::{Speaker, Waiting, Writing},
};

/// A claim that is under way.
#[derive(Debug)]
pub(super) struct Claiming {
    /// The session that it is for.
    enter: Enter,
    /// Whether that session's player has gone meanwhile.
    has_left: bool,
    /// Whether the row has come by another claim, and the session with it.
    is_over: bool,
    /// A later session that has come for the character meanwhile.
    next: Option<Enter>,
}

impl Region {
    pub(super) fn enter(&mut self, enter: Enter, now: &Now<'_>, out: &mut Vec<Output>) {
        if self.is_draining {
            out.push(enter.elsewhere(None));
        } else if let Some(resident) = self.residents.get_mut(&enter.key) {
            // What is being written of the row comes first; it may be the character's departure.
            let key = enter.key.clone();
            if resident.waiting.len() >= WAITING_MAX {
                out.push(enter.elsewhere(None));
                return;
            }
            resident.waiting.push_back(Waiting::Enter(enter));
            self.go_on(&key, now, out);
        } else if let Some(claiming) = self.claiming.get_mut(&enter.key) {
            let loser = match &claiming.next {
                Some(next) if next.generation > enter.generation => Some(enter),
                _ => claiming.next.replace(enter),
            };
            // It may be the session that the row comes back with: what the row says decides whose turn is over.
            out.extend(loser.map(|loser| loser.elsewhere(None)));
        } else if let Some(region) = self.elsewhere(&enter.key, now) {
            out.push(enter.elsewhere(Some(region)));
        } else {
            let claiming = Claiming {
                enter: enter.clone(),
                has_left: false,
                is_over: false,
                next: None,
            };
            self.claiming.insert(enter.key.clone(), claiming);
            out.push(Output::Claim(enter));
        }
    }

    /// A claim has come to its end.
    pub(super) fn entered(
        &mut self,
        enter: Enter,
        outcome: ClaimOutcome,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let (has_left, is_over, next) = match self.claiming.remove(&enter.key) {
            Some(claiming) => (claiming.has_left, claiming.is_over, claiming.next),
            None => (false, false, None),
        };
        let key = enter.key.clone();
        match outcome {
            ClaimOutcome::Claimed(row) => {
                let speaker = match has_left {
                    true => Speaker::Leaving,
                    false if self.is_draining => Speaker::Nobody { since_ms: now.ms },
                    false => Speaker::Session(enter.session),
                };
                let before = self.residents.get(&key).and_then(Resident::session);
                if !self.take_in(*row, speaker, now, out) {
                    // Another claim of the same row was later: it is here already, and the session finds it.
                    if !has_left {
                        self.enter(enter, now, out);
                    }
                } else {
                    let earlier = before.filter(|before| *before != enter.session);
                    out.extend(earlier.map(|earlier| earlier.evicted(Reason::TakenOver)));
                    out.push(match speaker {
                        Speaker::Session(session) => self.entered_message(session),
                        Speaker::Nobody { .. } | Speaker::Leaving => enter.elsewhere(None),
                    });
                }
            }
            ClaimOutcome::Elsewhere(_) | ClaimOutcome::Failed if is_over => {}
            // It has come over a border meanwhile.
            ClaimOutcome::Elsewhere(_) | ClaimOutcome::Failed if self.has(&key) && !has_left => {
                self.enter(enter, now, out);
            }
            ClaimOutcome::Elsewhere(region) => out.push(enter.elsewhere(Some(region))),
            ClaimOutcome::Superseded => {
                if let Some(resident) = self.residents.get_mut(&key) {
                    resident.silence(enter.session, now.ms);
                }
                out.push(enter.superseded());
            }
            ClaimOutcome::Failed => out.push(enter.elsewhere(None)),
        }
        if let Some(next) = next {
            self.enter(next, now, out);
        }
        self.go_on(&key, now, out);
    }

    /// A row is ours that nobody living owned.
    pub(super) fn adopt(
        &mut self,
        row: Claimed,
        session: Option<Session>,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let key = row.key.clone();
        // A session that speaks for what is here, from an earlier claim, speaks for what a later claim has brought: it has come after the one that
        // spoke when the row was lost.
        let here = self.residents.get(&key).and_then(Resident::session);
        if let (Some(_), Some(earlier)) = (here, session.filter(|earlier| here != Some(*earlier))) {
            out.push(earlier.evicted(super::Reason::TakenOver));
        }
        let session = here
            .or(session)
            .filter(|session| now.around.is_linked(session.link));
        let speaker = match session {
            Some(session) => Speaker::Session(session),
            None => Speaker::Nobody { since_ms: now.ms },
        };
        if self.take_in(row, speaker, now, out) && !self.is_draining {
            self.tell_moved(session, out);
            self.let_in(&key, now, out);
        }
        self.go_on(&key, now, out);
    }

    /// A row has come that a session's own claim has not brought: it was a little later than what brought it. The session waits for it no longer, and
    /// if its player has gone meanwhile, nobody does.
    fn let_in(&mut self, key: &str, now: &Now<'_>, out: &mut Vec<Output>) {
        let waiting = self.claiming.get_mut(key);
        let Some(claiming) = waiting.filter(|claiming| !claiming.is_over) else {
            return;
        };
        claiming.is_over = true;
        let (enter, has_left) = (claiming.enter.clone(), claiming.has_left);
        if !has_left {
            self.enter(enter, now, out);
        } else if let Some(resident) = self.residents.get_mut(key)
            && resident.session().is_none()
            && resident.generation == enter.generation
        {
            resident.speaker = Speaker::Leaving;
        }
    }

    /// Puts in what a claim returned, unless a later claim's is here: only the last one's may be written.
    fn take_in(
        &mut self,
        row: Claimed,
        speaker: Speaker,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) -> bool {
        let here = self.residents.get(&row.key);
        if here.is_some_and(|here| here.own >= row.own) {
            return false;
        }
        let waiting = self.drop_resident(&row.key, Some(self.id), out);
        let mut resident = Resident::new(row, now.settings, now.ms);
        resident.speaker = speaker;
        resident.waiting = waiting;
        self.settle(resident, now, out);
        true
    }

    /// A player has gone: the character leaves the world as soon as nothing waits for its row.
    pub(super) fn leave(&mut self, leave: &Enter, now: &Now<'_>, out: &mut Vec<Output>) {
        self.call_off(&leave.key, leave.session);
        let Some(resident) = self.residents.get_mut(&leave.key) else {
            return;
        };
        resident.waiting.retain(
            |waiting| !matches!(waiting, Waiting::Enter(enter) if enter.session == leave.session),
        );
        if let Some(Writing::Takeover { enter, has_left }) = &mut resident.writing {
            *has_left |= enter.session == leave.session;
        }
        if resident.session() == Some(leave.session) {
            resident.speaker = Speaker::Leaving;
            self.go_on(&leave.key, now, out);
        }
    }

    /// A session does not want any more what is being claimed.
    pub(super) fn call_off(&mut self, key: &str, session: Session) {
        if let Some(claiming) = self.claiming.get_mut(key) {
            claiming.has_left |= claiming.enter.session == session;
            claiming.next.take_if(|next| next.session == session);
        }
    }

    /// A session that has waited for the row. A higher generation is written before it counts.
    pub(super) fn take_over(
        &mut self,
        key: &str,
        enter: Enter,
        now: &Now<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        if enter.generation < resident.generation {
            resident.silence(enter.session, now.ms);
            out.push(enter.superseded());
        } else if enter.generation == resident.generation {
            // If that stream has ended while this waited, the session itself has come by a later one since, or will.
            if now.around.is_linked(enter.session.link) {
                self.attach(&enter, out);
            }
        } else {
            let mut save = resident.save(self.id);
            save.generation = enter.generation;
            resident.unsaved_since_ms = None;
            resident.writing = Some(Writing::Takeover {
                enter,
                has_left: false,
            });
            out.push(Output::Save(Box::new(save)));
        }
    }

    /// The generation of a later session is durable. If its player has gone meanwhile, nobody speaks for the character.
    pub(super) fn taken_over(&mut self, enter: &Enter, has_left: bool, out: &mut Vec<Output>) {
        self.attach(enter, out);
        if has_left && let Some(resident) = self.residents.get_mut(&enter.key) {
            resident.speaker = Speaker::Leaving;
        }
    }

    /// From now on, this session speaks for the character, and no other.
    fn attach(&mut self, enter: &Enter, out: &mut Vec<Output>) {
        let Some(resident) = self.residents.get_mut(&enter.key) else {
            return;
        };
        let before = resident.session();
        resident.generation = enter.generation;
        resident.speaker = Speaker::Session(enter.session);
        if let Some(before) = before.filter(|before| *before != enter.session) {
            out.push(before.evicted(Reason::TakenOver));
        }
        // What its player did by another gateway is known at this one before that one asks.
        self.show(&enter.key, enter.session.link, out);
        out.push(self.entered_message(enter.session));
    }

    fn entered_message(&self, Session { link, number }: Session) -> Output {
        let message = Message::Entered {
            session: number,
            region: self.id,
        };
        Output::Tell(link, message)
    }

    /// Whoever waits for answers must send again what is unanswered, and send it here.
    pub(super) fn tell_moved(&self, session: Option<Session>, out: &mut Vec<Output>) {
        out.extend(session.map(|Session { link, number }| {
            let message = Message::Moved {
                session: number,
                region: self.id,
            };
            Output::Tell(link, message)
        }));
    }

    /// Characters whose gateways have gone wait for a while, and then leave.
    pub(super) fn look_after_sessions(&mut self, now: &Now<'_>, out: &mut Vec<Output>) {
        let mut leaving = Vec::new();
        for key in &self.cared_for {
            let resident = self.residents.get_mut(key);
            let Some(resident) = resident.filter(|one| one.is_player()) else {
                continue;
            };
            match resident.speaker {
                Speaker::Session(session) if !now.around.is_linked(session.link) => {
                    resident.speaker = Speaker::Nobody { since_ms: now.ms };
                }
                Speaker::Nobody { since_ms } if now.ms.saturating_sub(since_ms) >= GRACE_MS => {
                    resident.speaker = Speaker::Leaving;
                    leaving.push(resident.key.clone());
                }
                _ => {}
            }
        }
        for key in leaving {
            self.go_on(&key, now, out);
        }
    }
}
