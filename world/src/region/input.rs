//! What a region is told: one half of its language. Nothing here decides anything.

use std::collections::BTreeMap;

use wire::Value;

use super::{
    Ask, Asker, ClaimOutcome, Claimed, Command, Enter, LinkId, Outcome, Resident, Session, Word,
};
use crate::position::Position;

/// Somebody that the content puts into a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Creature {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub position: Position,
    /// What it begins with.
    pub attributes: BTreeMap<String, Value>,
    /// What it does.
    pub behaviour: Option<String>,
    /// How it comes back when it has died; None: it does not.
    pub respawn: Option<Respawn>,
}

/// How creatures come back.
#[derive(Debug, Clone, PartialEq)]
pub struct Respawn {
    /// How long after they have died, in milliseconds.
    pub after_ms: u64,
    /// Where: anywhere within these tiles of the level, from west to before east, from north to before south. None: where they were.
    pub area: Option<(i32, i32, i32, i32)>,
}

/// What a region is told.
#[derive(Debug)]
pub enum Input {
    /// A session wants to speak for a character that should be here.
    Enter(Enter),
    /// A session's player has gone.
    Leave(Enter),
    /// A player's request.
    Command(Command),
    /// A gateway wants to hear of the region.
    Subscribe(LinkId),
    /// A gateway does not want to any more.
    Unsubscribe(LinkId),
    /// Another region has checked the author of this.
    Ask(Ask),
    /// An entity comes over the border.
    Arrive(Box<Resident>),
    /// The answer to [`Output::Claim`].
    Entered(Enter, ClaimOutcome),
    /// A row that nobody living owned, or that was lost to an unknown outcome, is ours now.
    Adopted(Box<Claimed>, Option<Session>),
    /// The answer to [`Output::Save`], [`Output::Despawn`] and [`Output::Note`].
    Saved {
        /// Whose.
        key: String,
        /// As it was wanted: a write of an earlier claim says nothing about what a later one has brought.
        own: u64,
        /// What became of it.
        outcome: Outcome,
    },
    /// The answer to [`Output::Spawn`].
    Spawned(Asker, Box<Claimed>, Outcome),
    /// The ground or the rules have changed.
    Changed {
        /// All creatures that should be here now; None: those that are here are left as they are.
        creatures: Option<Vec<Creature>>,
        /// Whether those who are here already begin anew.
        afresh: bool,
    },
    /// Another region says something of a creature.
    Said(Box<Word>),
    /// The time of [`super::Region::wake_ms`] has come.
    Wake,
    /// Let go of everything: the server stops.
    Drain,
}
