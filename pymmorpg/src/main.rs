//! The command `pymmorpg`, and every other program of a cluster: started under the file name `gateway`, `zone-server` or `auth`, it is that one. A
//! container's image so holds one file and three links to it. All of it is in the libraries, which programs of those names have to themselves too.

use std::{env, ffi::OsStr, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let path = env::args_os().next().unwrap_or_default();
    match Path::new(&path).file_name().and_then(OsStr::to_str) {
        Some("gateway") => gateway::main(),
        Some("zone-server") => zone_server::main(),
        Some("auth") => auth::main(),
        // Whatever else it is called.
        _ => pymmorpg::main(),
    }
}
