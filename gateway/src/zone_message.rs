//! What a gateway and a zone server say to each other, in our own types. How it is put into protobuf is `grpc`'s to know.

use std::{fmt, sync::Arc};

use world::{
    region::{Answer, Body, Reason, Update},
    region_id::RegionId,
};

/// A gateway's number for one login, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(pub u64);

impl fmt::Display for SessionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who speaks: one login of one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Character {
    /// The login.
    pub number: SessionNumber,
    /// As it is shown.
    pub name: Arc<str>,
    /// The [`world::name::key`] of it.
    pub key: Arc<str>,
    /// Higher than that of every earlier login of the account.
    pub generation: u64,
}

/// To a zone server.
#[derive(Debug, Clone, PartialEq)]
pub enum ToZone {
    /// Bring the character into the world, or take over the session of one that is there.
    Enter {
        /// Who.
        character: Character,
        /// Where it is believed to be.
        region: RegionId,
        /// W3C trace context; may be empty.
        traceparent: String,
    },
    /// The player has gone.
    Leave {
        /// Who.
        character: Character,
        /// Where it is believed to be.
        region: RegionId,
    },
    /// A request of a player.
    Command(Command),
    /// Tell me of this region.
    Subscribe(RegionId),
    /// Do not tell me any more.
    Unsubscribe(RegionId),
}

/// A request of a player on its way to the owner of the character.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Whose.
    pub character: Character,
    /// The session's count of commands, from 1.
    pub counter: u64,
    /// How often it was sent before.
    pub attempt: u32,
    /// Where the character is believed to be.
    pub region: RegionId,
    /// W3C trace context; may be empty.
    pub traceparent: String,
    /// What is wanted. Kept by the session until it is answered.
    pub body: Arc<Body>,
}

/// From a zone server.
#[derive(Debug, Clone, PartialEq)]
pub enum FromZone {
    /// Something for a session.
    Session(SessionNumber, Event),
    /// Something about a region.
    News(News),
}

/// What a session hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The session speaks for its character, which is there.
    Entered(RegionId),
    /// The character is there now.
    Moved(RegionId),
    /// The answer to a command.
    Reply {
        /// The command's count.
        counter: u64,
        /// As it was sent.
        attempt: u32,
        /// What is answered.
        answer: Answer,
    },
    /// Nothing was done: the character is not where the command was sent.
    Elsewhere {
        /// The command's count; 0: an entrance.
        counter: u64,
        /// As it was sent.
        attempt: u32,
        /// Where it is, if that is known.
        region: Option<RegionId>,
    },
    /// The character is in nobody's hands, on its way to that region, which another zone server holds or will hold soon.
    Released(RegionId),
    /// The command was not done, or nobody knows: it is to be sent again after a moment. It says nothing about where the character is.
    Again {
        /// The command's count.
        counter: u64,
        /// As it was sent.
        attempt: u32,
    },
    /// The session speaks for nobody any more.
    Evicted(Reason),
}

impl Event {
    /// Whether it counts whatever stream it comes by. What is said of where a character is, and who speaks for it, counts only by the stream that
    /// the session speaks by: the others may lead to zone servers that have it no more.
    #[must_use]
    pub fn is_for_any_stream(&self) -> bool {
        matches!(self, Self::Reply { .. } | Self::Again { .. })
    }
}

/// What is told about a region.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Everything in it.
    Snapshot(Update),
    /// What has changed in it.
    Changes(Update),
}
