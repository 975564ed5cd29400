//! What players ask for, and what they are answered.

use wire::{Value, command::Change};
use world::{
    position::Position,
    region::{Answer, Body, Edit},
};

use super::{Watch, purses::coin};
use crate::{database::Database, schedule::Micros, yard};

/// One request of one player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WishId(pub usize);

/// A request, and how it ended.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The player.
    pub author: String,
    /// What is wanted.
    pub want: Want,
    /// When the gateway got it.
    pub asked: Micros,
    /// What came back.
    pub reply: Reply,
    /// When.
    pub answered: Micros,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Nothing yet.
    Waiting,
    /// True or False.
    Done(bool),
    /// What was read.
    Value(Value),
    /// The connection ended first.
    Unknown,
}

/// What a player wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// To begin a session.
    Login,
    /// A step.
    Move(f64, f64),
    /// Its own power of four, added to a purse.
    Add {
        /// Whose purse.
        target: String,
        /// Which.
        purse: u64,
        /// The power.
        digit: u64,
    },
    /// A higher mark of the author on somebody.
    Mark {
        /// On whom.
        target: String,
        /// How high.
        mark: i64,
    },
    /// A purse's content.
    Get {
        /// Whose purse.
        target: String,
        /// Which.
        purse: u64,
    },
    /// A new thing.
    Spawn(String, Position),
    /// The end of a thing.
    Despawn(String),
    /// Somebody elsewhere.
    Teleport(String, Position),
    /// Somebody out of the world.
    Kick(String),
}

impl Want {
    /// As the gateway sends it; None: it is no command.
    #[must_use]
    pub fn body(&self, author: &str) -> Option<Body> {
        Some(match self {
            Self::Login => return None,
            Self::Move(dx, dy) => Body::Move { dx: *dx, dy: *dy },
            Self::Add {
                target,
                purse,
                digit,
            } => Body::Set {
                name: target.clone(),
                attribute: yard::purse(*purse),
                change: Change::By(coin(*digit)),
            },
            Self::Mark { target, mark } => Body::Set {
                name: target.clone(),
                attribute: yard::mark(author),
                change: Change::To(Value::Int(*mark)),
            },
            Self::Get { target, purse } => Body::Get {
                name: target.clone(),
                attribute: yard::purse(*purse),
            },
            Self::Spawn(name, position) => Body::Edit(Edit::Spawn {
                name: name.clone(),
                position: *position,
                attributes: Vec::new(),
                behaviour: None,
            }),
            Self::Despawn(name) => Body::Edit(Edit::Despawn(name.clone())),
            Self::Teleport(name, position) => Body::Edit(Edit::Teleport {
                name: name.clone(),
                position: *position,
            }),
            Self::Kick(name) => Body::Edit(Edit::Kick(name.clone())),
        })
    }

    /// Whom it is about, if its refusal needs a reason.
    fn target(&self) -> Option<&str> {
        match self {
            Self::Add { target, .. } | Self::Mark { target, .. } => Some(target),
            Self::Teleport(target, _) | Self::Kick(target) | Self::Despawn(target) => Some(target),
            Self::Login | Self::Move(..) | Self::Get { .. } | Self::Spawn(..) => None,
        }
    }
}

impl Watch {
    /// A player asks for something.
    pub fn asked(&mut self, author: &str, want: Want, now: Micros) -> WishId {
        self.wishes.push(Wish {
            author: author.to_owned(),
            want,
            asked: now,
            reply: Reply::Waiting,
            answered: now,
        });
        WishId(self.wishes.len() - 1)
    }

    /// A player is answered.
    pub fn answered(&mut self, id: WishId, answer: &Answer, database: &Database, now: Micros) {
        let wish = &mut self.wishes[id.0];
        wish.answered = now;
        wish.reply = match answer {
            Answer::Done(done) => Reply::Done(*done),
            Answer::Value(value) => Reply::Value(value.clone()),
        };
        let is_get = matches!(wish.want, Want::Get { .. });
        match answer {
            Answer::Value(value) if is_get => self.check_get(id, &value.clone(), now),
            Answer::Done(done) if !is_get => {
                self.check_refusal(id, *done, now);
                if !done {
                    self.check_undone(id, database, now);
                }
            }
            _ => {
                let text = format!("{:?} is answered with {answer:?}", self.wishes[id.0].want);
                self.broken(now, text);
            }
        }
    }

    /// A connection has ended before its answers.
    pub fn unanswered(&mut self, id: WishId, now: Micros) {
        let wish = &mut self.wishes[id.0];
        wish.reply = Reply::Unknown;
        wish.answered = now;
    }

    /// A False is true: nobody was there.
    fn check_refusal(&mut self, id: WishId, done: bool, now: Micros) {
        let wish = &self.wishes[id.0];
        let is_wrong = match &wish.want {
            Want::Login => true,
            Want::Spawn(..) => true,
            want => want
                .target()
                .is_some_and(|target| self.is_present_since(target, wish.asked)),
        };
        if !done && is_wrong {
            let text = format!(
                "{}'s {:?} is answered False, and could have been done",
                wish.author, wish.want
            );
            self.broken(now, text);
        }
    }

    /// What is answered False was not done before, and is not done later.
    fn check_undone(&mut self, id: WishId, database: &Database, now: Micros) {
        match self.wishes[id.0].want.clone() {
            Want::Add {
                target,
                purse,
                digit,
            } => {
                let refused = self.refused.entry(target.clone()).or_default();
                refused.insert((purse, digit));
                if let Some(row) = database.rows.get(&target) {
                    self.check_refused(&target, &row.entity.state, now);
                }
            }
            Want::Despawn(name) if database.rows.get(&name).is_some_and(|row| row.is_gone) => {
                self.check_despawn(&name, now);
            }
            _ => {}
        }
    }

    /// Whoever was to take a thing out of the world was not answered False: nobody else does.
    pub(super) fn check_despawn(&mut self, key: &str, now: Micros) {
        let is_refused = |wish: &&Wish| {
            wish.reply == Reply::Done(false)
                && matches!(&wish.want, Want::Despawn(name) if name == key)
        };
        if let Some(wish) = self.wishes.iter().find(is_refused) {
            let text = format!(
                "{}'s {:?} is answered False, and was done",
                wish.author, wish.want
            );
            self.broken(now, text);
        }
    }

    /// How many requests were answered.
    #[must_use]
    pub fn answered_count(&self) -> usize {
        let is_answered = |wish: &&Wish| !matches!(wish.reply, Reply::Waiting | Reply::Unknown);
        self.wishes.iter().filter(is_answered).count()
    }

    /// How long the longest of the answered requests took.
    #[must_use]
    pub fn slowest(&self) -> Option<&Wish> {
        let answered = self
            .wishes
            .iter()
            .filter(|wish| !matches!(wish.reply, Reply::Waiting | Reply::Unknown));
        answered.max_by_key(|wish| wish.answered - wish.asked)
    }
}
