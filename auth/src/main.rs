//! The process `auth`. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    auth::main()
}
