//! What there is to say about a world folder: a summary of each map, and everything that is wrong with it.

use std::collections::BTreeMap;

/// What was found while a world was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// A line for each map, by name.
    pub maps: Vec<MapSummary>,
    /// Everything that is wrong, in the order in which it was found.
    pub problems: Vec<Problem>,
}

/// A map, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapSummary {
    /// Its name.
    pub name: String,
    /// In tiles.
    pub width: u32,
    /// In tiles.
    pub height: u32,
    /// Which level it is on.
    pub level: i32,
    /// Where its west edge is, in tiles.
    pub x: i32,
    /// Where its north edge is, in tiles.
    pub y: i32,
    /// How many regions it has a part of.
    pub region_count: usize,
    /// How many tiles block.
    pub blocked_count: usize,
    /// How many warps it has.
    pub warp_count: usize,
    /// How many of them lead nowhere.
    pub dead_warp_count: usize,
    /// How many spawns it has.
    pub spawn_count: usize,
    /// How many creatures its spawns keep alive at the most.
    pub creature_count: u64,
    /// How many NPCs stand on it.
    pub npc_count: usize,
    /// Objects of classes that mean nothing to us, by class.
    pub unknown_classes: BTreeMap<String, usize>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the world can be served all the same.
    pub severity: Severity,
    /// The file, from the world's folder.
    pub file: String,
    /// The line, from 1, if one can be named.
    pub line: Option<u32>,
    /// What is wrong.
    pub text: String,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The world can be served.
    Warning,
    /// The world cannot be served.
    Error,
}

impl Report {
    /// Whether the world can be served.
    #[must_use]
    pub fn is_servable(&self) -> bool {
        self.problems
            .iter()
            .all(|problem| problem.severity == Severity::Warning)
    }

    pub(crate) fn add(&mut self, severity: Severity, file: &str, line: Option<u32>, text: String) {
        self.problems.push(Problem {
            severity,
            file: file.to_owned(),
            line,
            text,
        });
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.text)
    }
}
