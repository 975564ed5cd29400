//! What comes out of a region.

use wire::Value;

use super::{Entity, LinkId, Operation, SessionRef};
use crate::{
    applied::{Applied, CommandId},
    entity::EntityState,
    position::Position,
    region_id::RegionId,
};

/// Something to be done outside, in the order in which it came.
#[derive(Debug)]
pub enum Output {
    /// The session's command was done, or not.
    Done {
        /// Whom to tell.
        session: SessionRef,
        /// The command's counter.
        counter: u64,
        /// The attempt that is answered.
        attempt: u32,
        /// What the client gets.
        done: bool,
    },
    /// The answer to a `get`.
    Value {
        /// Whom to tell.
        session: SessionRef,
        /// The command's counter.
        counter: u64,
        /// The attempt that is answered.
        attempt: u32,
        /// What the client gets.
        value: Value,
    },
    /// Nothing was done: the character is not here. Counter 0 answers a login.
    Elsewhere {
        /// Whom to tell.
        session: SessionRef,
        /// The command's counter.
        counter: u64,
        /// The attempt that is answered.
        attempt: u32,
        /// Where it went, if that is known.
        region: Option<RegionId>,
    },
    /// The session's character is in the world, here.
    Entered(SessionRef),
    /// The session's character is here now.
    Moved(SessionRef),
    /// The session no longer speaks for its character.
    Evicted(SessionRef, EvictReason),
    /// Tell one link, or all that subscribe.
    Publish(Publication),
    /// Claim a character's row for a login, or without one after a crash.
    Claim {
        /// Whose.
        key: String,
        /// The login's generation.
        generation: Option<u64>,
    },
    /// Write a row; the outcome comes back by [`super::Region::saved`].
    Save(Box<SaveRequest>),
    /// An entity has left for another region of the same zone server. If that cannot take it, it comes back by [`super::Region::arrive`].
    HandOver {
        /// Where to.
        to: RegionId,
        /// Who.
        entity: Box<Entity>,
    },
    /// An operation on somebody who is not here.
    Forward(Box<Operation>),
    /// An edit of the world itself, by a game master who may.
    EditWorld {
        /// Whom to answer.
        session: SessionRef,
        /// The author's key.
        author: String,
        /// The command's name.
        id: CommandId,
        /// The attempt that is answered.
        attempt: u32,
        /// What.
        edit: wire::command::Edit,
    },
    /// An entity is no longer in the world.
    Gone(String),
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvictReason {
    /// A later login of the same character.
    TakenOver,
    /// A game master.
    Kicked,
}

/// What subscribers learn.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The only link to tell; None: all that subscribe, but for those that an entity names.
    pub only: Option<LinkId>,
    /// Whether it is everything that is here.
    pub is_snapshot: bool,
    /// Who has changed, and which links know already.
    pub changed: Vec<(EntityView, Vec<LinkId>)>,
    /// Who has left.
    pub departed: Vec<Departed>,
    /// All that subscribe.
    pub subscribers: Vec<LinkId>,
}

/// An entity, as it is published.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityView {
    /// As it is shown.
    pub name: String,
    /// The count of its row's changes of hands.
    pub own: u64,
    /// The count of its changes since.
    pub version: u64,
    /// Where it is.
    pub position: Position,
    /// The attributes that `update` shows; None: as they were.
    pub attributes: Option<Value>,
}

/// Somebody who has left.
#[derive(Debug, Clone, PartialEq)]
pub struct Departed {
    /// As it is shown.
    pub name: String,
    /// The count of its row's changes of hands.
    pub own: u64,
    /// The count of its changes since.
    pub version: u64,
    /// Where it went; None: out of the world.
    pub to: Option<RegionId>,
}

/// A row to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct SaveRequest {
    /// Whose.
    pub key: String,
    /// The count that the claim returned.
    pub own: u64,
    /// Where it belongs.
    pub region: RegionId,
    /// Whether it is to be in the world.
    pub present: bool,
    /// Its session's generation.
    pub generation: u64,
    /// The last move in `state`.
    pub moved: CommandId,
    /// What it has undergone.
    pub applied: Applied,
    /// The rest.
    pub state: EntityState,
    /// Whether ownership ends.
    pub release: bool,
    /// The edit that this is the effect of: author, id and text.
    pub audit: Option<(String, CommandId, String)>,
    /// Whether the row goes for good.
    pub despawn: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveOutcome {
    /// It is durable.
    Committed,
    /// The edit had taken effect before; nothing was written now.
    Repeated,
    /// The row is no longer ours, or nobody knows.
    Lost,
}
