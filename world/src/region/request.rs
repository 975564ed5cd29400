//! What players want of a region, and what a region wants of others on their behalf. Nothing here decides anything.

use wire::{Value, command::Change};

use crate::{
    applied::CommandId, entity::EntityState, position::Position, region_id::RegionId,
    terrain::TileEdit,
};

/// One gateway's stream, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A player's session: the number that its gateway gave it on its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// The gateway's stream.
    pub link: LinkId,
    /// The gateway's number.
    pub number: u64,
}

/// A session that wants to speak for a character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enter {
    /// The session.
    pub session: Session,
    /// The [`crate::name::key`] of the character.
    pub key: String,
    /// The session's generation.
    pub generation: u64,
}

/// A request of a player.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The session that it came by.
    pub session: Session,
    /// The [`crate::name::key`] of the player's character.
    pub author: String,
    /// Its name for ever.
    pub id: CommandId,
    /// How often the gateway has sent it before.
    pub attempt: u32,
    /// What is wanted.
    pub body: Body,
}

/// What a player wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A step.
    Move {
        /// Tiles to the east.
        dx: f64,
        /// Tiles to the south.
        dy: f64,
    },
    /// An attribute's value.
    Get {
        /// Whose.
        name: String,
        /// Which.
        attribute: String,
    },
    /// A change of an attribute.
    Set {
        /// Whose.
        name: String,
        /// Which.
        attribute: String,
        /// What becomes of it.
        change: Change,
    },
    /// What only game masters may do.
    Edit(Edit),
}

impl Body {
    /// The command's name, for labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Move { .. } => "move",
            Self::Get { .. } => "get",
            Self::Set { .. } => "set",
            Self::Edit(_) => "edit",
        }
    }
}

/// A game master's command.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Change one tile.
    Tile(TileEdit),
    /// A new lasting entity.
    Spawn {
        /// A name that nobody has.
        name: String,
        /// Where.
        position: Position,
        /// What it begins with.
        attributes: Vec<(String, Value)>,
        /// What it does.
        behaviour: Option<String>,
    },
    /// Remove an entity that is no player.
    Despawn(String),
    /// Put somebody somewhere.
    Teleport {
        /// Whom.
        name: String,
        /// Where to.
        position: Position,
    },
    /// Close a player's connection.
    Kick(String),
    /// Take a map afresh from the published content, with the edits that still fit.
    Reload(String),
    /// Drop a map's edits, and let what it spawns begin anew.
    Reset(String),
}

/// Whoever waits for the answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Asker {
    /// The session that is answered.
    pub session: Session,
    /// The [`crate::name::key`] of the author.
    pub key: String,
    /// The command.
    pub id: CommandId,
    /// Echoed in the answer.
    pub attempt: u32,
    /// The command's name, for labels.
    pub kind: &'static str,
    /// Whether the author was a game master when it asked.
    pub is_gm: bool,
    /// Where the author was when it asked.
    pub position: Position,
    /// The region that is told the answer in place of a session: a creature of that region is the author.
    pub giver: Option<RegionId>,
}

/// A command whose author has been checked, on its way to what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Who asks.
    pub asker: Asker,
    /// The [`crate::name::key`] of what it is about.
    pub target: String,
    /// What is wanted of it.
    pub action: Action,
    /// How many regions it has been passed on by, looking for its target.
    pub hop_count: u8,
}

/// What is wanted of a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// An attribute's value.
    Get(String),
    /// A change of an attribute.
    Set {
        /// Which.
        attribute: String,
        /// What becomes of it.
        change: Change,
    },
    /// [`Edit::Spawn`].
    Spawn(Box<Newcomer>),
    /// [`Edit::Despawn`].
    Despawn,
    /// [`Edit::Teleport`].
    Teleport(Position),
    /// [`Edit::Kick`].
    Kick,
    /// [`Edit::Tile`], on its way to the region that the tile is in.
    Map(Box<Edit>),
}

/// A lasting entity to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Newcomer {
    /// Its name as it is shown.
    pub name: String,
    /// What it begins as.
    pub state: EntityState,
}
