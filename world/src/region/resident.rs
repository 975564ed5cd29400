//! One entity in memory: its state, the session that speaks for it, and what waits for its row. It goes from region to region as it is.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{
    Ask, Asker, Claimed, Creature, Enter, Now, Reason, Save, Session, Shown, Traveller,
    life::{Label, Mind},
    replies::Replies,
};
use crate::{
    applied::Applied,
    attributes,
    behaviours::Event,
    entity::{Attribute, EntityState},
    movement::Budget,
    name,
    position::Position,
    region_id::RegionId,
    settings::Settings,
};

/// An entity, owned by this server.
#[derive(Debug, Clone)]
pub struct Resident {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) label: Label,
    pub(super) kind: Kind,
    /// As it is in memory: what others see. Moves are ahead of the row by at most a second; nothing else is.
    pub(super) state: EntityState,
    pub(super) own: u64,
    pub(super) version: u64,
    pub(super) generation: u64,
    pub(super) speaker: Speaker,
    pub(super) replies: Replies,
    pub(super) budget: Budget,
    pub(super) applied: Applied,
    /// Since when the row is behind the position, in milliseconds since 1970; None: it is not.
    pub(super) unsaved_since_ms: Option<u64>,
    /// What is being written. One at a time: two writes of a row could overtake each other.
    pub(super) writing: Option<Writing>,
    /// Whether its session has sent something since the row is being given up: none of it was taken.
    pub(super) has_missed: bool,
    /// What waits for the row to be written.
    pub(super) waiting: VecDeque<Waiting>,
    /// Who has put it elsewhere, and is answered from there: by then, whoever looks there sees it.
    pub(super) owed: Option<Asker>,
    pub(super) shown: Bytes,
    /// When the first of its attributes ceases to be, as far as its region has noted.
    pub(super) expiry_ms: Option<u64>,
    /// What moves it, as long as it is in a region; None: nothing does.
    pub(super) mind: Option<Mind>,
}

/// What sort of entity it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A player's character.
    Player,
    /// Placed by a game master: it lasts.
    Placed,
    /// Put there by the content: it has no row.
    Creature {
        /// The region that counts it.
        home: RegionId,
        /// Where it was put into the world.
        origin: Position,
    },
}

/// Who speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// A session.
    Session(Session),
    /// Nobody, since then.
    Nobody {
        /// In milliseconds since 1970.
        since_ms: u64,
    },
    /// Nobody, and it leaves the world as soon as nothing waits for its row.
    Leaving,
}

/// What is being written.
#[derive(Debug, Clone)]
pub(super) enum Writing {
    /// The position.
    Position,
    /// These attributes, which become the entity's once they are durable; who is then told what, and what that is to the entity.
    Attributes {
        state: EntityState,
        applied: Applied,
        replies: Vec<(Asker, bool)>,
        events: Vec<Event>,
    },
    /// A later session's generation.
    Takeover {
        /// The session.
        enter: Enter,
        /// Whether its player has gone meanwhile.
        has_left: bool,
    },
    /// Another place.
    Teleport(Asker, Position),
    /// Its end.
    Despawn(Asker),
    /// Its departure from the world; why its session ends, and who wanted that.
    Release(Option<(Asker, Reason)>),
    /// Its departure to whoever holds a region, and who has put it there.
    Handoff { to: RegionId, asker: Option<Asker> },
    /// Nothing: a creature waits until a region of another server has it. `version` is its own when it set out.
    Crossing { to: RegionId, version: u64 },
}

impl Writing {
    /// Whether the row is given up with it. Until the outcome is known, the entity takes no input: what a release does not carry would be lost.
    pub(super) fn is_release(&self) -> bool {
        matches!(
            self,
            Self::Release(_) | Self::Handoff { .. } | Self::Crossing { .. }
        )
    }

    /// Who waits for it.
    pub(super) fn askers(&self) -> impl Iterator<Item = &Asker> {
        let (many, one): (&[(Asker, bool)], Option<&Asker>) = match self {
            Self::Position
            | Self::Takeover { .. }
            | Self::Release(None)
            | Self::Crossing { .. } => (&[], None),
            Self::Attributes { replies, .. } => (replies, None),
            Self::Teleport(asker, _) | Self::Despawn(asker) | Self::Release(Some((asker, _))) => {
                (&[], Some(asker))
            }
            Self::Handoff { asker, .. } => (&[], asker.as_ref()),
        };
        many.iter().map(|(asker, _)| asker).chain(one)
    }
}

/// What waits for the row.
#[derive(Debug, Clone)]
pub(super) enum Waiting {
    Ask(Ask),
    Enter(Enter),
}

impl Resident {
    /// An entity from its row, as nobody's.
    pub(super) fn new(row: Claimed, settings: &Settings, now_ms: u64) -> Self {
        let mut resident = Self {
            label: Label::new(&row.key, &row.name, row.is_player),
            key: row.key,
            name: row.name,
            kind: if row.is_player {
                Kind::Player
            } else {
                Kind::Placed
            },
            state: row.state,
            own: row.own,
            version: 1,
            generation: row.generation,
            speaker: Speaker::Nobody { since_ms: now_ms },
            replies: Replies::stored(row.moved, row.applied.refused_steps()),
            budget: Budget::full(settings, now_ms),
            applied: row.applied,
            unsaved_since_ms: None,
            writing: None,
            has_missed: false,
            waiting: VecDeque::new(),
            owed: None,
            shown: Bytes::new(),
            expiry_ms: None,
            mind: None,
        };
        attributes::expire(&mut resident.state, now_ms);
        resident.refresh(settings, now_ms);
        resident
    }

    /// A creature of the content, at its home. `epoch` takes the place of a row's `own`: a later run's creature replaces an earlier one's.
    pub(super) fn creature(
        creature: &Creature,
        home: RegionId,
        epoch: u64,
        version: u64,
        now: &Now<'_>,
    ) -> Self {
        let attributes = creature.attributes.iter();
        let state = EntityState {
            position: creature.position,
            attributes: attributes
                .map(|(name, value)| (name.clone(), Attribute::lasting(value.clone())))
                .collect(),
            behaviour: creature.behaviour.clone(),
        };
        let traveller = Traveller {
            name: creature.name.clone(),
            home,
            origin: state.position,
            state,
            applied: Applied::default(),
        };
        Self {
            version,
            ..Self::traveller(&name::key(&creature.name), traveller, epoch, now)
        }
    }

    /// A creature that has come.
    pub(super) fn traveller(key: &str, traveller: Traveller, own: u64, now: &Now<'_>) -> Self {
        let row = Claimed {
            key: key.to_owned(),
            name: traveller.name,
            is_player: false,
            own,
            generation: 0,
            moved: crate::applied::CommandId::default(),
            applied: traveller.applied,
            state: traveller.state,
        };
        Self {
            kind: Kind::Creature {
                home: traveller.home,
                origin: traveller.origin,
            },
            ..Self::new(row, now.settings, now.ms)
        }
    }

    /// A creature begins there, and not where the content says.
    pub(super) fn put_at(&mut self, place: Position) {
        self.state.position = place;
        if let Kind::Creature { origin, .. } = &mut self.kind {
            *origin = place;
        }
    }

    /// The [`crate::name::key`] of its name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// It is where its row does not say that it is.
    pub(super) fn walked(&mut self, now_ms: u64) {
        self.unsaved_since_ms.get_or_insert(now_ms);
    }

    pub(super) fn session(&self) -> Option<Session> {
        match self.speaker {
            Speaker::Session(session) => Some(session),
            Speaker::Nobody { .. } | Speaker::Leaving => None,
        }
    }

    /// A session does not speak for it any more, if it did: a row that was claimed again may know of a later one.
    pub(super) fn silence(&mut self, session: Session, now_ms: u64) {
        if self.session() == Some(session) {
            self.speaker = Speaker::Nobody { since_ms: now_ms };
        }
    }

    pub(super) fn is_player(&self) -> bool {
        self.kind == Kind::Player
    }

    pub(super) fn is_creature(&self) -> bool {
        matches!(self.kind, Kind::Creature { .. })
    }

    /// Works out anew what others see besides name and place; whether that has changed.
    pub(super) fn refresh(&mut self, settings: &Settings, now_ms: u64) -> bool {
        let shown = attributes::shown(&self.state, settings, now_ms);
        if self.shown == shown {
            return false;
        }
        self.shown = shown.into();
        true
    }

    pub(super) fn shown(&self, with_attributes: bool) -> Shown {
        Shown {
            name: self.name.clone(),
            own: self.own,
            version: self.version,
            position: self.state.position,
            is_player: self.is_player(),
            attributes: with_attributes.then(|| self.shown.clone()),
        }
    }

    /// Whether its row is being given up.
    pub(super) fn is_frozen(&self) -> bool {
        self.writing.as_ref().is_some_and(Writing::is_release)
    }

    /// Its row as it should be now, in the region that has it.
    pub(super) fn save(&self, region: RegionId) -> Save {
        let mut applied = self.applied.clone();
        applied.note_refused_steps(self.replies.refused());
        Save {
            key: self.key.clone(),
            own: self.own,
            region,
            present: true,
            generation: self.generation,
            moved: self.replies.last_taken(),
            applied,
            state: self.state.clone(),
            release: false,
            audit: None,
        }
    }
}
