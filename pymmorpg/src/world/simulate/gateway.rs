//! The one gateway by which all players look: it hears where they are and what was answered, and listens to every region that one of them sees.

use std::collections::{BTreeSet, HashMap};

use world::{
    position::Position,
    region::{Answer, LinkId, Message, Update},
    region_id::RegionId,
};

/// Its stream.
pub(super) const LINK: LinkId = LinkId(1);

/// What it knows.
#[derive(Debug, Default)]
pub(super) struct Gateway {
    /// Of each player, by the session's number less 1.
    pub(super) players: Vec<Player>,
    numbers: HashMap<String, usize>,
    /// Regions that it listens to.
    pub(super) subscribed: BTreeSet<RegionId>,
    /// How many messages it was sent.
    pub(super) message_count: u64,
}

/// A player, as its client knows it.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) key: String,
    pub(super) position: Position,
    /// Where the commands go; None: it has not entered yet.
    pub(super) region: Option<RegionId>,
    /// Whether the last step was refused.
    pub(super) was_refused: bool,
    pub(super) step_count: u64,
}

impl Gateway {
    pub(super) fn add(&mut self, name: &str, position: Position) {
        let player = Player {
            key: world::name::key(name),
            position,
            region: None,
            was_refused: false,
            step_count: 0,
        };
        self.numbers.insert(name.to_owned(), self.players.len());
        self.players.push(player);
    }

    fn player(&mut self, session: u64) -> Option<&mut Player> {
        let number = usize::try_from(session.checked_sub(1)?).ok()?;
        self.players.get_mut(number)
    }

    /// Hears a message.
    pub(super) fn hear(&mut self, message: Message) {
        self.message_count += 1;
        match message {
            Message::Entered { session, region } | Message::Moved { session, region } => {
                if let Some(player) = self.player(session) {
                    player.region = Some(region);
                }
            }
            Message::Reply {
                session, answer, ..
            } => {
                if let Some(player) = self.player(session) {
                    player.was_refused = answer != Answer::Done(true);
                    player.step_count += u64::from(!player.was_refused);
                }
            }
            Message::Snapshot(update) | Message::Changes(update) => self.look(&update),
            // Who is handed over hears where to; nobody takes a character over or lets go of it.
            Message::Elsewhere { .. }
            | Message::Again { .. }
            | Message::Released { .. }
            | Message::Evicted { .. } => {}
        }
    }

    fn look(&mut self, update: &Update) {
        for shown in update.changed.iter().filter(|shown| shown.is_player) {
            let number = self.numbers.get(&shown.name);
            if let Some(player) = number.and_then(|number| self.players.get_mut(*number)) {
                player.position = shown.position;
            }
        }
    }

    /// Every region that a player is in or sees.
    pub(super) fn wanted(
        &self,
        view_distance: f64,
        cell_tiles: u32,
        regions: &BTreeSet<RegionId>,
    ) -> BTreeSet<RegionId> {
        let mut wanted = BTreeSet::new();
        for player in &self.players {
            let seen = RegionId::in_view(player.position, view_distance, cell_tiles);
            wanted.extend(seen.filter(|region| regions.contains(region)));
            wanted.extend(player.region);
        }
        wanted
    }
}
