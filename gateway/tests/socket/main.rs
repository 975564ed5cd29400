//! A gateway at a real socket, with a zone server and an account service that do what the test says.

#![expect(clippy::unwrap_used, reason = "tests")]

mod client;
mod cluster;
mod fake_auth;
mod fake_zone;

mod commands;
mod flags;
mod frames;
mod handoffs;
mod images;
mod limits;
mod logins;
mod maps;
mod stopping;
mod views;
