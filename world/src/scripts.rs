//! Behaviours of the users' own: Lua scripts in the folder `behaviours/` of a world, each a uthread that is given its entity and yields its priority. It
//! does not know what an entity is, only what a [`Body`](crate::behaviours::Body) can do.
//!
//! In the order in which a script meets them: [`Scripts`] compiles what a world has, [`Herds`] runs it in a region, and makes of it the
//! [`Scripted`] behaviour of an entity; what goes wrong is a [`Fault`]. For whoever writes scripts there is `docs/quest.md`.
//!
//! Scripts may come from strangers. Each has a Lua state of its own in each region, with nothing in it that reaches out of it; each of its entities has
//! globals of its own. What it takes is bounded, see [`limits`]; who takes more is stopped, whatever it has caught, and the others go on.
//!
//! **Determinism.** The same script with the same `Body` does the same, bit for bit, with one exception: the order in which Lua goes through a table whose *keys* are tables,
//! functions or threads.

mod allowance;
mod compile;
mod events;
mod fault;
mod heap;
mod herd;
mod herds;
pub mod limits;
mod member;
mod ops;
mod set;
mod state;
#[cfg(test)]
mod tests;
mod values;

pub use allowance::Watch;
pub use fault::Fault;
pub use herds::Herds;
pub use member::Scripted;
pub use set::{Hash, Script, Scripts};
