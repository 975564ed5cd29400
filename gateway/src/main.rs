//! The process `gateway`. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::main()
}
