//! What is shared or must last: the only crate that names a table. SQL holds the truth; sessions and announcements are hints that can be
//! rebuilt from it.
//!
//! In the order in which a world meets them: [`content`] is published, [`accounts`] are created, [`entities`] are claimed and saved, [`edits`]
//! change the world, [`versions`] tell of it, [`directory`] says who is there and [`regions`] who holds what, [`processes`] and [`status`] tell
//! operators; [`sessions`] and [`announce`] are the
//! hints, which [`redis`] carries between processes. [`settings`] opens all of it, and [`backup`] keeps
//! it in a file.

pub mod accounts;
pub mod announce;
pub mod backup;
mod complaint;
mod connections;
pub mod content;
mod database;
pub mod directory;
pub mod edits;
mod engine;
pub mod entities;
mod error;
mod folder;
mod migrate;
mod open;
mod postgres;
pub mod processes;
mod reads;
pub mod redis;
pub mod regions;
mod schema;
pub mod sessions;
pub mod settings;
mod statement;
pub mod status;
pub mod versions;
mod writer;

pub use database::Database;
pub use error::Error;
pub use folder::Lock;
pub use open::Store;
pub use schema::Refused;
