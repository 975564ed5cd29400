//! Finding what comes with the program: the example world, the example clients.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Our own folder in the repository that the program was built from.
const BUILT_FROM: &str = env!("CARGO_MANIFEST_DIR");

/// Where a file or folder of the repository is: from the current directory, beside the program, or where the program was built. The shortest way
/// of saying it, if it is in the current directory.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    candidates(name).into_iter().find(|path| path.exists())
}

/// Where [`find`] looks.
pub(super) fn candidates(name: &str) -> Vec<PathBuf> {
    let mut candidates = vec![PathBuf::from(name)];
    if let Ok(program) = env::current_exe() {
        // Beside it when it is installed; above it in target/release.
        let beside = program.parent();
        let above = beside.and_then(Path::parent).and_then(Path::parent);
        candidates.extend(
            [beside, above]
                .into_iter()
                .flatten()
                .map(|at| at.join(name)),
        );
    }
    candidates.extend(Path::new(BUILT_FROM).parent().map(|at| at.join(name)));
    candidates
}
