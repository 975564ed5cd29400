//! What a region is told and what it answers: its whole language. Nothing here decides anything.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use wire::{Value, command::Change};

use super::resident::Resident;
use crate::{
    applied::{Applied, CommandId},
    entity::EntityState,
    position::Position,
    region_id::RegionId,
    terrain::TileEdit,
};

/// One gateway's stream, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A player's session: the number that its gateway gave it on its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// The gateway's stream.
    pub link: LinkId,
    /// The gateway's number.
    pub number: u64,
}

/// A session that wants to speak for a character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enter {
    /// The session.
    pub session: Session,
    /// The [`crate::name::key`] of the character.
    pub key: String,
    /// The session's generation.
    pub generation: u64,
}

/// A request of a player.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The session that it came by.
    pub session: Session,
    /// The [`crate::name::key`] of the player's character.
    pub author: String,
    /// Its name for ever.
    pub id: CommandId,
    /// How often the gateway has sent it before.
    pub attempt: u32,
    /// What is wanted.
    pub body: Body,
}

/// What a player wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A step.
    Move {
        /// Tiles to the east.
        dx: f64,
        /// Tiles to the south.
        dy: f64,
    },
    /// An attribute's value.
    Get {
        /// Whose.
        name: String,
        /// Which.
        attribute: String,
    },
    /// A change of an attribute.
    Set {
        /// Whose.
        name: String,
        /// Which.
        attribute: String,
        /// What becomes of it.
        change: Change,
    },
    /// What only game masters may do.
    Edit(Edit),
}

impl Body {
    /// The command's name, for labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Move { .. } => "move",
            Self::Get { .. } => "get",
            Self::Set { .. } => "set",
            Self::Edit(_) => "edit",
        }
    }
}

/// A game master's command.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Change one tile.
    Tile(TileEdit),
    /// A new lasting entity.
    Spawn {
        /// A name that nobody has.
        name: String,
        /// Where.
        position: Position,
        /// What it begins with.
        attributes: Vec<(String, Value)>,
        /// What it does.
        behaviour: Option<String>,
    },
    /// Remove an entity that is no player.
    Despawn(String),
    /// Put somebody somewhere.
    Teleport {
        /// Whom.
        name: String,
        /// Where to.
        position: Position,
    },
    /// Close a player's connection.
    Kick(String),
    /// Take a map afresh from the published content, with the edits that still fit.
    Reload(String),
    /// Drop a map's edits, and let what it spawns begin anew.
    Reset(String),
}

/// Whoever waits for the answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Asker {
    /// The session that is answered.
    pub session: Session,
    /// The [`crate::name::key`] of the author.
    pub key: String,
    /// The command.
    pub id: CommandId,
    /// Echoed in the answer.
    pub attempt: u32,
    /// The command's name, for labels.
    pub kind: &'static str,
    /// Whether the author was a game master when it asked.
    pub is_gm: bool,
    /// Where the author was when it asked.
    pub position: Position,
}

impl Asker {
    /// The answer.
    pub(super) fn answer(&self, answer: Answer) -> Output {
        let message = Message::Reply {
            session: self.session.number,
            counter: self.id.counter,
            attempt: self.attempt,
            kind: self.kind,
            answer,
        };
        Output::Tell(self.session.link, message)
    }

    /// The answer to what was done, or not.
    pub(super) fn done(&self, done: bool) -> Output {
        self.answer(Answer::Done(done))
    }

    /// Nothing was done, or nobody knows: the gateway asks again.
    pub(super) fn try_again(&self) -> Output {
        let message = Message::Again {
            session: self.session.number,
            counter: self.id.counter,
            attempt: self.attempt,
        };
        Output::Tell(self.session.link, message)
    }

    /// The answer to an edit that cannot be done now. What was sent before may have been done then.
    pub(super) fn refuse(self) -> Output {
        if self.attempt == 0 {
            self.done(false)
        } else {
            Output::WasDone(self)
        }
    }
}

impl Enter {
    /// The session cannot speak for the character here.
    pub(super) fn elsewhere(&self, region: Option<RegionId>) -> Output {
        elsewhere(self.session, 0, 0, region)
    }

    /// A later session has come.
    pub(super) fn superseded(&self) -> Output {
        self.session.evicted(Reason::TakenOver)
    }
}

impl Session {
    pub(super) fn evicted(self, reason: Reason) -> Output {
        let session = self.number;
        Output::Tell(self.link, Message::Evicted { session, reason })
    }
}

/// Nothing was done; the character is there, if that is known.
pub(super) fn elsewhere(
    session: Session,
    counter: u64,
    attempt: u32,
    region: Option<RegionId>,
) -> Output {
    let message = Message::Elsewhere {
        session: session.number,
        counter,
        attempt,
        region,
    };
    Output::Tell(session.link, message)
}

/// A command whose author has been checked, on its way to what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Who asks.
    pub asker: Asker,
    /// The [`crate::name::key`] of what it is about.
    pub target: String,
    /// What is wanted of it.
    pub action: Action,
    /// How many regions it has been passed on by, looking for its target.
    pub hop_count: u8,
}

/// What is wanted of a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// An attribute's value.
    Get(String),
    /// A change of an attribute.
    Set {
        /// Which.
        attribute: String,
        /// What becomes of it.
        change: Change,
    },
    /// [`Edit::Spawn`].
    Spawn(Box<Newcomer>),
    /// [`Edit::Despawn`].
    Despawn,
    /// [`Edit::Teleport`].
    Teleport(Position),
    /// [`Edit::Kick`].
    Kick,
    /// [`Edit::Tile`], on its way to the region that the tile is in.
    Map(Box<Edit>),
}

/// A lasting entity to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Newcomer {
    /// Its name as it is shown.
    pub name: String,
    /// What it begins as.
    pub state: EntityState,
}

/// A row as a claim returned it: the right to simulate an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The [`crate::name::key`] of its name.
    pub key: String,
    /// Its name as it is shown.
    pub name: String,
    /// Whether it is a player's character.
    pub is_player: bool,
    /// The row's count of changes of hands.
    pub own: u64,
    /// The generation of the session that speaks for it.
    pub generation: u64,
    /// The last move that `state` has in it.
    pub moved: CommandId,
    /// Durable commands that it has undergone.
    pub applied: Applied,
    /// The rest.
    pub state: EntityState,
}

/// A row to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Save {
    /// Whose.
    pub key: String,
    /// What the claim returned.
    pub own: u64,
    /// Where it belongs.
    pub region: RegionId,
    /// Whether it is to be in the world.
    pub present: bool,
    /// Of the session that speaks for it.
    pub generation: u64,
    /// The last move that `state` has in it.
    pub moved: CommandId,
    /// Durable commands that it has undergone.
    pub applied: Applied,
    /// The rest.
    pub state: EntityState,
    /// Whether ownership ends with this.
    pub release: bool,
    /// What is written into the audit log with it.
    pub audit: Option<Audit>,
}

/// An edit for the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// The [`crate::name::key`] of the game master.
    pub author: String,
    /// The command.
    pub id: CommandId,
    /// What it says.
    pub edit: Edit,
}

/// What became of something that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Done,
    /// The same edit was durable before; nothing was written now.
    Repeated,
    /// The row is not this server's, or the name is taken; nothing was written.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What became of a claim for a session that enters.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimOutcome {
    /// The row is ours.
    Claimed(Box<Claimed>),
    /// The row belongs to another region.
    Elsewhere(RegionId),
    /// A later session has come already.
    Superseded,
    /// The row could not be had; the gateway tries again.
    Failed,
}

/// Somebody that the content puts into a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Creature {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub position: Position,
    /// What it begins with.
    pub attributes: BTreeMap<String, Value>,
    /// What it does.
    pub behaviour: Option<String>,
}

/// What a region is told.
#[derive(Debug)]
pub enum Input {
    /// A session wants to speak for a character that should be here.
    Enter(Enter),
    /// A session's player has gone.
    Leave(Enter),
    /// A player's request.
    Command(Command),
    /// A gateway wants to hear of the region.
    Subscribe(LinkId),
    /// A gateway does not want to any more.
    Unsubscribe(LinkId),
    /// Another region has checked the author of this.
    Ask(Ask),
    /// An entity comes over the border.
    Arrive(Box<Resident>),
    /// The answer to [`Output::Claim`].
    Entered(Enter, ClaimOutcome),
    /// A row that nobody living owned, or that was lost to an unknown outcome, is ours now.
    Adopted(Box<Claimed>, Option<Session>),
    /// The answer to [`Output::Save`], [`Output::Despawn`] and [`Output::Note`].
    Saved {
        /// Whose.
        key: String,
        /// As it was wanted: a write of an earlier claim says nothing about what a later one has brought.
        own: u64,
        /// What became of it.
        outcome: Outcome,
    },
    /// The answer to [`Output::Spawn`].
    Spawned(Asker, Box<Claimed>, Outcome),
    /// The ground or the rules have changed.
    Changed {
        /// All creatures that should be here now; None: those that are here are left as they are.
        creatures: Option<Vec<Creature>>,
        /// Whether those who are here already begin anew.
        afresh: bool,
    },
    /// The time of [`super::Region::wake_ms`] has come.
    Wake,
    /// Let go of everything: the server stops.
    Drain,
}

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
    /// This edit would be refused now, but was sent before: find out whether it was done then, and answer that.
    WasDone(Asker),
    /// Change maps, and answer.
    Map(Asker, Edit),
    /// Give an entity to another region of this server, whose [`super::Passage`] is open.
    HandOver(RegionId, Box<Resident>),
    /// From now on, the entity is here.
    Here(String),
    /// The entity is not in the world any more, or not on this server.
    Gone(String),
    /// The entity's row was let go of for a region of another server, or for whoever has this one next: a hint for its holder, who claims it.
    Released {
        /// Whose.
        key: String,
        /// What the row says now.
        region: RegionId,
    },
}

/// What a gateway is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The session speaks for its character.
    Entered {
        /// The gateway's number.
        session: u64,
        /// Where the character is.
        region: RegionId,
    },
    /// The answer to a command.
    Reply {
        /// The gateway's number.
        session: u64,
        /// The command's count.
        counter: u64,
        /// As it came.
        attempt: u32,
        /// The command's name, for labels.
        kind: &'static str,
        /// What is answered.
        answer: Answer,
    },
    /// Nothing was done; the character is not here.
    Elsewhere {
        /// The gateway's number.
        session: u64,
        /// The command's count; 0: an entrance.
        counter: u64,
        /// As it came.
        attempt: u32,
        /// Where it is, if that is known.
        region: Option<RegionId>,
    },
    /// The command was not done, or nobody knows: send it again after a moment, to wherever the character is then. It says nothing of where that is.
    Again {
        /// The gateway's number.
        session: u64,
        /// The command's count.
        counter: u64,
        /// As it came.
        attempt: u32,
    },
    /// The character has come here.
    Moved {
        /// The gateway's number.
        session: u64,
        /// Where it is now.
        region: RegionId,
    },
    /// The character has been let go of, with all that was answered of it: the session enters again, in this region, wherever that is held.
    Released {
        /// The gateway's number.
        session: u64,
        /// The region that the character's row says now.
        region: RegionId,
    },
    /// The session speaks for nobody any more.
    Evicted {
        /// The gateway's number.
        session: u64,
        /// Why.
        reason: Reason,
    },
    /// Everything in the region.
    Snapshot(Arc<Update>),
    /// What has changed in the region.
    Changes(Arc<Update>),
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Whether it was done.
    Done(bool),
    /// What was asked for.
    Value(Value),
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A later login of the same character.
    TakenOver,
    /// A game master's `kick`.
    Kicked,
}

/// News of a region, shared by all who are told it.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Which region.
    pub region: RegionId,
    /// The run of the server that says so; a later one has a higher number.
    pub epoch: u64,
    /// Who is there, or has changed.
    pub changed: Vec<Shown>,
    /// Who has left.
    pub departed: Vec<Departed>,
}

/// An entity as others see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its row's count of changes of hands.
    pub own: u64,
    /// Its count of changes since the last of those.
    pub version: u64,
    /// Where it is.
    pub position: Position,
    /// The pickled dict of what `update` shows besides; None: as it was.
    pub attributes: Option<Bytes>,
}

/// An entity that has left a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Departed {
    /// Its name.
    pub name: String,
    /// As in [`Shown`].
    pub own: u64,
    /// As in [`Shown`].
    pub version: u64,
    /// Where to; None: out of the world.
    pub to: Option<RegionId>,
}
