//! Reading a world's folder from the disk: every regular file, by its name from the folder. It does not know what the files mean.
//!
//! Symbolic links are refused and never followed, so nothing outside the folder can get into a world. What editors and systems leave lying
//! about is skipped.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use store::Store;
use world::{
    content::Files,
    report::{Problem, Severity},
};

use super::Progress;

/// The most files and folders in a world; with more, it is refused, and the rest is not even looked at.
const ENTRY_COUNT_MAX: usize = 50_000;
/// The largest file, in bytes; a larger one is refused.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// The most bytes in a world: all of it is held in memory while it is checked. With more, it is refused.
const WORLD_BYTES_MAX: u64 = 1 << 30;
/// How deep folders may lie in folders; deeper ones are refused.
const DEPTH_MAX: usize = 32;
/// The longest name of a file from the world's folder, in bytes, so that clients can write it below a folder of their own.
const NAME_BYTES_MAX: usize = 1_024;

/// Endings of files that are no part of a world: backups of editors, compiled Python, Tiled's memory of what was open.
const SKIPPED_ENDINGS: [&str; 9] = [
    "~",
    ".bak",
    ".orig",
    ".pyc",
    ".swo",
    ".swp",
    ".swx",
    ".tmp",
    ".tiled-session",
];

/// What is in a folder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// Every file that could be read.
    pub(super) files: Files,
    /// Why there is more that could not; each of them forbids publishing.
    pub(super) problems: Vec<Problem>,
}

/// Reads a folder.
pub(super) fn read(path: &Path, progress: &Progress) -> anyhow::Result<Folder> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => bail!("{} is a file; a world is a folder", path.display()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the world {}", path.display()));
        }
    }
    let mut reading = Reading {
        folder: Folder::default(),
        entry_count: 0,
        byte_count: 0,
        waiting: vec![Waiting {
            path: path.to_owned(),
            name: String::new(),
            depth: 0,
        }],
        progress,
    };
    while let Some(next) = reading.waiting.pop() {
        if reading.entries(&next).is_err() {
            break;
        }
    }
    let mut folder = reading.folder;
    folder
        .problems
        .sort_by(|one, other| one.file.cmp(&other.file));
    Ok(folder)
}

/// There is so much that the rest is not even looked at.
struct TooMuch;

struct Waiting {
    path: PathBuf,
    /// From the world's folder, which is "" itself.
    name: String,
    depth: usize,
}

struct Reading<'p> {
    folder: Folder,
    entry_count: usize,
    byte_count: u64,
    waiting: Vec<Waiting>,
    progress: &'p Progress,
}

impl Reading<'_> {
    fn entries(&mut self, parent: &Waiting) -> Result<(), TooMuch> {
        let shown = if parent.name.is_empty() {
            "."
        } else {
            &parent.name
        };
        if Store::exists(&parent.path) {
            self.refuse(
                shown,
                "this is a data folder; keep it outside the world's folder (--data)",
            );
            return Ok(());
        }
        let entries = fs::read_dir(&parent.path).and_then(|entries| {
            entries
                .take(ENTRY_COUNT_MAX + 1)
                .collect::<io::Result<Vec<_>>>()
        });
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                self.refuse(shown, &format!("cannot be read: {error}"));
                return Ok(());
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let file_name = entry.file_name();
            if is_skipped(&file_name.to_string_lossy()) {
                continue;
            }
            let mut name = parent.name.clone();
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(&file_name.to_string_lossy());
            if let Err(reason) = check_name(file_name.to_str(), &name) {
                self.refuse(&name, &reason);
                continue;
            }
            self.entry(&entry, name, parent.depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &fs::DirEntry, name: String, depth: usize) -> Result<(), TooMuch> {
        self.entry_count += 1;
        if self.entry_count > ENTRY_COUNT_MAX {
            self.refuse(
                ".",
                &format!(
                    "there are more than {ENTRY_COUNT_MAX} files and folders; is this a world?"
                ),
            );
            return Err(TooMuch);
        }
        // Of the link itself: this follows none.
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => {
                self.refuse(&name, &format!("cannot be read: {error}"));
                return Ok(());
            }
        };
        if kind.is_symlink() {
            self.refuse(
                &name,
                "is a symbolic link; put the file itself into the world",
            );
        } else if kind.is_dir() && depth >= DEPTH_MAX {
            self.refuse(
                &name,
                &format!("lies deeper than {DEPTH_MAX} folders in each other"),
            );
        } else if kind.is_dir() {
            self.waiting.push(Waiting {
                path: entry.path(),
                name,
                depth: depth + 1,
            });
        } else if kind.is_file() {
            self.file(&entry.path(), name)?;
        } else {
            self.refuse(&name, "is neither a file nor a folder");
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: String) -> Result<(), TooMuch> {
        let mut data = Vec::new();
        let read =
            File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut data));
        match read {
            Ok(_) if data.len() as u64 > FILE_BYTES_MAX => {
                self.refuse(
                    &name,
                    &format!("is larger than {} MiB", FILE_BYTES_MAX >> 20),
                );
            }
            Ok(_) => {
                self.byte_count += data.len() as u64;
                if self.byte_count > WORLD_BYTES_MAX {
                    self.refuse(
                        ".",
                        &format!(
                            "all files together are larger than {} MiB",
                            WORLD_BYTES_MAX >> 20
                        ),
                    );
                    return Err(TooMuch);
                }
                self.folder.files.insert(name, Bytes::from(data));
                self.progress
                    .reading(self.folder.files.len(), self.byte_count);
            }
            // An editor has taken it away since the folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.refuse(&name, &format!("cannot be read: {error}")),
        }
        Ok(())
    }

    fn refuse(&mut self, name: &str, reason: &str) {
        self.folder.problems.push(Problem {
            severity: Severity::Error,
            file: name.to_owned(),
            line: None,
            text: reason.to_owned(),
        });
    }
}

/// Whether what is at a place could be a part of a world. The place is given from the world's folder.
pub(crate) fn is_part(place: &Path) -> bool {
    !place.iter().any(|part| is_skipped(&part.to_string_lossy()))
}

fn is_skipped(file_name: &str) -> bool {
    file_name.starts_with('.')
        || file_name == "__pycache__"
        || (file_name.starts_with('#') && file_name.ends_with('#'))
        || SKIPPED_ENDINGS
            .iter()
            .any(|ending| file_name.ends_with(ending))
}

/// A client writes the files of its image below a folder of its own, on any system: what could lead out of that folder on one of them has no
/// place in a world.
fn check_name(file_name: Option<&str>, name: &str) -> Result<(), String> {
    let Some(file_name) = file_name else {
        return Err("its name is not UTF-8".to_owned());
    };
    if let Some(bad) = file_name
        .chars()
        .find(|&c| matches!(c, '\\' | ':' | '/') || c.is_control())
    {
        return Err(format!(
            "its name has a {bad:?}, which means something else on other systems"
        ));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("its name is longer than {NAME_BYTES_MAX} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped() {
        for name in [
            ".git",
            ".DS_Store",
            "map.tmx~",
            "#map.tmx#",
            ".map.tmx.swp",
            "map.swp",
            "__pycache__",
            "a.pyc",
            "world.toml.bak",
        ] {
            assert!(is_skipped(name), "{name}");
        }
        for name in ["map.tmx", "VERSION", "a.b", "~a", "#a", "swp"] {
            assert!(!is_skipped(name), "{name}");
        }
    }

    #[test]
    fn what_lies_in_a_skipped_folder_is_skipped() {
        for (place, expected) in [
            ("", true),
            ("maps/a.tmx", true),
            (".git/index", false),
            ("maps/.a.tmx.swp", false),
            ("client/__pycache__/a", false),
        ] {
            assert_eq!(is_part(Path::new(place)), expected, "{place}");
        }
    }

    #[test]
    fn names() {
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for (name, is_good) in [
            (Some("map.tmx"), true),
            (Some("größe.png"), true),
            (Some("a b"), true),
            (Some("..\\up"), false),
            (Some("C:evil"), false),
            (Some("a\nb"), false),
            (Some(long.as_str()), false),
            (None, false),
        ] {
            assert_eq!(
                check_name(name, name.unwrap_or_default()).is_ok(),
                is_good,
                "{name:?}"
            );
        }
    }

    #[test]
    fn folders_in_folders_end() {
        let root = tempfile::tempdir().unwrap();
        let mut deep = root.path().to_owned();
        for _ in 0..=DEPTH_MAX {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("a"), "a").unwrap();
        let folder = read(root.path(), &Progress::hidden()).unwrap();
        assert!(folder.files.is_empty());
        assert_eq!(folder.problems.len(), 1);
        assert!(
            folder.problems[0].text.contains("deeper"),
            "{:?}",
            folder.problems
        );
    }
}
