//! The auth service as gateways meet it: gRPC over a socket, and a database in a folder of its own.
#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, though clippy knows only those functions that are one each"
)]

mod create;
mod end;
mod harness;
mod limits;
mod login;
mod watching;
