//! Rules that are left out on purpose, one at a time: each must end in a violation within some seeds, or the rule is not tested.

use std::{fmt, str::FromStr};

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// The model's `save_nofence`: a save does not ask whose the row is.
    SaveWithoutFence,
    /// The model's `early_ack`: an answer goes out before the commit.
    AnswerBeforeCommit,
    /// The model's `no_dedupe`: a claim does not bring the list of commands that were applied.
    NoDeduplication,
    /// The model's `readonly_load`: a row is read and simulated, and not claimed.
    LoadWithoutClaim,
    /// The model's `resume_after_timeout`: a write whose outcome is unknown is taken for done.
    ResumeAfterUnknown,
    /// Regions are taken whatever their epoch, and whoever holds them.
    TakeWithoutEpoch,
    /// Who is being let go of still takes steps.
    UnfrozenRelease,
    /// A release does not save the list of commands that were applied.
    ForgetAppliedAtHandoff,
    /// A claim is given to a session of a lower generation.
    LowerGenerations,
    /// A command that is sent again gets a new count.
    NewCounterForRepeats,
    /// A server that has not been acknowledged for too long goes on speaking.
    TrustForEver,
    /// A region is given away before its entities were let go of.
    GiveUndrained,
    /// A target that this server does not have is taken for absent, without a look at its row.
    AbsentUnlooked,
}

impl Mutant {
    /// All of them: first those of the model.
    pub const ALL: [Self; 13] = [
        Self::SaveWithoutFence,
        Self::AnswerBeforeCommit,
        Self::NoDeduplication,
        Self::LoadWithoutClaim,
        Self::ResumeAfterUnknown,
        Self::TakeWithoutEpoch,
        Self::UnfrozenRelease,
        Self::ForgetAppliedAtHandoff,
        Self::LowerGenerations,
        Self::NewCounterForRepeats,
        Self::TrustForEver,
        Self::GiveUndrained,
        Self::AbsentUnlooked,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SaveWithoutFence => "save-without-fence",
            Self::AnswerBeforeCommit => "answer-before-commit",
            Self::NoDeduplication => "no-deduplication",
            Self::LoadWithoutClaim => "load-without-claim",
            Self::ResumeAfterUnknown => "resume-after-unknown",
            Self::TakeWithoutEpoch => "take-without-epoch",
            Self::UnfrozenRelease => "unfrozen-release",
            Self::ForgetAppliedAtHandoff => "forget-applied-at-handoff",
            Self::LowerGenerations => "lower-generations",
            Self::NewCounterForRepeats => "new-counter-for-repeats",
            Self::TrustForEver => "trust-for-ever",
            Self::GiveUndrained => "give-undrained",
            Self::AbsentUnlooked => "absent-unlooked",
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no such mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoMutant(String);

impl fmt::Display for NoMutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
        write!(
            f,
            "no mutant is called {:?}; there are {}",
            self.0,
            names.join(", ")
        )
    }
}

impl std::error::Error for NoMutant {}

impl FromStr for Mutant {
    type Err = NoMutant;

    fn from_str(name: &str) -> Result<Self, NoMutant> {
        let found = Self::ALL.into_iter().find(|mutant| mutant.name() == name);
        found.ok_or_else(|| NoMutant(name.to_owned()))
    }
}
