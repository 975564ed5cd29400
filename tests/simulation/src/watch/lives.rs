//! Moves. Between a claim and the next change of hands a character has one owner: its place is the sum of the steps that this one took. What was
//! taken and not saved may be lost only if the owner was, and then at most the last second of it.

use std::collections::BTreeMap;

use store::entities::{EntityRow, Incarnation};
use world::{
    applied::CommandId,
    position::Position,
    region::{Answer, Body, Claimed, Command, Save},
    region_id::RegionId,
};

use super::Watch;
use crate::{
    database::{Commit, Database},
    schedule::{Micros, SECOND},
    yard::Yard,
};

/// One owner's time with a character.
#[derive(Debug)]
pub(super) struct Life {
    position: Position,
    /// The last step that the claim had in it.
    moved: CommandId,
    /// Steps, whether they were taken, and when.
    steps: BTreeMap<CommandId, (bool, Micros)>,
    /// When the owner stopped, failed, or dropped it.
    ended: Option<Micros>,
    /// Since when the owner stands still.
    still_since: Option<Micros>,
    /// How long it has stood still before: it could not save then.
    stood_still: Micros,
}

impl Watch {
    /// A region takes what a claim returned.
    pub fn claimed(&mut self, me: Incarnation, row: &Claimed) {
        let life = Life {
            position: row.state.position,
            moved: row.moved,
            steps: BTreeMap::new(),
            ended: None,
            still_since: None,
            stood_still: 0,
        };
        self.lives
            .entry((row.key.clone(), me, row.own))
            .or_insert(life);
        let last = self.claims.entry((row.key.clone(), me)).or_default();
        *last = row.own.max(*last);
    }

    /// A command comes to the region of its author.
    pub fn commanded(&mut self, command: &Command) {
        let name = (command.author.clone(), command.id);
        self.commands
            .entry(name)
            .or_insert_with(|| command.body.clone());
    }

    /// A zone server has an answer to a command: a region of it, or what has looked for the target elsewhere. Whether it may say so.
    pub fn said(
        &mut self,
        (me, region, may_speak): (Incarnation, Option<RegionId>, bool),
        (session, counter): (u64, u64),
        answer: &Answer,
        (yard, database): (&Yard, &Database),
        now: Micros,
    ) {
        let Some((author, generation)) = self.sessions.get(&session).cloned() else {
            return;
        };
        let id = CommandId {
            generation,
            counter,
        };
        let Some(body) = self.commands.get(&(author.clone(), id)).cloned() else {
            return;
        };
        match (&body, answer) {
            (Body::Move { dx, dy }, Answer::Done(taken)) => {
                let copies = self.copies.get(&author);
                let own = region.and_then(|region| copies?.get(&(me, region)).copied());
                let life = (author, me, own.unwrap_or_default());
                self.stepped(life, id, ((*dx, *dy), *taken), yard, now);
            }
            (_, Answer::Done(true)) if may_speak => {
                self.check_durable((&author, id), &body, database, now)
            }
            _ => {}
        }
    }

    fn stepped(
        &mut self,
        name: (String, Incarnation, u64),
        id: CommandId,
        (offset, taken): ((f64, f64), bool),
        yard: &Yard,
        now: Micros,
    ) {
        let key = name.0.clone();
        let is_walker = !self.teleported.contains(&key);
        let Some(life) = self.lives.get_mut(&name) else {
            self.broken(
                now,
                format!("a step of {key} is answered by who never had it"),
            );
            return;
        };
        let is_known = id.generation == life.moved.generation && id.counter <= life.moved.counter;
        if is_known || id.generation < life.moved.generation || life.steps.contains_key(&id) {
            return;
        }
        life.steps.insert(id, (taken, now));
        if !taken {
            return;
        }
        match yard.step(life.position, offset) {
            Some(position) => life.position = position,
            None if is_walker => {
                self.broken(now, format!("{key} went where nobody can go"));
            }
            None => {}
        }
    }

    /// A zone server saves a row: where the character is, is where its steps have led.
    pub fn saving(&mut self, me: Incarnation, save: &Save, now: Micros) {
        if self.teleported.contains(&save.key) {
            return;
        }
        let Some(life) = self.lives.get(&(save.key.clone(), me, save.own)) else {
            return;
        };
        if life.position != save.state.position {
            let text = format!(
                "{} is saved at {:?}, and its steps lead to {:?}",
                save.key, save.state.position, life.position
            );
            self.broken(now, text);
        }
    }

    /// An owner does not have a copy any more.
    fn end_life(&mut self, key: &str, me: Incarnation, own: u64, now: Micros) {
        if let Some(life) = self.lives.get_mut(&(key.to_owned(), me, own)) {
            life.ended.get_or_insert(now);
        }
    }

    /// A region does not have an entity any more.
    pub fn dropped(&mut self, me: Incarnation, region: RegionId, key: &str, now: Micros) {
        if let Some(own) = self.not_here(me, region, key) {
            self.end_life(key, me, own, now);
        }
    }

    /// A region is in no memory any more: its copies are no copies.
    pub fn forgotten(&mut self, me: Incarnation, region: RegionId, now: Micros) {
        let keys: Vec<String> = self.copies.keys().cloned().collect();
        for key in keys {
            self.dropped(me, region, &key, now);
        }
    }

    /// A zone server is no more.
    pub fn stopped(&mut self, me: Incarnation, now: Micros) {
        for life in self.lives_of(me) {
            life.ended.get_or_insert(life.still_since.unwrap_or(now));
        }
    }

    /// A zone server stands still.
    pub fn stands_still(&mut self, me: Incarnation, now: Micros) {
        for life in self.lives_of(me) {
            life.still_since = Some(now);
        }
    }

    /// A zone server goes on.
    pub fn went_on(&mut self, me: Incarnation, now: Micros) {
        for life in self.lives_of(me) {
            life.stood_still += life.still_since.take().map_or(0, |since| now - since);
        }
    }

    fn lives_of(&mut self, me: Incarnation) -> impl Iterator<Item = &mut Life> {
        let lives = self.lives.iter_mut();
        lives.filter_map(move |((_, owner, _), life)| (*owner == me).then_some(life))
    }

    /// A row has changed hands: which steps of its last owner are lost with that?
    pub(super) fn changed_hands(&mut self, before: &EntityRow, commit: &Commit, now: Micros) {
        let after = &commit.after.entity;
        let Some(owner) = before.owner else { return };
        let Some(life) = self.lives.get(&(before.key.clone(), owner, before.own)) else {
            return;
        };
        if commit.after.is_gone {
            return;
        }
        let is_released = after.owner.is_none();
        let ended = life.ended.or(life.still_since).unwrap_or(now);
        let lost = life.steps.iter().find(|(id, (taken, at))| {
            let late = SECOND + self.lateness_max + life.stood_still;
            let may_be_lost = !is_released && *at + late >= ended;
            *taken && **id > after.moved && !may_be_lost
        });
        if let Some((id, (_, at))) = lost {
            let text = format!(
                "step {id:?} of {} was acknowledged at {} ms by an owner that had it until {} ms, and is lost",
                before.key,
                at / 1_000,
                ended / 1_000
            );
            self.broken(now, text);
        }
    }
}
