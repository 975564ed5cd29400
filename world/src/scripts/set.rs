//! The scripts of a published world: what is in its folder `behaviours/`, compiled. It does not know who runs them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    compile,
    limits::{FILE_BYTES_MAX, FILE_COUNT_MAX},
};
use crate::{
    content::Files,
    report::{Problem, Report, Severity},
};

/// Where scripts are in a world's folder.
const FOLDER: &str = "behaviours/";
/// How their files end.
const ENDING: &str = ".lua";
/// The longest name of a script's file, in bytes: what Luau shows of it in an error.
const NAME_BYTES_MAX: usize = 200;

/// All scripts of one version of a world. A clone is the same set.
#[derive(Debug, Clone, Default)]
pub struct Scripts(Arc<BTreeMap<String, Script>>);

/// One of them. A clone is the same script.
#[derive(Debug, Clone)]
pub struct Script(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    file: String,
    hash: Hash,
    code: Vec<u8>,
}

/// What a script is, whatever it is called in whichever version of a world: a behaviour that was made from another is out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Scripts {
    /// Compiles the scripts of a world, and says what is wrong with the others. A behaviour of the name of one of those is not found.
    #[must_use]
    pub fn load(files: &Files) -> (Self, Vec<Problem>) {
        let (mut scripts, mut problems) = (BTreeMap::new(), Vec::new());
        for (file, data) in files {
            let Some(name) = name_of(file) else {
                continue;
            };
            let compiled = if scripts.len() < FILE_COUNT_MAX {
                compile_file(file, data)
            } else {
                let text = format!("there are more than {FILE_COUNT_MAX} scripts (FILE_COUNT_MAX)");
                Err((None, text))
            };
            match compiled.and_then(|script| compile::tried(&script).map(|()| script)) {
                Ok(script) => {
                    scripts.insert(name.to_owned(), script);
                }
                Err((line, text)) => problems.push(Problem {
                    severity: Severity::Error,
                    file: file.clone(),
                    line,
                    text,
                }),
            }
        }
        (Self(Arc::new(scripts)), problems)
    }

    /// What is wrong with a world's scripts, as a part of what is wrong with it.
    pub fn check(files: &Files, report: &mut Report) {
        report.problems.extend(Self::load(files).1);
    }

    /// The script that a `behaviour` names: `quest.lua`, or `quest` if there is that file.
    #[must_use]
    pub fn find(&self, behaviour: &str) -> Option<&Script> {
        self.0
            .get(behaviour.strip_suffix(ENDING).unwrap_or(behaviour))
    }

    /// The hash of the script that a `behaviour` names.
    #[must_use]
    pub fn hash(&self, behaviour: &str) -> Option<Hash> {
        self.find(behaviour).map(Script::hash)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Script)> {
        self.0.iter().map(|(name, script)| (name.as_str(), script))
    }
}

impl Script {
    /// The file, from the world's folder.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// What it is.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.0.hash
    }

    pub(super) fn code(&self) -> &[u8] {
        &self.0.code
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The name by which a behaviour names a file; None: it is no script.
fn name_of(file: &str) -> Option<&str> {
    file.strip_prefix(FOLDER)?.strip_suffix(ENDING)
}

fn compile_file(file: &str, data: &[u8]) -> Result<Script, compile::Wrong> {
    if file.len() > NAME_BYTES_MAX {
        let text = format!("a name of more than {NAME_BYTES_MAX} bytes (NAME_BYTES_MAX)");
        return Err((None, text));
    }
    if data.len() > FILE_BYTES_MAX {
        let text = format!("a script of more than {FILE_BYTES_MAX} bytes (FILE_BYTES_MAX)");
        return Err((None, text));
    }
    let text = std::str::from_utf8(data).map_err(|error| {
        let before = &data[..error.valid_up_to()];
        let line_count = before.iter().filter(|byte| **byte == b'\n').count();
        let line = u32::try_from(line_count + 1).ok();
        (line, "not UTF-8".to_owned())
    })?;
    // What the file is called is in the code, for errors.
    let mut hasher = blake3::Hasher::new();
    hasher.update(file.as_bytes()).update(&[0]).update(data);
    Ok(Script(Arc::new(Compiled {
        file: file.to_owned(),
        hash: Hash(*hasher.finalize().as_bytes()),
        code: compile::code(file, text)?,
    })))
}
