//! What entities do of themselves: the shapes that a behaviour has, and what it can see and do. It does not know regions, rows or scripts: a [`Body`] is
//! whatever is behind an entity, and a [`Behaviour`] whatever moves it.
//!
//! A behaviour is a uthread (see [`crate::scheduler`]): it is resumed, does a little, and says when it wants to be resumed again.

mod chase;
mod flee;
mod kind;
mod merchant;
mod numbers;
pub mod paths;
mod patrol;
mod route;
#[cfg(test)]
mod tests;
mod wander;

pub use kind::{Error, Kind};
pub use numbers::{Numbers, Parameter};
use wire::Value;

use crate::{position::Position, scheduler::Step};

/// How many others [`Body::look`] shows at most: the nearest.
pub const SEEN_MAX: usize = 64;

/// Who walks takes a stride every so many ticks: ten in a second.
pub const STRIDE_TICKS: u64 = 2;

/// Who follows somebody, or runs away, looks round every so many ticks: five times in a second.
const LOOK_TICKS: u64 = 4;

/// Who waits for somebody looks round every so many ticks: twice in a second.
const WATCH_TICKS: u64 = 10;

/// Who finds no way tries again after so many ticks: five seconds. A search in vain is the dearest thing that a behaviour does.
const NO_WAY_TICKS: u64 = 100;

/// What moves an entity.
pub trait Behaviour: Send {
    /// Does the next thing, and says when to go on. [`Step::End`] leaves the entity standing.
    fn resume(&mut self, body: &mut dyn Body) -> Step;
}

/// An entity, as its behaviour has it.
pub trait Body {
    /// The tick that it is. Ticks are 50 ms, and the same in all regions.
    fn tick(&self) -> u64;
    /// The entity's name.
    fn name(&self) -> &str;
    /// Where it is.
    fn position(&self) -> Position;
    /// Where it was put into the world: the middle of its leash.
    fn home(&self) -> Position;
    /// One of its attributes.
    fn attribute(&self, name: &str) -> Option<Value>;
    /// Changes one of its attributes; others see it with the next tick.
    ///
    /// # Errors
    /// Why the world's rules do not allow it, naming the attribute.
    fn set(&mut self, name: &str, value: Value) -> Result<(), String>;
    /// Who is within so many tiles along each axis on its level, over borders too, itself excepted: the nearest first, [`SEEN_MAX`] at most.
    fn look(&self, radius: f64) -> Vec<Seen>;
    /// Whether nothing is in the way straight to a place on its level.
    fn is_clear(&self, to: Position) -> bool;
    /// Goes straight towards a place as far as its `speed` has let it since it last went; who has rested goes no farther than in [`STRIDE_TICKS`].
    fn walk(&mut self, to: Position) -> Walk;
    /// The places to [`Body::walk`] to, one after the other, to get to a place round what is in the way. None: there is no way, or none that is near enough
    /// to be found within what one search may cost.
    fn path_to(&mut self, to: Position) -> Option<Vec<Position>>;
    /// Says something to whoever is near: the attribute `say`.
    fn say(&mut self, text: &str);
    /// Changes a number of somebody whom it sees, as `set` with a tuple would: `hp` by a negative number is a hit.
    fn change(&mut self, target: &str, attribute: &str, by: Value);
    /// The same, and what becomes of it is said by [`Event::Answered`] with this number.
    fn request(&mut self, target: &str, attribute: &str, by: Value) -> u64;
    /// Puts a new creature of a template of `world.toml` into the world.
    ///
    /// # Errors
    /// There is no such template, the place is not free, or it has put too many there already.
    fn spawn(&mut self, template: &str, place: Position) -> Result<String, String>;
    /// A number below `bound`; 0 if that is 0. All chance comes from here.
    fn chance(&mut self, bound: u32) -> u32;
    /// What has happened to it since it last asked, the oldest first.
    fn events(&mut self) -> Vec<Event>;
}

/// Somebody else.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub position: Position,
    /// Whether it is a player's character.
    pub is_player: bool,
}

/// What came of [`Body::walk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// It is there.
    Arrived,
    /// It is nearer.
    Going,
    /// Something is in the way: it stays where it is.
    Blocked,
}

/// Something that has happened to an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Somebody has changed one of its attributes.
    Set {
        /// Whose doing: the name, as [`Body::look`] shows it.
        by: String,
        /// Which.
        attribute: String,
        /// What it is now.
        value: Value,
    },
    /// Somebody has taken some of its `hp`.
    Hit {
        /// Whose doing: the name, as [`Body::look`] shows it.
        by: String,
        /// How much.
        amount: f64,
    },
    /// What has become of something that it has requested.
    Answered {
        /// The number of the request.
        number: u64,
        /// Whether it was done; None: nobody knows.
        done: Option<bool>,
    },
}
