//! What a zone server does between its regions and the store: the row protocol, as the zone server's rooms have it.

use wire::Value;

use super::{super::*, yard::*};
use crate::applied::Seen;

impl Yard {
    /// Lets the store or the network do one thing; what comes of it.
    pub(super) fn go_on(&mut self) -> Option<Option<(At, Input)>> {
        if let Some(mail) = self.mail.pop_front() {
            return Some(Some(mail));
        }
        self.stored.pop_front().map(|(at, one)| self.run(at, one))
    }

    /// Lets the store do one thing.
    pub(super) fn run(&mut self, at: At, statement: Statement) -> Option<(At, Input)> {
        match std::mem::replace(&mut self.next_fate, Fate::Answered) {
            Fate::Answered => {
                let (at, input) = self.execute(at, statement)?;
                self.deliver(at, input)
            }
            Fate::Lost { has_happened } => {
                if has_happened && statement.is_write() {
                    self.execute(at, statement.clone());
                }
                self.forget(at, statement)
            }
            Fate::Late => {
                self.let_fall([(at, statement.clone())]);
                self.forget(at, statement)
            }
        }
    }

    /// A row that was claimed for nobody goes to the region where it belongs. If the server has not got that, it is given back.
    fn deliver(&mut self, at: At, input: Input) -> Option<(At, Input)> {
        let (me, home) = at;
        let server = self.servers.get_mut(&me)?;
        if let Input::Adopted(row, session) = &input {
            if !server.regions.contains_key(&home) {
                self.rows.give_up(&row.key, row.own, me);
                if let Some(session) = session {
                    self.tell(message::elsewhere(*session, 0, 0, None));
                }
                return None;
            }
            server.whereabouts.insert(row.key.clone(), home);
        }
        Some((at, input))
    }

    /// Nobody hears what became of a statement.
    fn forget(&mut self, at: At, statement: Statement) -> Option<(At, Input)> {
        match statement {
            // It is asked however often it takes.
            Statement::Recover { .. } => {
                self.stored.push_back((at, statement));
                None
            }
            Statement::Adopt { key, session, .. } if session.is_some() => {
                let recover = Statement::Recover { key, session };
                self.stored.push_back((at, recover));
                None
            }
            Statement::Absent(Ask { asker, .. }) | Statement::WasDone(asker) => {
                self.tell(asker.try_again());
                None
            }
            other => other.unknown(at),
        }
    }

    /// Does what a statement says; what is told of it to whom.
    pub(super) fn execute(&mut self, at: At, statement: Statement) -> Option<(At, Input)> {
        let (me, here) = at;
        let input = match statement {
            Statement::Peek(enter) => return self.peek(at, enter),
            Statement::Claim(enter, seen) => {
                let row = self
                    .rows
                    .claim(&enter.key, seen, me, Some(enter.generation));
                let outcome = row.map_or(ClaimOutcome::Failed, |row| {
                    ClaimOutcome::Claimed(Box::new(row))
                });
                Input::Entered(enter, outcome)
            }
            Statement::Adopt { key, seen, session } => {
                let Some(row) = self.rows.claim(&key, seen, me, None) else {
                    return self.forget(at, Statement::Adopt { key, seen, session });
                };
                let home = self.row(&key).region;
                return Some(((me, home), Input::Adopted(Box::new(row), session)));
            }
            Statement::Recover { key, session } => {
                self.recover(at, key, session);
                return None;
            }
            Statement::GiveUp { key, own } => {
                self.rows.give_up(&key, own, me);
                return None;
            }
            Statement::Save(save) => {
                let outcome = self.rows.save(&save, me);
                let (key, own) = (save.key, save.own);
                Input::Saved { key, own, outcome }
            }
            Statement::Spawn(asker, row, audit) => {
                let outcome = self.rows.spawn(&row, &audit, (me, here));
                Input::Spawned(asker, row, outcome)
            }
            Statement::Despawn { key, own, audit } => {
                let outcome = self.rows.despawn(&key, own, &audit, me);
                Input::Saved { key, own, outcome }
            }
            Statement::Note { key, own } => Input::Saved {
                key,
                own,
                outcome: Outcome::Done,
            },
            Statement::Absent(ask) => {
                self.absent(at, ask);
                return None;
            }
            Statement::WasDone(asker) => {
                let is_done = self.rows.deny(&asker);
                self.tell(asker.done(is_done));
                return None;
            }
        };
        Some((at, input))
    }

    /// Whether a session's character may be claimed where it enters.
    fn peek(&mut self, at: At, enter: Enter) -> Option<(At, Input)> {
        let (me, here) = at;
        let row = self.rows.all.get(&enter.key)?;
        let outcome = if row.owner == Some(me) {
            let there = self.servers.get(&me)?.whereabouts.get(&enter.key);
            let there = there.filter(|there| **there != here);
            there.map_or(ClaimOutcome::Failed, |there| {
                ClaimOutcome::Elsewhere(*there)
            })
        } else if row.claimed.generation > enter.generation {
            ClaimOutcome::Superseded
        } else if row.region != here {
            ClaimOutcome::Elsewhere(row.region)
        } else if self.is_others(row.owner, me) {
            // Its region was handed over before its row could say that it had gone on to another region there.
            ClaimOutcome::Failed
        } else {
            let claim = Statement::Claim(enter, row.claimed.own);
            self.stored.push_back((at, claim));
            return None;
        };
        Some((at, Input::Entered(enter, outcome)))
    }

    /// What a server does about a row of which it is not certain.
    fn recover(&mut self, at: At, key: String, session: Option<Session>) {
        let (me, _) = at;
        let row = self.rows.all.get(&key).filter(|row| row.present).cloned();
        let Some(server) = self.servers.get(&me) else {
            return;
        };
        let is_here = server.whereabouts.contains_key(&key);
        match row {
            // A later claim has brought it there meanwhile: its session is told to look.
            Some(row) if is_here && row.owner == Some(me) => {}
            Some(row) if !is_here && !self.is_others(row.owner, me) => {
                if server.regions.contains_key(&row.region) {
                    let seen = row.claimed.own;
                    let adopt = Statement::Adopt { key, seen, session };
                    return self.stored.push_back((at, adopt));
                }
                if row.owner == Some(me) {
                    self.rows.give_up(&key, row.claimed.own, me);
                }
            }
            _ if is_here => return,
            _ => {}
        }
        if let Some(session) = session {
            self.tell(message::elsewhere(session, 0, 0, None));
        }
    }

    /// Whether another server that is taken for living has a row.
    fn is_others(&self, owner: Option<i64>, me: i64) -> bool {
        owner.is_some_and(|owner| owner != me && self.is_live(owner))
    }

    pub(super) fn is_live(&self, server: i64) -> bool {
        self.servers.contains_key(&server) && !self.suspects.contains(&server)
    }

    /// What is answered of a target that a server does not have.
    fn absent(&mut self, (me, _): At, ask: Ask) {
        let row = self.rows.all.get(&ask.target).cloned();
        let Some(server) = self.servers.get(&me) else {
            return;
        };
        let row = match row {
            Some(row) if row.present && server.regions.contains_key(&row.region) => {
                return self.tell(ask.asker.try_again());
            }
            Some(row) if row.present && ask.hop_count >= HOP_COUNT_MAX => {
                return self.tell(ask.asker.try_again());
            }
            Some(row) if row.present => {
                let hop_count = ask.hop_count + 1;
                return self.send(row.region, Ask { hop_count, ..ask });
            }
            row => row,
        };
        let asker = &ask.asker;
        let answer = match (ask.action, row) {
            (Action::Get(_), _) => asker.answer(Answer::Value(Value::None)),
            (Action::Set { .. }, Some(row)) => {
                match row.claimed.applied.seen(&asker.key, asker.id) {
                    Seen::Repeat(done) => asker.done(done),
                    Seen::Stale => asker.done(false),
                    // The earlier attempt may still be on its way: it must find that it was refused.
                    Seen::New if asker.attempt > 0 && row.owner.is_some() => asker.try_again(),
                    Seen::New if asker.attempt > 0 => {
                        self.rows.refuse(&ask.target, asker, self.now_ms);
                        asker.done(false)
                    }
                    Seen::New => asker.done(false),
                }
            }
            (Action::Set { .. }, None) => asker.done(false),
            _ if asker.attempt > 0 => asker.done(self.rows.deny(asker)),
            _ => asker.done(false),
        };
        self.tell(answer);
    }

    /// A server looks for rows that should be its own: rule 6.
    pub(super) fn look(&mut self, me: i64) {
        let Some(server) = self.servers.get(&me) else {
            return;
        };
        let mut found = Vec::new();
        for (key, row) in &self.rows.all {
            let (key, seen) = (key.clone(), row.claimed.own);
            // A region that is let go of claims nobody.
            let holds = server.regions.get(&row.region);
            let holds = holds.is_some_and(|region| !region.is_draining);
            let is_orphan = row.present && row.owner.is_none_or(|owner| !self.is_live(owner));
            let is_lost = row.owner == Some(me)
                && !server.whereabouts.contains_key(&key)
                && !self.is_asked(me, &key);
            if holds && (is_orphan && row.owner != Some(me) || is_lost && row.present) {
                let session = None;
                found.push(Statement::Adopt { key, seen, session });
            } else if is_lost {
                found.push(Statement::GiveUp { key, own: seen });
            }
        }
        let at = (me, region(0, 0));
        self.stored.extend(found.into_iter().map(|one| (at, one)));
    }

    fn is_asked(&self, me: i64, key: &str) -> bool {
        let mut stored = self.stored.iter();
        stored.any(|((issuer, _), one)| *issuer == me && one.key() == Some(key))
    }
}
