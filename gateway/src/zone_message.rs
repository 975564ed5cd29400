//! What a gateway and a zone server say to each other, in our own types. How it is put into protobuf is `grpc`'s to know.

use std::{fmt, sync::Arc};

use world::{
    region::{Answer, Body, Reason, Update},
    region_id::RegionId,
};

/// A gateway's number for one login, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionNumber(pub(crate) u64);

impl fmt::Display for SessionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who speaks: one login of one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Character {
    /// The login.
    pub(crate) number: SessionNumber,
    /// As it is shown.
    pub(crate) name: Arc<str>,
    /// The [`world::name::key`] of it.
    pub(crate) key: Arc<str>,
    /// Higher than that of every earlier login of the account.
    pub(crate) generation: u64,
}

/// To a zone server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToZone {
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
pub(crate) struct Command {
    /// Whose.
    pub(crate) character: Character,
    /// The session's count of commands, from 1.
    pub(crate) counter: u64,
    /// How often it was sent before.
    pub(crate) attempt: u32,
    /// Where the character is believed to be.
    pub(crate) region: RegionId,
    /// W3C trace context; may be empty.
    pub(crate) traceparent: String,
    /// What is wanted. Kept by the session until it is answered.
    pub(crate) body: Arc<Body>,
}

/// From a zone server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FromZone {
    /// Something for a session.
    Session(SessionNumber, Event),
    /// Something about a region.
    News(News),
}

/// What a session hears.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
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
    /// The session speaks for nobody any more.
    Evicted(Reason),
}

/// What is told about a region.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// Everything in it.
    Snapshot(Update),
    /// What has changed in it.
    Changes(Update),
}
