//! The game: maps, regions, entities, movement. Synchronous and deterministic: no async, no clock, no SQL, no network;
//! time and chance are arguments.

pub mod applied;
pub mod attributes;
pub mod content;
pub mod entity;
pub mod grid;
pub mod movement;
pub mod name;
pub mod placement;
pub mod position;
pub mod region;
pub mod region_id;
pub mod report;
pub mod settings;
pub mod state_pickle;
pub mod terrain;
pub mod tmx;
