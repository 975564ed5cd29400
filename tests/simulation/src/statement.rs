//! What is asked of the database, and what it answers: the operations of `store` that zone servers and gateways use. One statement is one
//! transaction.

use store::{
    directory::ZoneServer,
    edits,
    entities::{Claim, EntityRow, Incarnation, Orphan, Save, Saved},
    regions::Holding,
};
use world::{
    applied::{Applied, CommandId},
    region_id::RegionId,
};

/// Who does what: the unique part of a line of the audit log.
pub type AuditId = (String, CommandId);

/// A statement.
#[derive(Debug, Clone)]
pub enum Statement {
    /// `entities().peek`
    Peek(String),
    /// `entities().claim`
    Claim(Claim),
    /// `entities().save`, or `edits().save` if it is audited.
    Save(Box<Save>, Option<AuditId>),
    /// `edits().spawn`
    Spawn(Box<EntityRow>, AuditId),
    /// `edits().despawn`
    Despawn {
        /// Whose row.
        key: String,
        /// Who despawns.
        owner: Incarnation,
        /// What the claim returned.
        own: u64,
        /// The edit.
        audit: AuditId,
    },
    /// `edits().is_done`
    IsDone(AuditId),
    /// `edits().refuse`
    Refuse(AuditId),
    /// `entities().note_absent`
    NoteAbsent {
        /// Whose row.
        key: String,
        /// Its `own`.
        seen: u64,
        /// What it has undergone.
        applied: Applied,
    },
    /// `entities().undergone_by_gone`
    UndergoneByGone(String),
    /// `entities().orphans_in`: rows in these regions whose owners are none of these.
    Orphans(Vec<Incarnation>, Vec<RegionId>),
    /// `entities().orphans_of`: rows in the world that this server owns.
    Owned(Incarnation),
    /// `directory().heartbeat`
    Heartbeat(ZoneServer),
    /// `directory().remove`
    Remove(Incarnation),
    /// `regions().all`
    Holdings,
    /// `directory().live`
    Live,
    /// `regions().take`
    Take(Incarnation, Vec<(RegionId, u64)>),
    /// `regions().give`
    Give(Incarnation, Option<Incarnation>, Vec<(RegionId, u64)>),
    /// `accounts().begin_session`
    BeginSession(String),
}

/// An answer.
#[derive(Debug, Clone)]
pub enum Response {
    /// The row, if there is one.
    Row(Option<Box<EntityRow>>),
    /// What became of a save.
    Saved(Saved),
    /// What became of an edit.
    Edited(edits::Outcome<()>),
    /// Whether it is so.
    IsDone(bool),
    /// What somebody had undergone who is gone.
    Undergone(Option<Applied>),
    /// Rows that somebody should claim.
    Orphans(Vec<Orphan>),
    /// It is done.
    Done,
    /// Who holds what.
    Holdings(Vec<Holding>),
    /// The living.
    Live(Vec<ZoneServer>),
    /// Regions, with their epochs from now on.
    Taken(Vec<(RegionId, u64)>),
    /// Regions that were given.
    Given(Vec<RegionId>),
    /// The generation of a session, and where its character is.
    Begun(u64, RegionId),
}

/// Nobody knows whether the statement took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown;

/// What becomes of a statement, as whoever asked sees it.
pub type Answered = Result<Response, Unknown>;

impl Statement {
    /// Its name, for traces.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Peek(_) => "peek",
            Self::Claim(_) => "claim",
            Self::Save(save, _) if save.release => "release",
            Self::Save(..) => "save",
            Self::Spawn(..) => "spawn",
            Self::Despawn { .. } => "despawn",
            Self::IsDone(_) => "is_done",
            Self::Refuse(_) => "refuse",
            Self::NoteAbsent { .. } => "note_absent",
            Self::UndergoneByGone(_) => "undergone_by_gone",
            Self::Orphans(..) => "orphans",
            Self::Owned(_) => "orphans_of",
            Self::Heartbeat(_) => "heartbeat",
            Self::Remove(_) => "remove",
            Self::Holdings => "holdings",
            Self::Live => "live",
            Self::Take(..) => "take",
            Self::Give(..) => "give",
            Self::BeginSession(_) => "begin_session",
        }
    }
}
