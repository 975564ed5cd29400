//! Sets, exactly once. Each relative set adds its own power of four to a purse, so a purse's digits say how often each was applied; each absolute
//! set of an author raises a mark.

use wire::{Value, command::Change};
use world::{
    applied::CommandId,
    entity::EntityState,
    region::{Body, Edit},
};

use super::{Reply, Want, Watch};
use crate::{
    database::{Commit, Database},
    schedule::Micros,
    yard,
};

/// How often a set was applied, as a purse says.
pub(super) fn digit(state: &EntityState, purse: u64, digit: u64) -> u64 {
    match state.attributes.get(&yard::purse(purse)) {
        Some(attribute) => digit_of(&attribute.value, digit),
        None => 0,
    }
}

/// A digit of base four.
pub(super) fn digit_of(value: &Value, digit: u64) -> u64 {
    match value {
        Value::Int(number) => number.unsigned_abs() >> (2 * digit) & 3,
        _ => 0,
    }
}

/// What a relative set adds.
pub(super) fn coin(digit: u64) -> Value {
    Value::Int(1 << (2 * digit))
}

/// The purse and digit that a set is for.
fn coin_of(body: &Body) -> Option<(String, u64, u64)> {
    let Body::Set {
        name,
        attribute,
        change: Change::By(Value::Int(coin)),
    } = body
    else {
        return None;
    };
    let purse = attribute.strip_prefix("purse")?.parse().ok()?;
    Some((name.clone(), purse, u64::from(coin.trailing_zeros()) / 2))
}

fn mark_of(state: &EntityState, attribute: &str) -> i64 {
    match state.attributes.get(attribute).map(|mark| &mark.value) {
        Some(Value::Int(mark)) => *mark,
        _ => 0,
    }
}

impl Watch {
    /// No set counts twice, and none that was answered True is taken back.
    pub(super) fn check_purses(&mut self, commit: &Commit, now: Micros) {
        let after = &commit.after.entity;
        for purse in 0..yard::PURSE_COUNT {
            let Some(attribute) = after.state.attributes.get(&yard::purse(purse)) else {
                continue;
            };
            let Value::Int(number) = attribute.value else {
                continue;
            };
            // A digit of two or three.
            let twice = number.unsigned_abs() & 0xaaaa_aaaa_aaaa_aaaa;
            if twice != 0 {
                let digit = twice.trailing_zeros() / 2;
                let text = format!("set {digit} of purse {purse} of {} counts twice", after.key);
                self.broken(now, text);
            }
        }
        let granted = self.granted.get(&after.key);
        let lost = granted
            .into_iter()
            .flatten()
            .find(|(purse, coin)| digit(&after.state, *purse, *coin) == 0);
        if let Some((purse, coin)) = lost {
            let text = format!(
                "set {coin} of purse {purse} of {} was acknowledged, and is lost",
                after.key
            );
            self.broken(now, text);
        }
        self.check_refused(&after.key, &after.state, now);
        let Some(before) = &commit.before else { return };
        for (name, mark) in &after.state.attributes {
            let Value::Int(mark) = mark.value else {
                continue;
            };
            let before = mark_of(&before.entity.state, name);
            let Some(author) = name.strip_prefix("mark-") else {
                continue;
            };
            // An older connection may have begun the later session.
            let order = |mark| self.marking(author, &after.key, mark);
            if mark != before && order(mark) < order(before) {
                let text = format!("{name} of {} went back from {before} to {mark}", after.key);
                self.broken(now, text);
            }
        }
    }

    /// No set that a player was answered False counts.
    pub(super) fn check_refused(&mut self, key: &str, state: &EntityState, now: Micros) {
        let refused = self.refused.get(key);
        let done = refused
            .into_iter()
            .flatten()
            .find(|(purse, coin)| digit(state, *purse, *coin) != 0);
        if let Some((purse, coin)) = done {
            let text =
                format!("set {coin} of purse {purse} of {key} is answered False, and counts");
            self.broken(now, text);
        }
    }

    /// The command by which an author has set its mark on somebody.
    fn marking(&self, author: &str, target: &str, mark: i64) -> Option<CommandId> {
        let by_author = self
            .commands
            .iter()
            .filter(|((other, _), _)| other == author);
        let mut ids = by_author.filter(|(_, body)| match body {
            Body::Set {
                name,
                change: Change::To(Value::Int(set)),
                ..
            } => name == target && *set == mark,
            _ => false,
        });
        ids.next().map(|((_, id), _)| *id)
    }

    /// A zone server answers a durable command: if it says True, it is in the database.
    pub(super) fn check_durable(
        &mut self,
        (author, id): (&str, CommandId),
        body: &Body,
        database: &Database,
        now: Micros,
    ) {
        if let Some((target, purse, coin)) = coin_of(body) {
            let row = database.rows.get(&target);
            if row.is_none_or(|row| digit(&row.entity.state, purse, coin) != 1) {
                let text = format!(
                    "set {coin} of purse {purse} of {target} is answered True, and is not in its row"
                );
                self.broken(now, text);
            }
            self.granted
                .entry(target)
                .or_default()
                .insert((purse, coin));
            return;
        }
        let is_done = match body {
            Body::Set {
                name,
                attribute,
                change: Change::To(Value::Int(mark)),
            } => database
                .rows
                .get(name)
                .is_some_and(|row| mark_of(&row.entity.state, attribute) >= *mark),
            Body::Edit(Edit::Spawn { name, .. }) => database.rows.contains_key(name),
            Body::Edit(Edit::Despawn(name)) => {
                database.rows.get(name).is_some_and(|row| row.is_gone)
            }
            Body::Edit(Edit::Teleport { name, position }) => {
                // Whoever walks may have gone on, and whoever was put somewhere may have been put somewhere else.
                let row = database.rows.get(name).map(|row| &row.entity);
                let mut later = database.audit.range((author.to_owned(), id)..);
                let is_last = later.nth(1).is_none_or(|(other, _)| other != author);
                row.is_some_and(|row| row.player || row.state.position == *position || !is_last)
            }
            _ => true,
        };
        if !is_done {
            self.broken(
                now,
                format!("{author}'s {body:?} is answered True, and is not in the database"),
            );
        }
    }

    /// A purse that was read has every set in it that had been answered when it was asked for.
    pub(super) fn check_get(&mut self, id: super::WishId, value: &Value, now: Micros) {
        let wish = &self.wishes[id.0];
        let Want::Get { target, purse } = &wish.want else {
            return;
        };
        if !self.is_present_since(target, wish.asked) {
            return;
        }
        let missing = self.wishes.iter().find(|other| {
            let is_granted =
                matches!(&other.reply, Reply::Done(true)) && other.answered < wish.asked;
            match &other.want {
                Want::Add {
                    target: its,
                    purse: of,
                    digit,
                } if is_granted && its == target && of == purse => digit_of(value, *digit) == 0,
                _ => false,
            }
        });
        if let Some(missing) = missing {
            let text = format!(
                "{} reads {value:?}, and does not see {:?}, which was acknowledged before",
                wish.author, missing.want
            );
            self.broken(now, text);
        }
    }
}
