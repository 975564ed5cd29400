//! What a region wants done: the other half of its language. Nothing here decides anything.

use super::{
    Ask, Asker, Audit, Claimed, Edit, Enter, LinkId, Message, Resident, Save, Session, Word,
};
use crate::region_id::RegionId;

/// What a region wants done, in this order.
#[derive(Debug)]
pub enum Output {
    /// Say something to a gateway.
    Tell(LinkId, Message),
    /// Claim the row of a character for a session; then [`Input::Entered`].
    Claim(Enter),
    /// Write a row; then [`Input::Saved`].
    Save(Box<Save>),
    /// Add a row; then [`Input::Spawned`].
    Spawn(Asker, Box<Claimed>, Audit),
    /// Remove a row; then [`Input::Saved`].
    Despawn {
        /// Whose.
        key: String,
        /// What the claim returned.
        own: u64,
        /// What is written into the audit log with it.
        audit: Audit,
    },
    /// Log an edit of something that has no row; then [`Input::Saved`].
    Note {
        /// Whose.
        key: String,
        /// Echoed in the answer.
        own: u64,
        /// What is written into the audit log.
        audit: Audit,
    },
    /// What is known of an entity is not certain any more: claim its row again, wherever it then belongs.
    Recover {
        /// Whose.
        key: String,
        /// The session that spoke for it.
        session: Option<Session>,
    },
    /// Pass a command on to another region.
    Pass(RegionId, Ask),
    /// Nobody of the target's name is in the world as far as this server knows: find out whether that is so, and answer.
    Absent(Ask),
    /// This edit would be refused now, but was sent before: find out whether it was done then, see to it that otherwise it never is, and answer that.
    WasDone(Asker),
    /// Change maps, and answer.
    Map(Asker, Edit),
    /// Give an entity to another region of this server, whose [`super::Passage`] is open.
    HandOver(RegionId, Box<Resident>),
    /// A uthread has failed, and is no more.
    Failed {
        /// Whose it was, or what it is called.
        who: String,
        /// What went wrong.
        text: String,
    },
    /// From now on, the entity is here.
    Here(String),
    /// The entity is not in the world any more, or not on this server.
    Gone(String),
    /// Say something to another region, whoever has it: there, it is [`super::Input::Said`]. It may get lost.
    Say(RegionId, Box<Word>),
    /// A creature whose home this is was last heard of in that region; None: it is at home, or nowhere.
    Abroad(String, Option<RegionId>),
    /// The entity's row was let go of for a region of another server, or for whoever has this one next: a hint for its holder, who claims it.
    Released {
        /// Whose.
        key: String,
        /// What the row says now.
        region: RegionId,
    },
}
