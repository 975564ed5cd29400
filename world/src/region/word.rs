//! What regions say to each other of creatures, whoever has the regions. Any word may get lost: what matters is said again. Nothing here decides anything.

use crate::{applied::Applied, entity::EntityState, position::Position, region_id::RegionId};

/// Something that a region says of a creature to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The region that says so.
    pub from: RegionId,
    /// The [`crate::name::key`] of the creature.
    pub key: String,
    /// With `version`: which state of the creature is meant. Together they order all that is ever said of a name.
    pub own: u64,
    /// As in [`super::Shown`].
    pub version: u64,
    /// What is said.
    pub news: News,
}

/// What is said of a creature.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// It wants to cross over. It stays, and takes no input, until [`News::HasCome`] has been heard.
    Crosses(Box<Traveller>),
    /// It is here, or was: who has sent it forgets it.
    HasCome,
    /// To its home: it lives here.
    Lives,
    /// To its home: it is not here any more, nor anywhere else.
    HasEnded {
        /// Whether a game master wanted that, so that none takes its place.
        for_good: bool,
    },
    /// To its home: it has died, and is made anew when its time has come.
    HasDied,
    /// From its home: a later one counts; whatever is earlier than this is to end.
    Superseded,
    /// To the region that it gave something from: what was answered. Neither `own` nor `version` says anything.
    Answered {
        /// Which gift.
        number: u64,
        /// As it came.
        attempt: u32,
        /// Whether it was taken.
        done: bool,
    },
}

/// A creature on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Traveller {
    /// Its name as it is shown.
    pub name: String,
    /// The region that counts it.
    pub home: RegionId,
    /// Where it was put into the world: the middle of its leash.
    pub origin: Position,
    /// As it is.
    pub state: EntityState,
    /// Commands that it has undergone.
    pub applied: Applied,
}
