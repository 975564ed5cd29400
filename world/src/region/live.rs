//! An entity that is in the world: its state, and what is under way with it.

use std::collections::VecDeque;

use super::{LinkId, Operation};
use crate::{
    applied::{Applied, CommandId},
    entity::EntityState,
    movement::SpeedBudget,
};

/// Whose requests an entity follows: a session, and the gateway's stream that it comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionRef {
    /// The stream.
    pub link: LinkId,
    /// The gateway's number for it.
    pub session: u64,
}

/// An entity.
#[derive(Debug, Clone)]
pub struct Entity {
    /// The [`crate::name::key`] of its name.
    pub key: String,
    /// As it is shown.
    pub name: String,
    /// Whether it is a player's character.
    pub player: bool,
    /// Whether it has a row in SQL. Those whom a map makes have none.
    pub lasting: bool,
    /// What lasts of it.
    pub state: EntityState,
    /// The count of its row's changes of hands.
    pub own: u64,
    /// The count of its changes since.
    pub version: u64,
    /// The generation of its session.
    pub generation: u64,
    /// The last move that is in its state.
    pub moved: CommandId,
    /// Durable commands that it has undergone.
    pub applied: Applied,
    /// Whose requests it follows.
    pub session: Option<SessionRef>,
    /// Since when it follows nobody's, in milliseconds since 1970.
    pub detached_ms: Option<u64>,
    pub(super) budget: Option<SpeedBudget>,
    /// The operation whose save is under way.
    pub(super) saving: Option<Saving>,
    pub(super) waiting: VecDeque<Operation>,
    /// Whether it stands elsewhere than its row says.
    pub(super) is_unsaved: bool,
    /// Whether its visible attributes have changed since they were last published.
    pub(super) is_changed: bool,
    /// The earliest end of an attribute's time.
    pub(super) expires_ms: Option<u64>,
}

/// A save that is under way, and what follows from it.
#[derive(Debug, Clone)]
pub(super) enum Saving {
    /// Where it stands.
    Position,
    /// What an operation has made of it.
    Operation {
        operation: Box<Operation>,
        after: EntityState,
        applied: Applied,
    },
    /// That it leaves the world.
    Release,
}

impl Entity {
    /// An entity with a row.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "one for each column that its row has"
    )]
    pub fn lasting(
        key: String,
        name: String,
        player: bool,
        state: EntityState,
        own: u64,
        generation: u64,
        moved: CommandId,
        applied: Applied,
    ) -> Self {
        let expires_ms = earliest(&state);
        Self {
            key,
            name,
            player,
            lasting: true,
            state,
            own,
            version: 1,
            generation,
            moved,
            applied,
            session: None,
            detached_ms: None,
            budget: None,
            saving: None,
            waiting: VecDeque::new(),
            is_unsaved: false,
            is_changed: true,
            expires_ms,
        }
    }

    /// Somebody whom a map makes. `version` must be higher than that of an earlier one of the name.
    #[must_use]
    pub fn passing(name: String, state: EntityState, version: u64) -> Self {
        let key = crate::name::key(&name);
        let entity = Self::lasting(
            key,
            name,
            false,
            state,
            0,
            0,
            CommandId::default(),
            Applied::default(),
        );
        Self {
            lasting: false,
            version,
            ..entity
        }
    }

    pub(super) fn needs_tick(&self) -> bool {
        self.is_unsaved || self.expires_ms.is_some() || self.detached_ms.is_some()
    }

    pub(super) fn note_expiry(&mut self) {
        self.expires_ms = earliest(&self.state);
    }
}

fn earliest(state: &EntityState) -> Option<u64> {
    state
        .attributes
        .values()
        .filter_map(|attribute| attribute.expires_ms)
        .min()
}
