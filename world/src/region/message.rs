//! What gateways are told, in answer or as news. Nothing here decides anything.

use std::sync::Arc;

use bytes::Bytes;
use wire::Value;

use super::{Asker, Enter, News, Output, Session, Word};
use crate::{position::Position, region_id::RegionId};

/// What a gateway is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The session speaks for its character.
    Entered {
        /// The gateway's number.
        session: u64,
        /// Where the character is.
        region: RegionId,
    },
    /// The answer to a command.
    Reply {
        /// The gateway's number.
        session: u64,
        /// The command's count.
        counter: u64,
        /// As it came.
        attempt: u32,
        /// The command's name, for labels.
        kind: &'static str,
        /// What is answered.
        answer: Answer,
    },
    /// Nothing was done; the character is not here.
    Elsewhere {
        /// The gateway's number.
        session: u64,
        /// The command's count; 0: an entrance.
        counter: u64,
        /// As it came.
        attempt: u32,
        /// Where it is, if that is known.
        region: Option<RegionId>,
    },
    /// The command was not done, or nobody knows: send it again after a moment, to wherever the character is then. It says nothing of where that is.
    Again {
        /// The gateway's number.
        session: u64,
        /// The command's count.
        counter: u64,
        /// As it came.
        attempt: u32,
    },
    /// The character has come here.
    Moved {
        /// The gateway's number.
        session: u64,
        /// Where it is now.
        region: RegionId,
    },
    /// The character has been let go of, with all that was answered of it: the session enters again, in this region, wherever that is held.
    Released {
        /// The gateway's number.
        session: u64,
        /// The region that the character's row says now.
        region: RegionId,
    },
    /// The session speaks for nobody any more.
    Evicted {
        /// The gateway's number.
        session: u64,
        /// Why.
        reason: Reason,
    },
    /// Everything in the region.
    Snapshot(Arc<Update>),
    /// What has changed in the region.
    Changes(Arc<Update>),
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Whether it was done.
    Done(bool),
    /// What was asked for.
    Value(Value),
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A later login of the same character.
    TakenOver,
    /// A game master's `kick`.
    Kicked,
}

/// News of a region, shared by all who are told it.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Which region.
    pub region: RegionId,
    /// The run of the server that says so; a later one has a higher number.
    pub epoch: u64,
    /// Who is there, or has changed.
    pub changed: Vec<Shown>,
    /// Who has left.
    pub departed: Vec<Departed>,
}

/// An entity as others see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its row's count of changes of hands.
    pub own: u64,
    /// Its count of changes since the last of those.
    pub version: u64,
    /// Where it is.
    pub position: Position,
    /// Whether it is a player's character.
    pub is_player: bool,
    /// The pickled dict of what `update` shows besides; None: as it was.
    pub attributes: Option<Bytes>,
}

/// An entity that has left a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Departed {
    /// Its name.
    pub name: String,
    /// As in [`Shown`].
    pub own: u64,
    /// As in [`Shown`].
    pub version: u64,
    /// Where to; None: out of the world.
    pub to: Option<RegionId>,
}

impl Asker {
    /// The answer.
    pub(super) fn answer(&self, answer: Answer) -> Output {
        if let Some(giver) = self.giver {
            let word = self.word_to(giver, answer == Answer::Done(true));
            return Output::Say(giver, Box::new(word));
        }
        let message = Message::Reply {
            session: self.session.number,
            counter: self.id.counter,
            attempt: self.attempt,
            kind: self.kind,
            answer,
        };
        Output::Tell(self.session.link, message)
    }

    /// What the region is told whose creature has asked.
    #[must_use]
    pub fn word_to(&self, giver: RegionId, done: bool) -> Word {
        let news = News::Answered {
            number: self.session.number,
            attempt: self.attempt,
            done,
        };
        Word {
            from: giver,
            key: self.key.clone(),
            own: 0,
            version: 0,
            news,
        }
    }

    /// The answer to what was done, or not.
    pub(super) fn done(&self, done: bool) -> Output {
        self.answer(Answer::Done(done))
    }

    /// Nothing was done, or nobody knows: the gateway asks again.
    pub(super) fn try_again(&self) -> Output {
        let message = Message::Again {
            session: self.session.number,
            counter: self.id.counter,
            attempt: self.attempt,
        };
        Output::Tell(self.session.link, message)
    }

    /// The answer to an edit that cannot be done now. What was sent before may have been done then, or may come yet.
    pub(super) fn refuse(self) -> Output {
        if self.attempt == 0 {
            self.done(false)
        } else {
            Output::WasDone(self)
        }
    }
}

impl Enter {
    /// The session cannot speak for the character here.
    pub(super) fn elsewhere(&self, region: Option<RegionId>) -> Output {
        elsewhere(self.session, 0, 0, region)
    }

    /// A later session has come.
    pub(super) fn superseded(&self) -> Output {
        self.session.evicted(Reason::TakenOver)
    }
}

impl Session {
    pub(super) fn evicted(self, reason: Reason) -> Output {
        let session = self.number;
        Output::Tell(self.link, Message::Evicted { session, reason })
    }
}

/// Nothing was done; the character is there, if that is known.
pub(super) fn elsewhere(
    session: Session,
    counter: u64,
    attempt: u32,
    region: Option<RegionId>,
) -> Output {
    let message = Message::Elsewhere {
        session: session.number,
        counter,
        attempt,
        region,
    };
    Output::Tell(session.link, message)
}
