//! The command `pymmorpg`. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    pymmorpg::main()
}
