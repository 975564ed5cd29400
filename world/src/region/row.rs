//! Rows as a region knows them: what a claim returned, what is to be written, and what became of it. It does not know how rows are stored.

use super::Edit;
use crate::{
    applied::{Applied, CommandId},
    entity::EntityState,
    region_id::RegionId,
};

/// A row as a claim returned it: the right to simulate an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The [`crate::name::key`] of its name.
    pub key: String,
    /// Its name as it is shown.
    pub name: String,
    /// Whether it is a player's character.
    pub is_player: bool,
    /// The row's count of changes of hands.
    pub own: u64,
    /// The generation of the session that speaks for it.
    pub generation: u64,
    /// The last move that `state` has in it.
    pub moved: CommandId,
    /// Durable commands that it has undergone.
    pub applied: Applied,
    /// The rest.
    pub state: EntityState,
}

/// A row to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Save {
    /// Whose.
    pub key: String,
    /// What the claim returned.
    pub own: u64,
    /// Where it belongs.
    pub region: RegionId,
    /// Whether it is to be in the world.
    pub present: bool,
    /// Of the session that speaks for it.
    pub generation: u64,
    /// The last move that `state` has in it.
    pub moved: CommandId,
    /// Durable commands that it has undergone.
    pub applied: Applied,
    /// The rest.
    pub state: EntityState,
    /// Whether ownership ends with this.
    pub release: bool,
    /// What is written into the audit log with it.
    pub audit: Option<Audit>,
}

/// An edit for the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// The [`crate::name::key`] of the game master.
    pub author: String,
    /// The command.
    pub id: CommandId,
    /// What it says.
    pub edit: Edit,
}

/// What became of something that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Done,
    /// The same edit was durable before; nothing was written now.
    Repeated,
    /// The same edit was refused for good before; nothing was written now.
    Denied,
    /// The row is not this server's, or the name is taken; nothing was written.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What became of a claim for a session that enters.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimOutcome {
    /// The row is ours.
    Claimed(Box<Claimed>),
    /// The row belongs to another region.
    Elsewhere(RegionId),
    /// A later session has come already.
    Superseded,
    /// The row could not be had; the gateway tries again.
    Failed,
}
