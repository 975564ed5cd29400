//! PostgreSQL and Redis for tests: real servers, each in a folder of its own, that end with the test, however it ends; and lines to them that can
//! be cut.
//!
//! A test that needs one that is not installed fails, and says what to install.

#![expect(
    clippy::missing_panics_doc,
    reason = "whatever goes wrong here is a test that cannot go on"
)]

mod certificate;
mod keeper;
mod port;
mod postgres;
mod redis;
mod wire;

pub use certificate::Certificate;
pub use postgres::{GUARDED_USER, PASSWORD, Postgres};
pub use redis::Redis;
pub use wire::Wire;
