//! The process `zone-server`. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    zone_server::main()
}
