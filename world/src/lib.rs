//! The game: maps, regions, entities, movement, and the uthreads that move what lives there. Synchronous and deterministic: no clock, no SQL,
//! no network, and nothing that waits (an `async` uthread is polled by its scheduler); time and chance are arguments.

pub mod applied;
pub mod attributes;
pub mod behaviours;
pub mod chance;
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
pub mod scheduler;
pub mod scripts;
pub mod settings;
pub mod state_pickle;
pub mod terrain;
pub mod tmx;
