//! The command as its users meet it: the binary is run, and its exit code, its output and what it left behind are looked at.

#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod accounts;
mod folders;
mod run;
mod settings;
mod up;
mod worlds;
